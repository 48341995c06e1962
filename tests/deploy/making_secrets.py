"""What compose/secrets.sh makes, away from the secrets of this host."""

import shutil
from pathlib import Path

from deploy.faults import faults

SCRIPT = "compose/secrets.sh"


def make_secrets(root: Path, folder: Path, *options: str) -> list[str]:
    """Have the script of `root` make `folder`/secrets; returns what it says where it fails."""
    for beside in ("hosts", "rabbitmq"):
        shutil.copytree(root / "compose" / beside, folder / beside)
    script = shutil.copy(root / SCRIPT, folder)
    return [f"secrets.sh: {fault}" for fault in faults(script, *options, cwd=folder)]
