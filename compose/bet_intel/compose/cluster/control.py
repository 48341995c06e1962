"""What an operator does with a cluster: up, status, promote, down. All of it by the folder, from any process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bet_intel.compose.cluster.engines import Engines, Sizes
from bet_intel.compose.cluster.supervisor import STATE, ClusterState
from bet_intel.compose.servers.folder import ServersFolder, end_if_unused, is_gone
from bet_intel.compose.servers.postgres import PostgresGroup, PostgresHost
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import CLUSTER, require
from bet_intel.compose.servers.redis import RedisCluster, RedisNode

_UP_SECONDS = 240.0
_DOWN_SECONDS = 60.0
_POLL_SECONDS = 0.1


class Line(msgspec.Struct, frozen=True):
    """One process of the cluster; `memory` in bytes."""

    name: str
    kind: str
    role: str
    pid: int | None
    port: int
    memory: int
    detail: str = ""


def find(path: Path) -> ClusterState | None:
    """The cluster that runs in a folder."""
    state = ServersFolder.peek(path).read(STATE, ClusterState)
    return state if state is not None and state.supervisor_runs else None


def up(path: Path, sizes: Sizes) -> None:
    """Starts a cluster and returns when it is ready; it runs on.

    Raises:
        ServerError: servers are not installed, one runs there already, or it could not be started.
    """
    require(*CLUSTER)
    if find(path) is not None:
        raise ServerError(f"a cluster runs in {path} already: bet-intel cluster status")
    _make_parent(path)
    # What a killed supervisor and its killed keeper may have left.
    end_if_unused(path)
    log = path.with_name(f"{path.name}.log")
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "bet_intel.compose.cluster.supervisor", str(path), msgspec.json.encode(sizes)],
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
    """Makes a replica of PostgreSQL the primary, the first one unless named; the old primary becomes its replica.

    Raises:
        ServerError: no cluster runs there, or there is no such replica.
    """
    _running(path)
    with ServersFolder.use(path) as folder:
        engines = _engines(folder)
        group = engines.postgres
        with folder.lock("servers"):
            candidates = [host for host in group.replicas if group.runs(host) and name in (None, host.name)]
            if not candidates:
                known = ", ".join(host.name for host in group.replicas) or "none: started with --small?"
                raise ServerError(f"there is no replica to promote (running replicas: {known})")
            old, new = group.primary, candidates[0]
            # Fenced first: a primary that goes on taking writes would lose them.
            group.kill(old)
            group.promote(new)
            group.rebase(old)
        return new


def status(path: Path) -> list[Line]:
    """Every process of the cluster.

    Raises:
        ServerError: no cluster runs there.
    """
    _running(path)
    with ServersFolder.use(path) as folder:
        return list(_lines(_engines(folder)))


def _lines(engines: Engines) -> Iterator[Line]:
    rabbitmq, group, redis = engines.rabbitmq, engines.postgres, engines.redis
    for node in rabbitmq.nodes:
        detail = f"management :{node.management_port}, metrics :{node.prometheus_port}"
        yield Line(node.name, "rabbitmq", "node", rabbitmq.pid(node), node.port, rabbitmq.memory(node), detail)
    lag = _lag(group)
    for host in group.hosts:
        role = "primary" if host == group.primary else "replica"
        detail = "" if role == "primary" else f"{lag[host.name]} bytes behind" if host.name in lag else "not streaming"
        yield Line(host.name, "postgresql", role, group.pid(host), host.port, group.memory(host), detail)
    masters = _masters(redis)
    for redis_node in redis.nodes:
        role = "" if masters is None else "master" if redis_node in masters else "replica"
        pid, memory = redis.pid(redis_node), redis.memory(redis_node)
        yield Line(redis_node.name, "redis", role, pid, redis_node.port, memory)


def _lag(group: PostgresGroup) -> dict[str, int]:
    """Nothing where the primary is away: it is what knows."""
    try:
        return group.lag()
    except ServerError:
        return {}


def _masters(redis: RedisCluster) -> list[RedisNode] | None:
    """``None`` where no node answers."""
    try:
        return redis.masters()
    except ServerError:
        return None


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
