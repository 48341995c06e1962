"""How the Redis Cluster is, as one of its clients sees it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge
from redis.asyncio.cluster import RedisCluster

from bet_intel.shared.rediscluster.connection import LOST
from bet_intel.shared.runtime import every, heed_cancellation

_EVERY_SECONDS = 10.0
_ANSWER_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class RedisWatch:
    """Asks every node now and then. `run` works until cancelled."""

    def __init__(self, client: RedisCluster, registry: CollectorRegistry) -> None:
        self._client = client
        self._ok = Gauge(
            "bet_intel_redis_cluster_ok", "1 while the cluster says that all slots are served.", registry=registry
        )
        self._slots = Gauge("bet_intel_redis_cluster_slots_ok", "Slots of 16384 that are served.", registry=registry)
        node = ("node",)
        self._up = Gauge("bet_intel_redis_node_up", "1 for a node that answers.", node, registry=registry)
        self._memory = Gauge("bet_intel_redis_memory_bytes", "Memory that a node uses.", node, registry=registry)
        self._limit = Gauge(
            "bet_intel_redis_memory_limit_bytes", "Memory that a node may use; 0 = no limit.", node, registry=registry
        )
        self._evicted = Gauge(
            "bet_intel_redis_evicted_keys", "Keys that a node dropped for room since it runs.", node, registry=registry
        )

    async def run(self) -> None:
        await every(_EVERY_SECONDS, self.look)

    async def look(self) -> None:
        """Ask once; what does not answer is shown as down."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                told: Mapping[str, Any] = await self._client.cluster_info(target_nodes=RedisCluster.RANDOM)
        except LOST as error:
            heed_cancellation(error)
            _log.debug("the state of redis is not known", reason=str(error))
            told = {}
        self._ok.set(told.get("cluster_state") == "ok")
        self._slots.set(int(told.get("cluster_slots_ok", 0)))
        await asyncio.gather(*[self._node(node) for node in self._client.get_nodes()])

    async def _node(self, node: Any) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                told = await self._client.info(target_nodes=node)
        except LOST as error:
            heed_cancellation(error)
            self._up.labels(node.name).set(0)
            return
        self._up.labels(node.name).set(1)
        self._memory.labels(node.name).set(told["used_memory"])
        self._limit.labels(node.name).set(told["maxmemory"])
        self._evicted.labels(node.name).set(told["evicted_keys"])
