"""The folder of one source's data: found, locked for one process, stamped, and cleared for a fresh start."""

import errno
import fcntl
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

LAYOUT = 1

_PRODUCT = "bet-intel"
_LOCK = "lock"
_STAMP = "source.json"
# What we make in the folder, and all that a fresh start removes. The lock stays: whoever holds it holds the folder.
_OURS = (
    "postgres",
    "postgres.new",
    "run",
    "binaries",
    "log",
    "postgres.conf",
    "postgres.conf.new",
    "state",
    f"{_STAMP}.new",
)
_GONE = ".removed"


class DataFolderError(Exception):
    """The folder cannot be used; the message says why and what to do."""


def default_data_dir() -> Path:
    """Where data goes when nobody says: root's must be open to the unprivileged user that runs PostgreSQL."""
    if os.geteuid() == 0:
        return Path("/var/lib/bet-intel")
    configured = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification has relative values ignored.
    base = Path(configured) if configured.startswith("/") else Path.home() / ".local" / "share"
    return base / "bet-intel"


class DataFolder:
    """A locked folder. The kernel drops the lock with the process, however that ends; children do not inherit it.

    Use :meth:`lock`, then :meth:`clear` for a fresh start, then :meth:`stamp`;
    ``embedded_postgres.open_data_folder`` does all three.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.source = ""
        self._descriptor = descriptor

    @classmethod
    def lock(cls, path: Path) -> Self:
        """Makes the folder if need be and locks it.

        Raises:
            DataFolderError: another process uses it, it holds somebody else's files, or it may not be written.
        """
        path = path.expanduser().absolute()
        try:
            _refuse_strangers(path)
            # Root's PostgreSQL runs as another user, who must be able to pass through.
            mode = 0o755 if os.geteuid() == 0 else 0o700
            _make_folders(path, mode)
            descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataFolderError(
                f"the data folder {path} cannot be used: {error.strerror}; choose another --data-dir"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
                raise DataFolderError(
                    f"the data folder {path} cannot be locked: {error.strerror}; choose another --data-dir"
                ) from error
            raise DataFolderError(
                f"another bet-intel (pid {holder or 'unknown'}) is using {path}: stop it, or choose another --data-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        folder = cls(path, descriptor)
        try:
            _refuse_strangers(path)
            folder._finish_removal()
        except BaseException:  # also at Ctrl-C: nobody else knows the descriptor, and the lock must not stay
            folder.close()
            raise
        return folder

    @property
    def state(self) -> Path:
        """For files of the program itself; made by whoever needs it, removed by a fresh start."""
        return self.path / "state"

    def stamp(self, source: str, postgresql_major: int, *, replace: bool = False) -> None:
        """Writes what the folder is for, or (unless ``replace``) checks it against what was written.

        Raises:
            DataFolderError: it holds another source's data, another layout, or another major version of PostgreSQL.
        """
        found = None if replace else _read_stamp(self.path)
        if found is None:
            self._write_stamp({"product": _PRODUCT, "source": source, "layout": LAYOUT, "postgresql": postgresql_major})
        else:
            remedy = "start once with --fresh to remove it, or choose another --data-dir"
            if found.get("layout") != LAYOUT:
                raise DataFolderError(
                    f"{self.path} has layout {found.get('layout')} and this bet-intel writes layout {LAYOUT}: {remedy}"
                )
            if found.get("source") != source:
                raise DataFolderError(
                    f"{self.path} holds the data of {found.get('source')!r}, not of {source!r}: {remedy}"
                )
            if found.get("postgresql") != postgresql_major:
                raise DataFolderError(
                    f"{self.path} holds data of PostgreSQL {found.get('postgresql')}, "
                    f"and the installed server is {postgresql_major}: {remedy}"
                )
        self.source = source

    def clear(self) -> None:
        """Removes what is ours except lock and stamp, and leaves the rest. No server may run in the folder.

        Each entry is renamed first: a process that is killed half-way leaves nothing that looks whole. The stamp stays
        until it is replaced: without it a folder that also holds files of others would be taken for a stranger's.
        """
        for name in _OURS:
            entry = self.path / name
            if entry.is_symlink() or entry.exists():
                entry.rename(entry.with_name(name + _GONE))
                self._finish_removal()

    def close(self) -> None:
        """Releases the lock. May be called twice."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _finish_removal(self) -> None:
        for entry in [self.path / (name + _GONE) for name in _OURS]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)

    def _write_stamp(self, stamp: dict[str, str | int]) -> None:
        new = self.path / f"{_STAMP}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(stamp, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.path / _STAMP)
        sync_folder(self.path)


def _make_folders(path: Path, mode: int) -> None:
    """Makes the folder and what is missing above it, with this mode whatever the umask; what exists keeps its own."""
    if not path.is_dir():
        _make_folders(path.parent, mode)
        try:
            path.mkdir()
        except FileExistsError:
            if not path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
        else:
            path.chmod(mode)


def sync_folder(path: Path) -> None:
    """Has the names in a folder survive a loss of power, as ``fsync`` has the content of a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_strangers(path: Path) -> None:
    """A folder without our stamp is ours only while it holds nothing but what precedes the stamp."""
    if not path.exists() or _read_stamp(path) is not None:
        return
    strangers = sorted(entry.name for entry in path.iterdir() if entry.name not in (_LOCK, f"{_STAMP}.new"))
    if strangers:
        shown = ", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else "")
        raise DataFolderError(f"{path} holds files that are not bet-intel's ({shown}): choose another --data-dir")


def _read_stamp(path: Path) -> dict[str, object] | None:
    try:
        stamp = json.loads((path / _STAMP).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        stamp = None
    if not isinstance(stamp, dict) or stamp.get("product") != _PRODUCT:
        raise DataFolderError(f"{path / _STAMP} was not written by bet-intel: choose another --data-dir")
    return stamp
