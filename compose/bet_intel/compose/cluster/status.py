"""What runs, and how it is doing."""

from collections.abc import Iterator

import msgspec

from bet_intel.compose.cluster.engines import Engines
from bet_intel.compose.cluster.feed_lag import feed_lags
from bet_intel.compose.cluster.fleet import RUNNING, Members, process_of
from bet_intel.compose.cluster.queues import Depth, depths, waiting_for
from bet_intel.compose.cluster.services import GATEWAY, KINDS
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.nginx import Nginx
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.redis import RedisCluster, RedisNode


class Line(msgspec.Struct, frozen=True):
    """One process of the cluster.

    `memory` in bytes; `lag` how many bytes a replica is behind, or how many entries of the feed a gateway; `queue` how
    many messages wait for all processes of this kind together; `restarts` how often it has been started again.
    """

    name: str
    kind: str
    role: str
    pid: int | None
    port: int
    memory: int
    lag: int | None = None
    queue: int | None = None
    restarts: int | None = None
    detail: str = ""


class Status(msgspec.Struct, frozen=True):
    """`url` is that of nginx, where the services run."""

    url: str | None
    processes: list[Line]
    queues: list[Depth]


def observe(folder: ServersFolder, engines: Engines) -> Status:
    nginx = Nginx.find(folder)
    try:
        found = depths(engines.rabbitmq)
    except ServerError:
        # Away; its lines say so.
        found = []
    lines = [*_servers(engines), *_services(folder, engines, found)]
    if nginx is not None:
        detail = f"before {len(nginx.gateways)} gateway{'s' if len(nginx.gateways) > 1 else ''}"
        process = folder.process("nginx")
        lines.append(Line("nginx", "nginx", "proxy", nginx.pid(), nginx.port, process.memory(), detail=detail))
    return Status(None if nginx is None else nginx.url, lines, found)


def _servers(engines: Engines) -> Iterator[Line]:
    rabbitmq, group, redis = engines.rabbitmq, engines.postgres, engines.redis
    epmd = rabbitmq.epmd.process
    detail = "port mapper of the nodes"
    yield Line("epmd", "rabbitmq", "epmd", epmd.find(), rabbitmq.epmd_port, epmd.memory(), detail=detail)
    for node in rabbitmq.nodes:
        detail = f"management :{node.management_port}, metrics :{node.prometheus_port}"
        yield Line(node.name, "rabbitmq", "node", rabbitmq.pid(node), node.port, rabbitmq.memory(node), detail=detail)
    lag = _lag(group)
    for host in group.hosts:
        role = "primary" if host == group.primary else "replica"
        behind = None if role == "primary" else lag.get(host.name)
        detail = "" if role == "primary" else "not streaming" if behind is None else f"{behind} bytes behind"
        yield Line(host.name, "postgresql", role, group.pid(host), host.port, group.memory(host), behind, detail=detail)
    masters = _masters(redis)
    for redis_node in redis.nodes:
        role = "" if masters is None else "master" if redis_node in masters else "replica"
        pid, memory = redis.pid(redis_node), redis.memory(redis_node)
        yield Line(redis_node.name, "redis", role, pid, redis_node.port, memory)


def _services(folder: ServersFolder, engines: Engines, found: list[Depth]) -> Iterator[Line]:
    running = folder.read(RUNNING, Members) or Members()
    places = {name: place for place, name in enumerate(KINDS)}
    members = sorted(running.members, key=lambda one: (places[one.kind], one.name))
    behind = feed_lags(engines.postgres, [one for one in members if one.kind == GATEWAY.name])
    for member in members:
        kind, process, lag = KINDS[member.kind], process_of(folder, member), behind.get(member.name)
        if kind is GATEWAY:
            detail = "feed unknown" if lag is None else f"{lag} entries of the feed behind"
        else:
            detail = "metrics at its port"
        yield Line(
            member.name,
            kind.service,
            kind.type,
            process.find(),
            member.port,
            process.memory(),
            lag,
            queue=waiting_for(kind, found),
            restarts=member.restarts,
            detail=detail,
        )


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
