"""Checks of the shell scripts that are deployed."""

from collections.abc import Sequence
from pathlib import Path

from deploy.faults import faults

_SEVERITY = "warning"


def scripts(root: Path) -> Sequence[str]:
    """Each is one that its shell can read and that shellcheck does not warn of."""
    wrong: list[str] = []
    for file in sorted((root / "compose").rglob("*.sh")):
        shell = file.read_text("utf-8").splitlines()[0].removeprefix("#!").rpartition("/")[2].removeprefix("env ")
        if shell not in ("sh", "bash"):
            wrong.append(f"{file.relative_to(root)}: nobody knows what reads it")
            continue
        wrong += faults(shell, "-n", file)
        wrong += faults("shellcheck", f"--severity={_SEVERITY}", f"--shell={shell}", file)
        if not file.stat().st_mode & 0o111 and "k8s" not in file.parts:
            wrong.append(f"{file.relative_to(root)}: cannot be executed")
    return wrong
