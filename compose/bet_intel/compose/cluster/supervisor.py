"""``python -m bet_intel.compose.cluster.supervisor FOLDER PLAN``: starts a cluster and keeps it running.

It uses the folder: when it ends, however that comes, every process in it ends too.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from bet_intel.compose.cluster import broker_users, databases
from bet_intel.compose.cluster.care import Care
from bet_intel.compose.cluster.engines import VHOST, Engines, Sizes
from bet_intel.compose.cluster.environment import Environment
from bet_intel.compose.cluster.fleet import WANTED, Fleet, Member, Wanted, answers, process_of
from bet_intel.compose.cluster.gateway import Front
from bet_intel.compose.cluster.queues import consumers
from bet_intel.compose.cluster.services import GATEWAY, KINDS, SCHEDULER, Counts, Source
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.processes import Process, ServerError
from bet_intel.shared.migrate import MigrationError
from bet_intel.shared.postgres import DatabaseError

STATE = "cluster"

_LOOK_SECONDS = 1.0
_START_LOOK_SECONDS = 0.2
_READY_SECONDS = 180.0
_HOPELESS = 3


class Plan(msgspec.Struct, frozen=True):
    """What is to run: servers, processes of each kind (none at all: servers alone), what is read, and nginx' port."""

    sizes: Sizes
    counts: dict[str, int]
    source: Source = Source()
    port: int | None = None


class ClusterState(msgspec.Struct, frozen=True):
    """The supervisor (process id and start, in clock ticks since boot), and how far it has come."""

    pid: int
    started: int
    plan: Plan
    ready: bool = False

    @property
    def supervisor_runs(self) -> bool:
        process = Process.of(self.pid)
        return process is not None and process.started == self.started and process.runs


class _AskedToEndError(Exception):
    """Before the start was over."""


class _Bearing:
    """Done again and again: what the machine refuses (a full disk), or a server, is said once and ends nothing."""

    def __init__(self, act: Callable[[], None], say: Callable[[str], None]) -> None:
        self._act = act
        self._say = say
        self._said = ""

    def __call__(self) -> None:
        try:
            self._act()
        except (OSError, ServerError) as error:
            if str(error) != self._said:
                self._said = str(error)
                self._say(f"not everything could be looked after, which is tried again: {error}")
        else:
            self._said = ""


class Supervisor:
    """One cluster, from its start to its end."""

    def __init__(self, folder: ServersFolder, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._asked_to_end = threading.Event()
        self._fleet: Fleet | None = None
        self._front: Front | None = None
        self._care: Care | None = None

    def end(self) -> None:
        """Ask it to end."""
        self._asked_to_end.set()

    def start(self) -> None:
        """Returns when all is ready.

        Raises:
            ServerError, MigrationError, DatabaseError: it could not be started.
        """
        engines = Engines.start(self._folder, self._plan.sizes)
        self._care = Care(engines, _say)
        made = databases.prepare(self._folder, engines.postgres)
        self._folder.write(WANTED, Wanted(self._plan.counts))
        if not self._plan.counts:
            return
        users = broker_users.prepare(self._folder, engines.rabbitmq, VHOST)
        environment = Environment(self._folder, engines, made, users, self._plan.source)
        self._fleet = Fleet(self._folder, environment, _say)
        # Who tells comes last: it finds every queue made and somebody listening.
        listeners = {name: number for name, number in self._plan.counts.items() if name != SCHEDULER.name}
        for counts in (listeners, self._plan.counts):
            self._wait_for(self._fleet, counts, engines)
        self._serve(self._fleet.of(GATEWAY))

    def run(self) -> None:
        """Keep all of it running until asked to end."""
        tend_engines, tend_services = _Bearing(self._tend_engines, _say), _Bearing(self._tend_services, _say)
        # Beside each other: a server that takes its time delays no service, nor nginx.
        with ThreadPoolExecutor(1, thread_name_prefix="engines") as beside:
            tending = beside.submit(tend_engines)
            while not self._asked_to_end.wait(_LOOK_SECONDS):
                if tending.done():
                    tending.result()
                    tending = beside.submit(tend_engines)
                tend_services()

    def _tend_engines(self) -> None:
        if self._care is not None:
            # Whoever promotes a replica must not see the old primary come back in between.
            with self._folder.lock("servers"):
                self._care.tend()

    def _tend_services(self) -> None:
        if self._fleet is not None:
            wanted = self._folder.read(WANTED, Wanted)
            self._fleet.tend(self._plan.counts if wanted is None else wanted.counts)
            self._serve(self._fleet.of(GATEWAY))

    def stop(self) -> None:
        """End in order what is not ended by the end of the folder's use: clients before their servers."""
        if self._front is not None:
            self._front.stop()
            _say("nginx has ended")
        if self._fleet is not None:
            self._fleet.stop()
            _say("the services have ended")

    def _serve(self, gateways: Sequence[Member]) -> None:
        if self._front is not None:
            self._front.keep(gateways)
        elif ready := [one for one in gateways if answers(one)]:
            self._front = Front.start(self._folder, ready, self._plan.port, _say)

    def _wait_for(self, fleet: Fleet, counts: Counts, engines: Engines) -> None:
        """Start these; returns when all answer and consume."""
        deadline = time.monotonic() + _READY_SECONDS
        ready: set[str] = set()
        while True:
            fleet.tend(counts)
            members = fleet.members
            for one in members:
                if one.restarts >= _HOPELESS:
                    raise ServerError(f"{one.name} does not start:\n{process_of(self._folder, one).said()}")
                if one.name not in ready and answers(one):
                    ready.add(one.name)
            missing = [one.name for one in members if one.name not in ready]
            if not missing and _are_fed(members, engines):
                return
            if time.monotonic() > deadline:
                said = ", ".join(missing) or "consumers"
                raise ServerError(f"not ready after {_READY_SECONDS:.0f} s: {said}; logs in {self._folder.path}/log")
            if self._asked_to_end.wait(_START_LOOK_SECONDS):
                raise _AskedToEndError


def _are_fed(members: Sequence[Member], engines: Engines) -> bool:
    """Whether every process that is to consume does."""
    found = consumers(engines.rabbitmq)
    for kind in {KINDS[one.kind] for one in members if KINDS[one.kind].queues}:
        wanted = sum(one.kind == kind.name for one in members)
        fed = [number for queue, number in found.items() if kind.is_fed_from(queue)]
        if min(fed, default=0) < wanted:
            return False
    return True


def supervise(path: Path, plan: Plan) -> None:
    """Runs a cluster until SIGTERM or SIGINT.

    Raises:
        ServerError, MigrationError, DatabaseError: it could not be started.
    """
    me = Process.of(os.getpid())
    if me is None:
        raise ServerError("/proc is not mounted")
    with ServersFolder.use(path) as folder:
        state = ClusterState(me.pid, me.started, plan)
        folder.write(STATE, state)
        supervisor = Supervisor(folder, plan)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.end())
        try:
            supervisor.start()
            folder.write(STATE, msgspec.structs.replace(state, ready=True))
            _say("ready")
            supervisor.run()
        except _AskedToEndError:
            pass
        finally:
            _say("ending")
            supervisor.stop()


def _say(sentence: str) -> None:
    # No room for the log is no reason to end.
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {sentence}\n", end="", flush=True)


def main() -> None:
    try:
        supervise(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Plan))
    except (ServerError, MigrationError, DatabaseError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
