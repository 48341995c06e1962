"""PostgreSQL from a wheel, run in a data folder: made, started, taken over from a killed run, stopped.

The server is reached over a Unix socket alone, in a folder only its own user (and root) can enter; no password is
needed there. It lives in a session of its own: Ctrl-C reaches it through :meth:`EmbeddedPostgres.stop` only, and it
outlives a killed run. The next start finds it by its data directory.
"""

import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

import asyncpg

from bet_intel.compose.binaries import Account, Binaries, EmbeddedPostgresError
from bet_intel.compose.data_folder import DataFolder, DataFolderError, sync_folder
from bet_intel.compose.postmaster import PID_FILE, PidFile, Postmaster, forget_stale, stop_child, wait_until_ready
from bet_intel.compose.server_files import (
    CONFIGURATION,
    PORT,
    SUPERUSER,
    choose_socket_folder,
    open_log,
    remove_socket_folder,
    settings,
    tail,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "Start", "open_data_folder"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ANSWER_SECONDS = 5.0
_INITDB_SECONDS = 120.0
_OTHERS = "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
_TAKE_OVER = (
    "select pg_reload_conf()",
    # All are told before the first is waited for.
    f"select pg_terminate_backend(pid) {_OTHERS}",
    f"select pg_terminate_backend(pid, 2000) {_OTHERS}",
    f"select case when count(*) = 0 then 'none' else 'some' end {_OTHERS}",
)
# What PostgreSQL says where processes of a killed server have yet to end, or a killed run had just launched one.
_IN_THE_WAY = ("pre-existing shared memory block", f'lock file "{PID_FILE}" already exists')
_LEFTOVER_SECONDS = 15.0


class Start(StrEnum):
    """How a start went."""

    CREATED = "created"
    STARTED = "started"
    RECOVERED = "recovered"
    """Started after a crash: PostgreSQL replayed its write-ahead log."""
    ADOPTED = "adopted"
    """Found running, left by a killed run; its sessions were ended."""
    RESTARTED = "restarted"
    """Found running, but not answering or of another version: stopped and started anew."""


def open_data_folder(path: Path, source: str, *, fresh: bool = False) -> DataFolder:
    """Locks the folder of one source, checks or writes its stamp; ``fresh`` empties it first.

    Args:
        path: the source's own folder, as ``default_data_dir() / "simulator"``.
        source: what the data comes from; a folder with another source's data is refused.
        fresh: stop a server left in it and remove what is ours; never done to a folder without our stamp.

    Raises:
        DataFolderError: it is in use, foreign, of another source or version, or not writable.
        EmbeddedPostgresError: PostgreSQL is not installed, or a server left in the folder cannot be stopped.
    """
    major = Binaries.of_the_wheel().major
    folder = DataFolder.lock(path)
    try:
        if fresh:
            EmbeddedPostgres(folder).stop()
            folder.clear()
        folder.stamp(source, major, replace=fresh)
    except OSError as error:
        folder.close()
        raise DataFolderError(f"the data folder {path} cannot be used: {error}; choose another --data-dir") from error
    except BaseException:  # also at Ctrl-C: whoever asked has no folder to close, and the lock must not stay
        folder.close()
        raise
    return folder


class EmbeddedPostgres:
    """One server in one locked folder. ``start`` and ``stop`` block; ``stop`` waits for a ``start`` under way."""

    def __init__(self, folder: DataFolder, *, fsync: bool = True, start_deadline: float = 60.0) -> None:
        """``fsync=False`` is for tests; ``start_deadline`` in seconds includes the recovery after a crash."""
        self._folder = folder
        self._data = folder.path.resolve() / "postgres"
        self._configuration = folder.path.resolve() / CONFIGURATION
        self._fsync = fsync
        self._start_deadline = start_deadline
        self._account = Account.of_the_server()
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def folder(self) -> DataFolder:
        return self._folder

    @property
    def log(self) -> Path:
        return self._folder.path / "log" / "postgres.log"

    def start(self) -> Start:
        """Starts the server, or takes over the one that runs in the folder.

        Raises:
            EmbeddedPostgresError: with the last lines of the server's log. Call ``stop`` nevertheless.
        """
        with self._lock:
            try:
                return self._start()
            except OSError as error:
                raise EmbeddedPostgresError(f"PostgreSQL in {self._folder.path} cannot be started: {error}") from error

    def dsn(self, database: str, role: str | None = None) -> str:
        """For asyncpg and for ``migrate``, after ``start``; the role is the database's owner unless given."""
        if self._socket_folder is None:
            raise EmbeddedPostgresError(
                "the embedded PostgreSQL is not running: start it before asking for its address"
            )
        folder = quote(str(self._socket_folder), safe="/")
        return f"postgresql://{quote(role or database, safe='')}@/{quote(database, safe='')}?host={folder}&port={PORT}"

    async def ensure_databases(self, names: Sequence[str]) -> None:
        """Makes what is missing: per name an ordinary role, and a database that it owns and no other may connect to.

        Raises:
            EmbeddedPostgresError: a name is not one of lower-case letters, digits and underscores.
        """
        for name in names:
            if not _NAME.fullmatch(name):
                raise EmbeddedPostgresError(
                    f"{name!r} cannot be a database: use lower-case letters, digits and underscores"
                )
        connection = await asyncpg.connect(self.dsn(SUPERUSER), timeout=_ANSWER_SECONDS)
        try:
            roles = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
            databases = {row["datname"] for row in await connection.fetch("select datname from pg_database")}
            for name in names:
                if name not in roles:
                    await connection.execute(f'create role "{name}" login')
                if name not in databases:
                    await connection.execute(f'create database "{name}" owner "{name}"')
                # Not only at creation: a process may have been killed between the two.
                await connection.execute(f'revoke connect, temporary on database "{name}" from public')
        finally:
            await connection.close()

    def stop(self) -> None:
        """Stops the server of the folder, whoever started it; nothing happens where none runs.

        Raises:
            EmbeddedPostgresError: it does not end, not even by force.
        """
        with self._lock:
            self._stop()

    def _start(self) -> Start:
        if not self._account.can_enter(self._folder.path):
            raise EmbeddedPostgresError(
                f"the user {self._account.name!r}, who runs PostgreSQL for root, cannot enter {self._folder.path}: "
                "choose a --data-dir below folders open to others (mode 755), such as /var/lib/bet-intel"
            )
        binaries = Binaries.of_the_wheel().for_account(self._account, self._folder.path / "binaries")
        # The server writes its log through the descriptor it is given: the folder stays ours.
        for folder in (self.log.parent, self._folder.path / "run"):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._account.give(self._folder.path / "run")
        created = self._create(binaries)
        restarted = False
        give_up = time.monotonic() + _LEFTOVER_SECONDS
        while True:
            running = Postmaster.find(self._data)
            if running is not None:
                if running.program == binaries.program("postgres") and self._adopt(running, binaries):
                    return Start.ADOPTED
                self._stop()
                restarted = True
            crashed = (self._data / PID_FILE).exists()
            problem = self._launch(binaries)
            if problem is None:
                break
            if time.monotonic() > give_up or not any(message in problem for message in _IN_THE_WAY):
                raise EmbeddedPostgresError(f"PostgreSQL {problem}")
            time.sleep(0.2)
        if created:
            return Start.CREATED
        if restarted:
            return Start.RESTARTED
        return Start.RECOVERED if crashed else Start.STARTED

    def _create(self, binaries: Binaries) -> bool:
        """Makes the data directory under another name first, so that a killed process leaves none that is half-made."""
        if self._data.exists():
            owner = self._data.stat().st_uid
            if owner != self._account.uid:
                raise EmbeddedPostgresError(
                    f"{self._data} belongs to the user with uid {owner}, and PostgreSQL would run as "
                    f"{self._account.name!r}: start as the user who made it, or choose another --data-dir"
                )
            return False
        unfinished = self._data.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, exist_ok=True)
        self._account.give(unfinished)
        # A name of its own each time: the initdb of a killed run may still be writing under the one it was given.
        new = Path(tempfile.mkdtemp(dir=unfinished))
        self._account.give(new)
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--no-instructions",
            *([] if self._fsync else ["--no-sync"]),
        ]
        status, output = self._account.run([binaries.program("initdb"), "-D", str(new), *options], _INITDB_SECONDS)
        if status != 0:
            raise EmbeddedPostgresError(
                f"PostgreSQL could not make its data directory in {self._folder.path}:\n{tail(output)}"
            )
        new.rename(self._data)
        sync_folder(self._folder.path)
        shutil.rmtree(unfinished, ignore_errors=True)
        return True

    def _adopt(self, running: Postmaster, binaries: Binaries) -> bool:
        """Takes over a server if it answers, and ends its sessions.

        What the killed run had under way must not take effect behind the new run's back.
        """
        pid_file = PidFile.read(self._data)
        if pid_file is not None and pid_file.status == "stopping":
            return False
        if not wait_until_ready(running.pid, self._data, running.runs, time.monotonic() + self._start_deadline):
            return False
        pid_file = PidFile.read(self._data)
        if pid_file is None or pid_file.socket_folder is None:
            return False
        self._configure(pid_file.socket_folder)
        psql = [binaries.program("psql"), "-XAtq", "-h", str(pid_file.socket_folder), "-p", str(PORT), "-U", SUPERUSER]
        for statement in _TAKE_OVER:
            psql += ["-c", statement]
        status, output = self._account.run([*psql, "-v", "ON_ERROR_STOP=1"], _ANSWER_SECONDS)
        if status != 0 or output.split()[-1:] != ["none"]:
            return False
        self._socket_folder = pid_file.socket_folder
        return True

    def _configure(self, socket_folder: Path) -> None:
        new = self._configuration.with_name(f"{CONFIGURATION}.new")
        new.write_text(settings(socket_folder, fsync=self._fsync), encoding="utf-8")
        # No secrets in it, and the server's user must read it whatever the umask.
        new.chmod(0o644)
        new.rename(self._configuration)

    def _launch(self, binaries: Binaries) -> str | None:
        """Starts the server and waits until it is ready; else returns what went wrong, with the end of its log."""
        left = PidFile.read(self._data)
        if left is not None and left.socket_folder is not None:
            remove_socket_folder(left.socket_folder, self._folder.path, self._account)
        forget_stale(self._data)
        self._socket_folder = choose_socket_folder(self._folder.path, self._account)
        self._configure(self._socket_folder)
        with open_log(self.log) as log:
            before = log.tell()
            command = [binaries.program("postgres"), "-D", str(self._data), "-c", f"config_file={self._configuration}"]
            process = self._account.popen(command, log)
        self._process = process
        # Its own parent need not look it up: just after the start its command line cannot be read yet.
        deadline = time.monotonic() + self._start_deadline
        if wait_until_ready(process.pid, self._data, lambda: process.poll() is None, deadline):
            return None
        ended = process.poll() is not None
        self._stop()
        problem = "ended at once" if ended else f"was not ready within {self._start_deadline:.0f} s"
        said = tail(self.log.read_bytes()[before:].decode(errors="replace"))
        return f"{problem}. The end of its log {self.log}:\n{said}"

    def _stop(self) -> None:
        pid_file = PidFile.read(self._data)
        process, self._process = self._process, None
        if process is not None:
            stop_child(process, self._data)
        server = Postmaster.find(self._data)
        if server is not None:
            server.stop()
        for folder in (self._socket_folder, pid_file.socket_folder if pid_file else None):
            if folder is not None:
                remove_socket_folder(folder, self._folder.path, self._account)
        self._socket_folder = None
