"""``python -m bet_intel.compose.servers.keeper FOLDER``: ends the servers of a folder when its last user has gone."""

import os
import sys
from pathlib import Path

from bet_intel.compose.servers.folder import KEEPER, end_if_unused


def main() -> None:
    path = Path(sys.argv[1])
    (path / KEEPER).write_text(f"{os.getpid()}\n", encoding="utf-8")
    end_if_unused(path, wait=True)


if __name__ == "__main__":
    main()
