"""The main process of a PostgreSQL server, found through its data directory, whoever started it."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bet_intel.compose.binaries import EmbeddedPostgresError

PID_FILE = "postmaster.pid"

# Fast shutdown; immediate shutdown (recovery at the next start); the kernel's. Seconds to wait after each.
_SHUTDOWN = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


@dataclass(frozen=True)
class PidFile:
    """``postmaster.pid``: process, folder of the socket, status (``starting``, ``ready``, ``stopping``, or empty).

    ``shared_memory`` is the id of its System V segment, which outlives a server that is killed.
    """

    pid: int
    socket_folder: Path | None
    status: str
    shared_memory: str | None = None

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """The file of a data directory; ``None`` where it is absent or not yet written."""
        try:
            lines = (data / PID_FILE).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except FileNotFoundError:
            return None
        lines += [""] * (8 - len(lines))
        if not lines[0].strip().isdigit():
            return None
        socket_folder = Path(lines[4]) if lines[4] else None
        # Key and id.
        segment = lines[6].split()
        return cls(int(lines[0]), socket_folder, lines[7].strip(), segment[1] if len(segment) == 2 else None)


@dataclass(frozen=True)
class Postmaster:
    """A running server, verified to serve this data directory: a process id alone may have gone to another program."""

    pid: int
    data: Path
    program: str

    @classmethod
    def find(cls, data: Path) -> Self | None:
        """The server that runs on a data directory."""
        pid_file = PidFile.read(data)
        return None if pid_file is None else cls.verify(pid_file.pid, data)

    @classmethod
    def verify(cls, pid: int, data: Path) -> Self | None:
        """Goes by owner and command line, which need no right to trace: root in a container often has none."""
        process = Path("/proc") / str(pid)
        try:
            arguments = [os.fsdecode(part) for part in (process / "cmdline").read_bytes().split(b"\0")]
            same_owner = process.stat().st_uid == data.stat().st_uid
        except (FileNotFoundError, ProcessLookupError):
            return None
        is_server = Path(arguments[0]).name == "postgres" and arguments[1:3] == ["-D", str(data)]
        return cls(pid, data, arguments[0]) if is_server and same_owner else None

    def stop(self) -> None:
        """Ends the server, if need be by force.

        Raises:
            EmbeddedPostgresError: it outlived even that.
        """
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # Only now does the number stand for one process for certain.
            if self.runs():
                _shut_down(descriptor, self.data)
        finally:
            os.close(descriptor)

    def runs(self) -> bool:
        return Postmaster.verify(self.pid, self.data) is not None


def stop_child(process: subprocess.Popen[bytes], data: Path) -> None:
    """Ends a server that this process started, at whatever point of its start; errors as :meth:`Postmaster.stop`."""
    if process.poll() is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            _shut_down(descriptor, data)
        finally:
            os.close(descriptor)
    process.wait()


def forget_stale(data: Path) -> None:
    """Has the next server take ``postmaster.pid`` for stale where its process id has gone to another program.

    PostgreSQL refuses to start while a process of its own user has that id. A file that names the parent of the new
    server it takes for stale, and still checks that no process is left on the shared memory that the file mentions;
    with the file removed it could not.
    """
    file = data / PID_FILE
    if file.exists() and Postmaster.find(data) is None:
        _, separator, rest = file.read_text(encoding="utf-8", errors="surrogateescape").partition("\n")
        # Root writes here into a folder of another user: a link must not lead elsewhere.
        descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as opened:
            opened.write(f"{os.getpid()}{separator}{rest}")


def wait_until_ready(pid: int, data: Path, runs: Callable[[], bool], deadline: float) -> bool:
    """Waits until the server takes connections; false when it ended or the deadline (of ``time.monotonic``) passed."""
    while runs():
        pid_file = PidFile.read(data)
        if pid_file is not None and pid_file.pid == pid and pid_file.status == "ready":
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return False


def _shut_down(descriptor: int, data: Path) -> None:
    ended = select.poll()
    ended.register(descriptor, select.POLLIN)
    for number, seconds in _SHUTDOWN:
        _send(descriptor, number)
        # A suspended server would take note of nothing but SIGKILL.
        _send(descriptor, signal.SIGCONT)
        if ended.poll(seconds * 1000):
            return
    raise EmbeddedPostgresError(f"the PostgreSQL of {data} does not end, not even by SIGKILL")


def _send(descriptor: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
