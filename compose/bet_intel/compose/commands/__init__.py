"""The commands of `bet-intel`, each imported when it is called."""

STANDARD_INPUT = "/dev/stdin"
"""What `-` on the command line becomes: alone, it would be taken for an option."""
