"""What an operator does with a cluster: up, status, scale, promote, down. All of it by the folder, from any process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from bet_intel.compose.cluster.autoscale import Policy, Scaling
from bet_intel.compose.cluster.engines import Engines
from bet_intel.compose.cluster.fleet import WANTED, Wanted
from bet_intel.compose.cluster.queues import depths, waiting_for
from bet_intel.compose.cluster.services import KINDS, check
from bet_intel.compose.cluster.status import Status, observe
from bet_intel.compose.cluster.supervisor import STATE, ClusterState, Plan
from bet_intel.compose.servers.folder import ServersFolder, end_if_unused, is_gone
from bet_intel.compose.servers.postgres import PostgresHost
from bet_intel.compose.servers.postgres_files import MAX_CONNECTIONS
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import CLUSTER, require
from bet_intel.compose.servers.switchover import switch_over

_UP_SECONDS = 240.0
_DOWN_SECONDS = 60.0
_POLL_SECONDS = 0.1
_FOLLOW_SECONDS = 1.0


def find(path: Path) -> ClusterState | None:
    """The cluster that runs in a folder."""
    state = ServersFolder.peek(path).read(STATE, ClusterState)
    return state if state is not None and state.supervisor_runs else None


def up(path: Path, plan: Plan) -> None:
    """Starts a cluster and returns when it is ready; it runs on.

    Raises:
        ServerError: servers are not installed, one runs there already, or it could not be started.
    """
    require(*CLUSTER)
    check(plan.counts, MAX_CONNECTIONS)
    if find(path) is not None:
        raise ServerError(f"a cluster runs in {path} already: bet-intel cluster status")
    _make_parent(path)
    # What a killed supervisor and its killed keeper may have left.
    end_if_unused(path)
    log = path.with_name(f"{path.name}.log")
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "bet_intel.compose.cluster.supervisor", str(path), msgspec.json.encode(plan)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in this terminal is not meant for it.
            start_new_session=True,
        )
    deadline = time.monotonic() + _UP_SECONDS
    while True:
        state = find(path)
        if state is not None and state.ready:
            # It stays when we end; nobody need collect it.
            supervisor.returncode = 0
            return
        if supervisor.poll() is not None:
            raise ServerError(f"the cluster could not be started:\n{log.read_text(errors='replace').strip()}")
        if time.monotonic() > deadline:
            supervisor.terminate()
            supervisor.wait(_DOWN_SECONDS)
            raise ServerError(f"the cluster is not ready after {_UP_SECONDS:.0f} s; its log is {log}")
        time.sleep(_POLL_SECONDS)


def down(path: Path) -> None:
    """Ends a cluster and removes its data; returns when nothing of it is left.

    Raises:
        ServerError: none runs there, or it does not end.
    """
    state = _running(path)
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while state.supervisor_runs or not is_gone(path):
        if time.monotonic() > deadline:
            raise ServerError(f"the cluster in {path} does not end: its supervisor is process {state.pid}")
        time.sleep(_POLL_SECONDS)


def promote(path: Path, name: str | None = None) -> PostgresHost:
    """Makes a replica of PostgreSQL the primary, the one that has received most unless named; the old primary becomes
    its replica. Interrupted, it is brought to its end by the supervisor.

    Raises:
        ServerError: no cluster runs there, there is no such replica, or not all is as it should be yet.
    """
    _running(path)
    with ServersFolder.use(path) as folder:
        engines = _engines(folder)
        with folder.lock("servers"):
            return switch_over(engines.postgres, name)


def scale(path: Path, counts: Mapping[str, int]) -> None:
    """Changes how many processes of some kinds there are to be; the supervisor sees to it within seconds.

    Raises:
        ServerError: no cluster of services runs there, there is no such kind, or not so many may run.
    """
    _running(path)
    with ServersFolder.use(path) as folder, folder.lock(WANTED):
        wanted = folder.read(WANTED, Wanted)
        if wanted is None or not wanted.counts:
            raise ServerError("no services run in this cluster: it was started with --no-services")
        for name in counts:
            if name not in KINDS:
                raise ServerError(f"there is no {name}: {', '.join(KINDS)}")
        new = {**wanted.counts, **counts}
        check(new, MAX_CONNECTIONS)
        folder.write(WANTED, Wanted(new))


def autoscale(path: Path, names: Sequence[str], policy: Policy, say: Callable[[str], None]) -> None:
    """Follows the queues of these kinds of processes until interrupted, or until the cluster ends.

    What is refused meanwhile (PostgreSQL has no room for more connections) is said once, and the others are followed.

    Raises:
        ServerError: no cluster of services runs there, or a kind is fed from no queue.
    """
    for name in names:
        if name not in KINDS or not KINDS[name].queues:
            fed = ", ".join(kind.name for kind in KINDS.values() if kind.queues)
            raise ServerError(f"{name} is fed from no queue: {fed}")
    scalings = {name: Scaling(policy) for name in names}
    refused: set[str] = set()
    # Refused where no services run.
    scale(path, {})
    while find(path) is not None:
        _running(path)
        with ServersFolder.use(path) as folder:
            wanted = folder.read(WANTED, Wanted)
            try:
                found = depths(_engines(folder).rabbitmq)
            except ServerError as error:
                say(f"the queues cannot be seen: {error}")
                found = None
        if found is not None and wanted is not None:
            for name, scaling in scalings.items():
                depth, now = waiting_for(KINDS[name], found) or 0, wanted.counts.get(name, 0)
                number = scaling.decide(depth, now, time.monotonic())
                refusal = None if number == now else _refusal(path, name, number)
                if refusal is None:
                    refused.discard(name)
                    if number != now:
                        say(f"{name}: {now} -> {number} ({depth} waiting)")
                elif name not in refused:
                    refused.add(name)
                    say(f"{name}: {now}, not {number} ({depth} waiting): {refusal}")
        time.sleep(_FOLLOW_SECONDS)


def _refusal(path: Path, name: str, number: int) -> str | None:
    """Has so many of a kind run; says why where that is refused."""
    try:
        scale(path, {name: number})
    except ServerError as error:
        return str(error)
    return None


def status(path: Path) -> Status:
    """Every process of the cluster, and what waits in its queues.

    Raises:
        ServerError: no cluster runs there.
    """
    _running(path)
    with ServersFolder.use(path) as folder:
        return observe(folder, _engines(folder))


def _running(path: Path) -> ClusterState:
    state = find(path)
    if state is None:
        raise ServerError(f"no cluster runs in {path}: bet-intel cluster up")
    if not state.ready:
        raise ServerError(f"the cluster in {path} is still starting")
    return state


def _engines(folder: ServersFolder) -> Engines:
    engines = Engines.find(folder)
    if engines is None:
        raise ServerError(f"the servers in {folder.path} are still starting")
    return engines


def _make_parent(path: Path) -> None:
    missing = [one for one in (path.parent, *path.parent.parents) if not one.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        # The account of root's servers must be able to pass through, whatever the umask.
        folder.chmod(0o755 if os.geteuid() == 0 else 0o700)
