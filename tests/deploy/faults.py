"""What a check of the deployment's files is made of."""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
TOOLS = PROJECT / ".venv-deploy/bin"
"""What scripts/deploy-tools installs."""
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Check:
    """Looks at the files below a root, the project's or a copy of it; returns what is wrong, nothing where all is
    right. Raises where it cannot tell."""

    name: str
    look: Callable[[Path], Sequence[str]]


class CannotTellError(Exception):
    """What a check needs is not there; the message says how to get it."""


def ran(
    *command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None, text: str | None = None
) -> tuple[int, str]:
    """A command's exit code and all that it said.

    Raises:
        CannotTellError: it is not installed, or did not end in time.
    """
    try:
        done = subprocess.run(
            [str(one) for one in command],
            cwd=cwd,
            env=os.environ | (environment or {}),
            input=text,
            stdin=None if text is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise CannotTellError(f"{command[0]} is not installed: scripts/deploy-tools") from error
    except subprocess.TimeoutExpired as error:
        raise CannotTellError(f"{command[0]} has not ended within {_SECONDS} s") from error
    return done.returncode, done.stdout


def faults(*command: str | Path, cwd: Path | None = None, environment: dict[str, str] | None = None) -> list[str]:
    """What a command says where it fails."""
    code, said = ran(*command, cwd=cwd, environment=environment)
    return [] if code == 0 else [said.strip() or f"{command[0]} failed"]
