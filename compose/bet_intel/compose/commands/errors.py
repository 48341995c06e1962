"""What a command raises when it cannot do what it was asked; `cli` turns it into a sentence and an exit code."""


class CommandError(Exception):
    """Asked rightly, but it could not be done: exit code 1. The message names the thing and the remedy."""

    kind = "failed"
    code = 1


class UsageError(CommandError):
    """Asked wrongly: exit code 2. The message says what would be right."""

    kind = "usage"
    code = 2
