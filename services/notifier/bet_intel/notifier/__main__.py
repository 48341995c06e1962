"""`python -m bet_intel.notifier consume|worker|migrate|redrive`."""

import sys

from bet_intel.notifier.processes import SERVICE
from bet_intel.shared.entry import main

if __name__ == "__main__":
    sys.exit(main(SERVICE))
