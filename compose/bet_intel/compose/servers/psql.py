"""Statements of the superuser on one server of PostgreSQL, by the program psql."""

import subprocess
from collections.abc import Sequence

from bet_intel.compose.server_files import SUPERUSER
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import POSTGRESQL

_ANSWER_SECONDS = 30.0


def run_sql(name: str, port: int, password: str, statements: Sequence[str], database: str = SUPERUSER) -> str:
    """Runs statements, each in a transaction of its own; returns their rows as text. `name` is that of the server.

    Raises:
        ServerError: the server does not answer, or refuses one.
    """
    psql = [str(POSTGRESQL.find("psql")), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port)]
    psql += ["-U", SUPERUSER, "-d", database]
    environment = {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5", "LC_ALL": "C"}
    # Not as arguments: there every user of the machine would read the passwords among them.
    script = "".join(f"{statement};\n" for statement in statements).encode()
    try:
        run = subprocess.run(
            psql, input=script, capture_output=True, env=environment, timeout=_ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ServerError(f"{name} does not answer within {_ANSWER_SECONDS:.0f} s") from None
    if run.returncode != 0:
        raise ServerError(f"{name}: {run.stderr.decode(errors='replace').strip()}")
    return run.stdout.decode(errors="replace").strip()
