"""The services' processes as they run: as many of each kind as are wanted, and again what has died."""

import contextlib
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from bet_intel.compose.binaries import Account
from bet_intel.compose.cluster.environment import Environment
from bet_intel.compose.cluster.patience import Patience
from bet_intel.compose.cluster.services import GATEWAY, KINDS, Counts, ProcessKind
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.ports import free_port, is_free
from bet_intel.compose.servers.processes import ServerError, ServerProcess

WANTED = "wanted"
RUNNING = "running"

_STOP_SECONDS = 35.0
"""A little more than the processes give their handlers and tasks."""
_ANSWER_SECONDS = 2.0


class Wanted(msgspec.Struct, frozen=True):
    """How many processes of each kind an operator wants."""

    counts: dict[str, int]


class Member(msgspec.Struct, frozen=True):
    """A process of a service: `api.serve.2` is the second gateway. `port` serves a gateway's clients, and metrics."""

    name: str
    kind: str
    port: int
    restarts: int = 0


class Members(msgspec.Struct, frozen=True):
    """All of them, those included that are about to stop."""

    members: tuple[Member, ...] = ()


def own_account() -> Account:
    """Services run as who starts them: their programs may lie where no other user may look."""
    return Account(f"uid {os.geteuid()}", os.geteuid(), os.getegid())


def process_of(folder: ServersFolder, member: Member) -> ServerProcess:
    return ServerProcess(folder.path, member.name, own_account())


def answers(member: Member) -> bool:
    """Whether a gateway is ready, another process so far that it can be asked for metrics."""
    path = "readyz" if member.kind == GATEWAY.name else "metrics"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{member.port}/{path}", timeout=_ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@dataclass(slots=True)
class _Life:
    """What the supervisor knows of a process beyond what it writes down."""

    patience: Patience
    stopping_until: float | None = None


class Fleet:
    """Belongs to the supervisor. `tend` does what is to be done now, and waits for nothing."""

    def __init__(self, folder: ServersFolder, environment: Environment, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._environment = environment
        self._say = say
        self._members: dict[str, Member] = {}
        self._written: tuple[Member, ...] = ()
        self._lives: dict[str, _Life] = {}

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members.values())

    def of(self, kind: ProcessKind) -> list[Member]:
        """Those of a kind that are to go on."""
        found = (one for one in self.members if one.kind == kind.name)
        return [one for one in found if self._lives[one.name].stopping_until is None]

    def tend(self, counts: Counts) -> None:
        """Start what is missing, have stop what is too much, and start again what has died.

        Raises:
            OSError: all was done, but could not be written down; the next call tries again.
        """
        wanted = dict(_names(counts))
        for name, kind in wanted.items():
            if name not in self._members:
                self._members[name] = Member(name, kind.name, free_port())
                self._start(name, counts)
        for name in list(self._members):
            if name in wanted and self._lives[name].stopping_until is None:
                self._keep(name, counts)
            else:
                self._let_go(name)
        if self.members != self._written:
            self._folder.write(RUNNING, Members(self.members))
            self._written = self.members

    def stop(self) -> None:
        """Have all stop; returns when they have."""
        while self._members:
            # On a full disk they stop as well; nobody needs to read that they have.
            with contextlib.suppress(OSError):
                self.tend({})
            time.sleep(0.05)

    def _start(self, name: str, counts: Counts) -> None:
        member = self._members[name]
        kind = KINDS[member.kind]
        now = time.monotonic()
        self._lives.setdefault(name, _Life(Patience(now))).patience.start(now)
        command = [sys.executable, "-m", f"bet_intel.{kind.package}", kind.type]
        try:
            process_of(self._folder, member).start(command, self._environment.of(kind, counts, member.port))
        except (ServerError, OSError) as error:
            # No room for its log, too many processes: the others are tended all the same.
            self._say(f"{name} could not be started: {error}")

    def _keep(self, name: str, counts: Counts) -> None:
        patience, member = self._lives[name].patience, self._members[name]
        if process_of(self._folder, member).find() is not None:
            return
        now = time.monotonic()
        pause = patience.died(now)
        if pause is not None:
            self._say(f"{name} has ended and is started again" + (f" in {pause:g} s" if pause else ""))
        if patience.is_over(now):
            # It may have been taken meanwhile, or free so far and taken by the start. A gateway is known by its port.
            stays = is_free(member.port) and (patience.deaths == 1 or member.kind == GATEWAY.name)
            port = member.port if stays else free_port()
            self._members[name] = msgspec.structs.replace(member, port=port, restarts=member.restarts + 1)
            self._start(name, counts)

    def _let_go(self, name: str) -> None:
        life, process = self._lives[name], process_of(self._folder, self._members[name])
        if process.find() is None:
            process.stop()
            del self._members[name], self._lives[name]
        elif life.stopping_until is None:
            life.stopping_until = time.monotonic() + _STOP_SECONDS
            process.send(signal.SIGTERM)
        elif time.monotonic() > life.stopping_until:
            self._say(f"{name} does not stop within {_STOP_SECONDS:.0f} s and is ended")
            process.kill()


def _names(counts: Mapping[str, int]) -> Iterator[tuple[str, ProcessKind]]:
    for kind in KINDS.values():
        for number in range(1, counts.get(kind.name, 0) + 1):
            yield f"{kind.name}.{number}", kind
