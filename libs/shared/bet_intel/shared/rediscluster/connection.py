"""A client of a Redis Cluster that is never waited for longer than it is worth."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisClusterException, RedisError

from bet_intel.shared.rediscluster.losing import tell_losses
from bet_intel.shared.runtime import heed_cancellation
from bet_intel.shared.times import Monotonic

_log = structlog.get_logger(__name__)

T = TypeVar("T")

DEADLINE = 0.25
"""Seconds that a call may take."""

_SOCKET_SECONDS = 0.5
_OPEN_SECONDS = 5.0
_DEFAULT_PORT = 6379
LOST = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a call may raise whose node, or cluster, is away."""


class RedisAddressError(Exception):
    """The address cannot be used; the message says how one looks, and holds no password."""


@dataclass(frozen=True, slots=True)
class Address:
    """Some nodes of a cluster, from which the others are learned."""

    nodes: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """`redis://[user[:password]@]host:port[,host:port…]`.

        Raises:
            RedisAddressError: it is none.
        """
        try:
            parts = urlsplit(url)
            login, _, hosts = parts.netloc.rpartition("@")
            nodes = tuple(_node(host) for host in hosts.split(","))
        except ValueError:
            nodes = ()
        # A "/", "?" or "#" in a password that is not escaped ends the login there: a part of it would be shown as host.
        if not nodes or parts.scheme != "redis" or parts.path.strip("/") or parts.query or parts.fragment:
            raise RedisAddressError(
                "the address of a Redis Cluster is redis://:password@host:port[,host:port…], special characters as %xx"
            ) from None
        username, _, password = login.partition(":")
        return cls(nodes, unquote(username) or None, unquote(password) or None)


def _node(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port or _DEFAULT_PORT


class Redis:
    """The client, with a deadline for every call; a node that missed one is left alone for a while.

    Losing it is normal: `attempt` says so by its answer, never by an error.
    """

    def __init__(
        self,
        client: RedisCluster,
        monotonic: Monotonic,
        losses: Counter,
        *,
        deadline: float = DEADLINE,
        rest: float = 1.0,
    ) -> None:
        """`deadline` (s) bounds a call, `rest` (s) is how long nobody asks a node that did not answer."""
        self.client = client
        self._monotonic = monotonic
        self._losses = losses
        self._deadline = deadline
        self._rest = rest
        self._rests_until: dict[str, float] = {}

    async def attempt(self, use: str, key: str, call: Callable[[], Awaitable[T]]) -> tuple[T] | None:
        """What `call`, about `key`, answers, as a tuple of one; None where its node is away. `use` names the metric."""
        node = self._node_of(key)
        if self._monotonic() < self._rests_until.get(node, 0.0):
            self._losses.labels(use, "resting").inc()
            return None
        try:
            async with asyncio.timeout(self._deadline):
                answer = await call()
        except LOST as error:
            heed_cancellation(error)
            self._rests_until[node] = self._monotonic() + self._rest
            self._losses.labels(use, "lost").inc()
            _log.warning("redis does not answer", use=use, node=node, reason=str(error) or type(error).__name__)
            return None
        heed_cancellation()
        return (answer,)

    def _node_of(self, key: str) -> str:
        """The node that a key is kept at, as far as is known."""
        try:
            node = self.client.get_node_from_key(key)
        except LOST:
            node = None
        return node.name if node is not None else ""


@asynccontextmanager
async def connected(
    url: str, monotonic: Monotonic, registry: CollectorRegistry, deadline: float = DEADLINE
) -> AsyncIterator[Redis]:
    """A client of the cluster at `url`, whose calls take no longer than `deadline` (s). One that is not there yet is
    found when it comes.

    Raises:
        RedisAddressError: `url` is none.
    """
    address = Address.parse(url)
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
        username=address.username,
        password=address.password,
        require_full_coverage=False,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_SOCKET_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 3),
    )
    tell_losses(client)
    losses = Counter(
        "bet_intel_redis_losses",
        "Calls without an answer: lost (the node was away), resting (not asked, it was away a moment ago).",
        ("use", "result"),
        registry=registry,
    )
    try:
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await client.initialize()
        except LOST as error:
            heed_cancellation(error)
            _log.warning("redis is not there yet", reason=str(error) or type(error).__name__)
        yield Redis(client, monotonic, losses, deadline=deadline)
    finally:
        await client.aclose()
