"""`bet-intel cluster`: the whole topology from this machine's own server programs, each process on its own."""
