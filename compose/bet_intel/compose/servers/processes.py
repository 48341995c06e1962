"""One server process, known by its folder: started apart from its starter, found again by anybody, ended by pid."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from bet_intel.compose.binaries import Account, EmbeddedPostgresError
from bet_intel.compose.server_files import open_log, tail

PROCESS_FILE = "process"
"""Who runs: the line of ``/proc/PID/stat`` at the start, and the signal that ends it at once but in order."""

_START_SECONDS = 20.0
_END_SECONDS = 10.0
_POLL_SECONDS = 0.02
# The shell tells who it is and becomes the server. It is nobody's child: a starter that ends leaves it running, and one
# that stays need not collect it.
_LAUNCH = '{ cat /proc/$$/stat; echo "$1"; } >"$0.new" && mv "$0.new" "$0" && shift && exec "$@"'


class ServerError(Exception):
    """A server could not be found, started, reached or stopped; the message says why and what to do."""


def server_account() -> Account:
    """Who runs the servers: never root.

    Raises:
        ServerError: we are root, and there is nobody else.
    """
    try:
        return Account.of_the_server()
    except EmbeddedPostgresError as error:
        raise ServerError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Process:
    """What ``/proc/PID/stat`` told; pid and start (clock ticks since boot) stand for one process for certain."""

    pid: int
    started: int
    parent: int = field(compare=False)
    session: int = field(compare=False)
    state: str = field(compare=False)

    @classmethod
    def parse(cls, line: str) -> Self:
        # The name, in brackets, may hold anything.
        pid, _, rest = line.partition(" (")
        fields = rest.rpartition(")")[2].split()
        return cls(int(pid), int(fields[19]), int(fields[1]), int(fields[3]), fields[0])

    @classmethod
    def of(cls, pid: int) -> Self | None:
        try:
            return cls.parse(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            return None

    @classmethod
    def all(cls) -> list[Self]:
        pids = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - names, not paths
        return [one for pid in pids if (one := cls.of(pid)) is not None]

    @property
    def runs(self) -> bool:
        return self.state not in "ZX"

    @property
    def still_runs(self) -> bool:
        now = Process.of(self.pid)
        return now == self and now.runs

    def memory(self) -> int:
        """Bytes of memory that it takes, its part of what it shares where that may be seen; 0 where it has ended."""
        for file, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
            try:
                lines = Path(f"/proc/{self.pid}/{file}").read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            for line in lines:
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
        return 0


class ServerProcess:
    """The process of one server; ``folder/name`` is the server's own folder, ``folder/log/name.log`` its output."""

    def __init__(self, folder: Path, name: str, account: Account) -> None:
        self.name = name
        self.folder = folder / name
        self.log = folder / "log" / f"{name}.log"
        self._file = self.folder / PROCESS_FILE
        self._account = account

    def make_folder(self) -> Path:
        """The server's own folder, made where it is missing."""
        self.log.parent.mkdir(mode=0o755, exist_ok=True)
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700)
            self._account.give(self.folder)
        return self.folder

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        ending: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Starts the program; returns when it is a process, before it is ready.

        Args:
            command: the program, by its full path, and its arguments.
            environment: what it sees beside the search paths.
            ending: the signal that ends it at once where nobody waits for it, without leaving anything behind.

        Raises:
            ServerError: it runs already, or cannot be executed.
        """
        if self.find() is not None:
            raise ServerError(f"{self.name} runs already, as process {self.find()}")
        # What it had started may have outlived it, with ports and files: RabbitMQ's node the script that started it.
        self.kill()
        self.make_folder()
        self._remove_file()
        arguments = ["setsid", "--fork", "sh", "-c", _LAUNCH, str(self._file), ending.name, *command]
        with open_log(self.log) as log, self._account.popen(arguments, log, environment) as launcher:
            try:
                launcher.wait(_START_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise ServerError(f"{self.name} cannot be started: no process within {_START_SECONDS:g} s") from error
        deadline = time.monotonic() + _START_SECONDS
        while not self._file.exists():
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} cannot be started:\n{self.said()}")
            time.sleep(_POLL_SECONDS)

    def find(self) -> int | None:
        """The pid of the server while it runs."""
        recorded = self._recorded()
        if recorded is None:
            return None
        now = Process.of(recorded[0].pid)
        return now.pid if now is not None and now.runs and now.started == recorded[0].started else None

    def memory(self) -> int:
        """Bytes that it and all that it has started take."""
        return sum(one.memory() for one in self._members())

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Returns when ``ready`` holds.

        Raises:
            ServerError: the server ended, or is not ready in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.find() is None:
                raise ServerError(f"{self.name} ended at once. The end of its log {self.log}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name} is not ready after {seconds:.0f} s. The end of its log {self.log}:\n{self.said()}"
                )
            time.sleep(_POLL_SECONDS)

    def said(self) -> str:
        """The end of its log."""
        return tail(self.log.read_bytes()[-100_000:].decode(errors="replace")) if self.log.exists() else "(it is empty)"

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> None:
        """Ends it by a signal, and by force what is left of it after so many seconds."""
        self._end(number, seconds)

    def end(self) -> None:
        """Ends it at once, by the signal it was started with."""
        recorded = self._recorded()
        if recorded is not None:
            self._end(recorded[1], _END_SECONDS)

    def kill(self) -> None:
        """``kill -9`` for it and all that it has started; returns when they are gone."""
        self._end(signal.SIGKILL, _END_SECONDS)

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal; nothing happens where it does not run."""
        pid = self.find()
        if pid is not None:
            _send(pid, number)

    def suspend(self) -> None:
        """``SIGSTOP``: it keeps its connections and answers nothing, until :meth:`resume`."""
        for one in self._members():
            _send(one.pid, signal.SIGSTOP)

    def resume(self) -> None:
        for one in self._members():
            _send(one.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals, seconds: float) -> None:
        recorded = self._recorded()
        if recorded is None:
            return
        leader = recorded[0]
        # Before the first dies: what is left of it later is nobody's child.
        left = set(_family(leader))
        if number is not signal.SIGKILL:
            self.send(number)
            # A suspended process would take note of nothing but SIGKILL.
            self.resume()
            pid = self.find()
            if pid is not None:
                _wait_for_end(pid, seconds)
        deadline = time.monotonic() + _END_SECONDS
        while left := {one for one in left | set(_family(leader)) if one.still_runs}:
            # The eldest first: it would look at what befalls the others, and act on it.
            for one in sorted(left, key=lambda one: one.started):
                _send(one.pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                pids = ", ".join(str(one.pid) for one in left)
                raise ServerError(f"{self.name} does not end, not even by SIGKILL: processes {pids}")
            time.sleep(_POLL_SECONDS)
        # Who saw it dead may have started it again already: that one is to be found.
        now = self._recorded()
        if now is not None and now[0] == leader:
            self._remove_file()

    def _members(self) -> list[Process]:
        recorded = self._recorded()
        return [] if recorded is None else _family(recorded[0])

    def _recorded(self) -> tuple[Process, signal.Signals] | None:
        try:
            stat, ending = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Process.parse(stat), signal.Signals[ending]

    def _remove_file(self) -> None:
        self._file.unlink(missing_ok=True)


class Server(NamedTuple):
    """What is to be kept running: `start` is called where the process has ended, and returns before it is ready.

    `start` raises :class:`ServerError` where it cannot be started.
    """

    name: str
    process: ServerProcess
    start: Callable[[], None]


def _family(leader: Process) -> list[Process]:
    """A process and what it has started: its descendants, and what of its session is left where it is dead itself."""
    now = Process.of(leader.pid)
    if now is not None and now.started != leader.started:
        return []
    family = {leader.pid}
    # A child is younger than its parent.
    for one in sorted(Process.all(), key=lambda one: one.started):
        if one.session == leader.pid or one.parent in family:
            family.add(one.pid)
    return [process for pid in family if (process := Process.of(pid)) is not None and process.runs]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait_for_end(pid: int, seconds: float) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(seconds * 1000)
    finally:
        os.close(descriptor)
