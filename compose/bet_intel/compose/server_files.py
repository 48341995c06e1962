"""The files around an embedded server: its settings, the folder of its socket, its log."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from bet_intel.compose.binaries import Account, EmbeddedPostgresError

SUPERUSER = "postgres"
PORT = 5432
"""Part of the socket's name; nothing listens on it."""
CONFIGURATION = "postgres.conf"
"""In the data folder, not the data directory: that may be another user's, and root writes no files among theirs."""

_SOCKET = f".s.PGSQL.{PORT}"
# sockaddr_un holds 108 bytes with the closing zero.
_LONGEST_SOCKET = 107
_TEMPORARY = "bet-intel-pg-"
_LOG_LIMIT = 10_000_000
_TAIL_LINES = 15


def settings(socket_folder: Path, *, fsync: bool) -> str:
    """``postgresql.conf`` for a small machine shared with everything else."""
    folder = str(socket_folder).replace("'", "''")
    values = {
        "listen_addresses": "''",
        "port": str(PORT),
        "unix_socket_directories": f"'{folder}'",
        "unix_socket_permissions": "0700",
        "max_connections": "60",
        "shared_buffers": "64MB",
        "max_wal_size": "512MB",
        "synchronous_commit": "on",
        "fsync": "on" if fsync else "off",
        "autovacuum": "on",
        # Tables grow from nothing within seconds: a list is read by sorting all of one that has not been analysed yet.
        "autovacuum_naptime": "10s",
        # Short statements over small tables: compiling them costs more than it saves.
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "logging_collector": "off",
        "log_destination": "'stderr'",
        "log_checkpoints": "off",
        "log_line_prefix": "'%m [%p] %q%u@%d '",
    }
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    return f"# Written at every start.\ninclude 'postgres/postgresql.conf'\n{lines}"


def choose_socket_folder(folder: Path, account: Account) -> Path:
    """``run`` in the data folder; where its path cannot be a socket's, a new temporary folder, closed to other users.

    ``postmaster.pid`` remembers which.
    """
    run = folder.resolve() / "run"
    if not _fits(run):
        for base in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"))):  # noqa: S108  a folder made by mkdtemp
            if _fits(base / f"{_TEMPORARY}12345678"):
                run = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=base))
                account.give(run)
                break
        else:
            raise EmbeddedPostgresError(
                f"the path {run} is too long for a Unix socket, and so is the temporary folder: "
                "choose a shorter --data-dir"
            )
    return run


def remove_socket_folder(socket_folder: Path, folder: Path, account: Account) -> None:
    """Removes the socket of a server that no longer runs, and the folder if it was a temporary one of ours."""
    try:
        is_ours = not socket_folder.is_symlink() and socket_folder.stat().st_uid == account.uid
    except FileNotFoundError:
        return
    temporary = socket_folder.name.startswith(_TEMPORARY)
    if is_ours and (temporary or socket_folder == folder.resolve() / "run"):
        # The socket's lock file names a process id, which may have gone to another program: a server would refuse.
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (socket_folder / name).unlink(missing_ok=True)
        if temporary:
            socket_folder.rmdir()


def open_log(path: Path) -> BinaryIO:
    """Opens the log at its end; a large one is set aside first, in place of the one before it."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.rename(path.with_name(f"{path.name}.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    log = os.fdopen(descriptor, "ab")
    log.seek(0, os.SEEK_END)
    return log


def tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:]) or "(it is empty)"


def _fits(socket_folder: Path) -> bool:
    """Connection strings split hosts at commas and settings have quotes of their own: such paths do not fit either."""
    path = str(socket_folder)
    return (
        len(os.fsencode(socket_folder / _SOCKET)) <= _LONGEST_SOCKET
        and path.isprintable()
        and not set(path) & set(",\"\\'")
    )
