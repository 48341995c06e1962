"""`python -m bet_intel.ev_engine consume|worker|migrate|redrive`."""

import sys

from bet_intel.ev_engine.processes import SERVICE
from bet_intel.shared.entry import main

if __name__ == "__main__":
    sys.exit(main(SERVICE))
