"""The data directory of a PostgreSQL host: made, copied from a primary, removed."""

from pathlib import Path

from bet_intel.compose.binaries import Account
from bet_intel.compose.server_files import SUPERUSER
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import POSTGRESQL

REPLICATION = "replication"
"""The role by which replicas read the log of the primary."""

_SECONDS = 60.0


class DataDirectory:
    """`data` in the host's own folder; everything is done by the account that the host runs as."""

    def __init__(self, folder: Path, account: Account) -> None:
        self._folder = folder
        self._account = account

    @property
    def path(self) -> Path:
        return self._folder / "data"

    @property
    def is_standby(self) -> bool:
        """Whether a replica runs on it, or did before it died: PostgreSQL removes the file when it is promoted."""
        return (self.path / "standby.signal").exists()

    def initialize(self, password: str) -> None:
        """Makes an empty one.

        Raises:
            ServerError: PostgreSQL refused.
        """
        # The password goes through a file of the server's own user: on a command line everybody would see it.
        script = 'umask 077 && printf %s "$PASSWORD" >"$0/password" && exec "$@" --pwfile="$0/password"'
        options = ["--encoding=UTF8", "--locale=C.UTF-8", f"--username={SUPERUSER}", "--auth=scram-sha-256"]
        # What is lost with the machine is made anew: only commits are worth waiting for.
        options += ["--no-instructions", "--no-sync"]
        initdb = [str(POSTGRESQL.find("initdb")), "-D", str(self.path), *options]
        self._run(script, initdb, {"PASSWORD": password}, f"make its data directory {self.path}")

    def copy(self, port: int, slot: str, password: str) -> None:
        """Makes it anew as a replica's of the primary at that port.

        Raises:
            ServerError: it could not be copied; then there is none.
        """
        backup = [str(POSTGRESQL.find("pg_basebackup")), "-D", str(self._folder / "copy"), "-h", "127.0.0.1"]
        backup += ["-p", str(port), "-U", REPLICATION, "-X", "stream", "-S", slot, "-c", "fast", "--no-sync"]
        # Complete or not there: half a copy would be started as it is.
        # Of half a removal nothing is to be taken for a replica's.
        script = 'cd "$0" && rm -f data/standby.signal && rm -rf data copy && '
        script += '"$@" && touch copy/standby.signal && mv copy data || { rm -rf copy; exit 1; }'
        self._run(script, backup, {"PGPASSWORD": password}, f"copy the primary to {self.path}")

    def remove(self) -> None:
        self._run('rm -f "$0/data/standby.signal" && rm -rf "$0/data"', [], {}, f"remove {self.path}")

    def _run(self, script: str, command: list[str], environment: dict[str, str], what: str) -> None:
        arguments = ["sh", "-c", script, str(self._folder), *command]
        status, said = self._account.run(arguments, _SECONDS, environment)
        if status != 0:
            raise ServerError(f"PostgreSQL could not {what}:\n{said}")
