"""The server programs of this machine: where Debian puts them, and how to get those that are missing."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bet_intel.compose.servers.processes import ServerError

_APT = "DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends"
_DOCKER = "compose/secrets.sh && docker compose -f compose/compose.yaml up -d --build"
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_ASK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """A server: its programs, each looked for in these folders and the search path, and Debian's package."""

    title: str
    package: str
    needed: tuple[str, ...]
    folders: tuple[str, ...]
    version_command: tuple[str, ...]

    def find(self, name: str) -> Path:
        """The full path of one of its programs.

        Raises:
            ServerError: it is not installed; the message says how to install it.
        """
        for folder in self._folders():
            if os.access(folder / name, os.X_OK):
                return folder / name
        found = shutil.which(name)
        if found is None:
            raise ServerError(f"{self.title} is not installed ({name} is missing): {install_command(self.package)}")
        return Path(found)

    @property
    def is_there(self) -> bool:
        try:
            for name in self.needed:
                self.find(name)
        except ServerError:
            return False
        return True

    def version(self) -> str:
        """As the program tells it.

        Raises:
            ServerError: it is not installed, or does not run.
        """
        name, *arguments = self.version_command
        try:
            told = subprocess.run(
                [self.find(name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_ASK_SECONDS,
                check=False,
            ).stdout.decode(errors="replace")
        except (OSError, subprocess.SubprocessError) as error:
            raise ServerError(f"{self.title} does not run on this machine: {error}") from error
        match = _VERSION.search(told)
        if match is None:
            raise ServerError(f"{self.title} has no version that can be read: {told.strip()!r}")
        return match[0]

    def _folders(self) -> list[Path]:
        """Where a folder's name has a wildcard, the newest version comes first."""
        folders: list[Path] = []
        for pattern in self.folders:
            found = [Path("/", one) for one in Path("/").glob(pattern.lstrip("/"))]
            folders += sorted(found, key=lambda one: [int(part) for part in re.findall(r"\d+", str(one))], reverse=True)
        return folders


POSTGRESQL = Program(
    "PostgreSQL",
    "postgresql",
    ("postgres", "initdb", "pg_basebackup", "psql"),
    ("/usr/lib/postgresql/*/bin",),
    ("postgres", "--version"),
)
RABBITMQ = Program(
    "RabbitMQ",
    "rabbitmq-server",
    # Debian's own command of this name insists on Debian's account: the one behind it does not.
    ("rabbitmq-server", "epmd"),
    ("/usr/lib/rabbitmq/bin", "/usr/lib/erlang/bin", "/opt/rabbitmq/sbin"),
    ("rabbitmqctl", "version"),
)
REDIS = Program("Redis", "redis-server", ("redis-server",), ("/usr/bin",), ("redis-server", "--version"))
NGINX = Program("nginx", "nginx-light", ("nginx",), ("/usr/sbin",), ("nginx", "-v"))
CLUSTER = (POSTGRESQL, REDIS, RABBITMQ, NGINX)
"""What `bet-intel cluster` and the tests need."""


def install_command(*packages: str) -> str:
    """The line that installs packages on Debian."""
    return f"{'' if os.geteuid() == 0 else 'sudo '}{_APT} {' '.join(packages)}"


def require(*programs: Program) -> None:
    """Checks that all are installed.

    Raises:
        ServerError: with all that are missing in one line to install them, and the one that does without them.
    """
    missing = [program for program in programs if not program.is_there]
    if missing:
        titles = ", ".join(program.title for program in missing)
        verb = "is" if len(missing) == 1 else "are"
        command = install_command(*(program.package for program in missing))
        raise ServerError(f"{titles} {verb} not installed: {command}; or, with Docker: {_DOCKER}")


if __name__ == "__main__":
    # For scripts/servers: the packages that are missing, one in a line.
    print(*(program.package for program in CLUSTER if not program.is_there), sep="\n")
