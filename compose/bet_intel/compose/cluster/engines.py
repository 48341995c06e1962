"""The servers of a cluster, started together."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import msgspec

from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.compose.servers.processes import Server
from bet_intel.compose.servers.rabbitmq import RabbitMQ
from bet_intel.compose.servers.redis import RedisCluster

VHOST = "bet-intel"
"""The virtual host of RabbitMQ that everything goes through."""


class Sizes(msgspec.Struct, frozen=True):
    """How many servers of each kind, and how careful they are."""

    rabbitmq_nodes: int = 3
    postgres_replicas: int = 2
    redis_masters: int = 3
    redis_replicas: int = 1
    """Of each master."""
    postgres_synchronous: int = 0
    """A commit returns when so many replicas have it: what was acknowledged then outlives the primary."""
    fsync: bool = False
    """PostgreSQL waits for the disk at a commit: what is measured then holds where a loss of power may lose nothing."""


SMALL = Sizes(rabbitmq_nodes=1, postgres_replicas=0, redis_masters=1, redis_replicas=0)
"""One of each kind."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The servers that the services need."""

    rabbitmq: RabbitMQ
    postgres: PostgresGroup
    redis: RedisCluster

    @classmethod
    def start(cls, folder: ServersFolder, sizes: Sizes) -> Self:
        """Starts all at the same time; returns when all are ready.

        Raises:
            ServerError: one of them could not be started.
        """
        with ThreadPoolExecutor(3) as pool:
            rabbitmq = pool.submit(RabbitMQ.start, folder, nodes=sizes.rabbitmq_nodes)
            postgres = pool.submit(
                PostgresGroup.start,
                folder,
                replicas=sizes.postgres_replicas,
                fsync=sizes.fsync,
                synchronous_replicas=sizes.postgres_synchronous,
            )
            redis = pool.submit(RedisCluster.start, folder, masters=sizes.redis_masters, replicas=sizes.redis_replicas)
            engines = cls(rabbitmq.result(), postgres.result(), redis.result())
        engines.rabbitmq.create_vhost(VHOST)
        return engines

    @classmethod
    def find(cls, folder: ServersFolder) -> Self | None:
        """Those that somebody has started in the folder; ``None`` until all are ready."""
        rabbitmq, postgres, redis = RabbitMQ.find(folder), PostgresGroup.find(folder), RedisCluster.find(folder)
        return None if rabbitmq is None or postgres is None or redis is None else cls(rabbitmq, postgres, redis)

    def servers(self) -> Iterator[Server]:
        """All, to be kept running."""
        for engine in (self.rabbitmq, self.redis, self.postgres):
            yield from engine.servers()
