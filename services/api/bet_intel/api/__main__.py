"""`python -m bet_intel.api serve|consume|migrate|redrive`."""

import sys

from bet_intel.api.processes import SERVICE
from bet_intel.shared.entry import main

if __name__ == "__main__":
    sys.exit(main(SERVICE))
