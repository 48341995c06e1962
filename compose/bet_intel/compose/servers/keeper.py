"""``python -m bet_intel.compose.servers.keeper FOLDER``: ends the servers of a folder when its last user has gone."""

import sys
from pathlib import Path

from bet_intel.compose.servers.folder import end_if_unused


def main() -> None:
    end_if_unused(Path(sys.argv[1]), wait=True)


if __name__ == "__main__":
    main()
