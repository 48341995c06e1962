"""`python -m bet_intel.odds_ingest schedule|worker|migrate|redrive`."""

import sys

from bet_intel.odds_ingest.processes import SERVICE
from bet_intel.shared.entry import main

if __name__ == "__main__":
    sys.exit(main(SERVICE))
