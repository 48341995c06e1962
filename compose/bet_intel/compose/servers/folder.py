"""A folder of servers, which live as long as somebody uses it."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from bet_intel.compose.servers.processes import PROCESS_FILE, ServerError, ServerProcess, server_account

PREFIX = "bet-intel-servers-"
"""Of temporary folders: what a killed machine or keeper left under such a name is removed by the next start."""

KEEPER = "keeper"
"""File with the keeper's process id."""

_USERS = "users"
_ENDING = "ending"
_FAILED = ".failed"
_GONE = ".gone"
_POLL_SECONDS = 0.02
_END_SECONDS = 60.0

State = TypeVar("State", bound=msgspec.Struct)


class ServersFolder:
    """In use from :meth:`use` until ``close`` or the end of this process, however that comes.

    Users hold a shared lock. The keeper, a process of its own, waits for the exclusive one: it gets it when the last
    user has gone, ends every server in the folder and removes it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.account = server_account()
        self._descriptor = descriptor

    @classmethod
    def temporary(cls) -> Self:
        """A new one; removes those that lost their users and keeper."""
        sweep()
        return cls.use(Path(tempfile.mkdtemp(prefix=PREFIX)))

    @classmethod
    def use(cls, path: Path) -> Self:
        """Makes the folder or joins its users.

        Raises:
            ServerError: it belongs to another user, or its servers take too long to end.
        """
        deadline = time.monotonic() + _END_SECONDS
        while (descriptor := _join(path)) is None:
            if time.monotonic() > deadline:
                raise ServerError(f"the servers in {path} are ending and do not come to an end")
            time.sleep(_POLL_SECONDS)
        folder = cls(path, descriptor)
        try:
            with folder.lock("keeper"):
                if not (path / KEEPER).exists():
                    _start_keeper(path, deadline)
        except BaseException:  # also at Ctrl-C: whoever asked has no folder to close
            folder.close()
            raise
        return folder

    @classmethod
    def peek(cls, path: Path) -> Self:
        """To read what others wrote, without using the folder: it may not exist, or go at any time."""
        return cls(path, -1)

    def process(self, name: str) -> ServerProcess:
        return ServerProcess(self.path, name, self.account)

    def once(self, name: str, kind: type[State], start: Callable[[], State]) -> State:
        """What ``start`` answered, whichever user called it first; the others wait for it.

        Raises:
            ServerError: it failed, now or before.
        """
        with self.lock(name):
            state = self.read(name, kind)
            if state is None:
                failed = self.path / f"{name}{_FAILED}"
                if failed.exists():
                    raise ServerError(failed.read_text(encoding="utf-8"))
                try:
                    state = start()
                except ServerError as error:
                    failed.write_text(str(error), encoding="utf-8")
                    raise
                self.write(name, state)
            return state

    def read(self, name: str, kind: type[State]) -> State | None:
        """What was written about servers, ``None`` where nothing was."""
        try:
            return msgspec.json.decode((self.path / f"{name}.json").read_bytes(), type=kind)
        except FileNotFoundError:
            return None

    def write(self, name: str, state: msgspec.Struct) -> None:
        """Keeps what is needed to reach servers again; passwords are in it, so no other user may read it."""
        new = self.path / f"{name}.json.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state)))
        new.rename(self.path / f"{name}.json")

    def write_for_servers(self, name: str, text: str) -> Path:
        """A file beside the servers' folders, for their account alone: root writes none among theirs."""
        # Of its own: threads may write the same file at once.
        new = self.path / f"{name}.{os.getpid()}.{threading.get_ident()}.new"
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        self.account.give(new)
        return new.rename(self.path / name)

    def lock(self, name: str) -> "_Lock":
        """One user at a time."""
        return _Lock(self.path / f"{name}.lock")

    def close(self) -> None:
        """Leaves the folder; where nobody else uses it, returns when its servers have ended and it is gone."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1
        deadline = time.monotonic() + _END_SECONDS
        chances = 10
        while not is_gone(self.path) and time.monotonic() < deadline and chances:
            if self.path.exists() and not (self.path / _ENDING).exists():
                if end_if_unused(self.path):
                    return
                # The keeper may have the lock and not have said so yet; another user may have it for long.
                chances -= 1
            time.sleep(_POLL_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class _Lock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.close(self._descriptor)


def is_gone(path: Path) -> bool:
    """Whether nothing is left of a folder."""
    return not path.exists() and not _removed(path).exists()


def end_if_unused(path: Path, *, wait: bool = False) -> bool:
    """Ends every server of the folder and removes it, if nobody uses it; ``wait`` until that is so."""
    try:
        descriptor = os.open(path / _USERS, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink == 0:
            return True
        (path / _ENDING).touch()
        end_servers(path)
        # Under another name, so that whoever wants the folder anew gets another; and only then all have been told: a
        # server that was about to start when its starter was killed finds the place to say so gone, and gives up.
        gone = _removed(path)
        path.rename(gone)
        end_servers(gone)
        _remove(gone)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def end_servers(path: Path) -> None:
    """Ends every server of the folder at once."""
    account = server_account()
    names = [file.parent.name for file in path.glob(f"*/{PROCESS_FILE}")]
    if names:
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: ServerProcess(path, name, account).end(), names))


def sweep() -> None:
    """Ends and removes what killed keepers left among the temporary folders of this user."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if path.is_symlink() or path.stat().st_uid != os.geteuid():
                continue
            if path.name.endswith(_GONE):
                end_servers(path)
                _remove(path)
            else:
                end_if_unused(path)
        except FileNotFoundError:
            continue


def _remove(path: Path) -> None:
    """Removes a folder that another process may be removing too."""
    while path.exists():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)


def _removed(path: Path) -> Path:
    return path.with_name(path.name + _GONE)


def _join(path: Path) -> int | None:
    """The shared lock of the folder; ``None`` while its servers end."""
    path.mkdir(mode=0o755, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise ServerError(f"{path} belongs to another user: choose another folder")
    # Whatever the umask: the servers' account must be able to enter.
    path.chmod(0o755)
    try:
        descriptor = os.open(path / _USERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:
        os.close(descriptor)
        return None
    return descriptor


def _start_keeper(path: Path, deadline: float) -> None:
    with (path / f"{KEEPER}.log").open("ab") as log:
        # Not our child, as the servers are not: nobody need collect it.
        subprocess.run(
            ["setsid", "--fork", sys.executable, "-m", "bet_intel.compose.servers.keeper", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            check=True,
        )
    while not (path / KEEPER).exists():
        if time.monotonic() > deadline:
            raise ServerError(f"the keeper of {path} does not start: {(path / f'{KEEPER}.log').read_text()}")
        time.sleep(_POLL_SECONDS)
