"""How the Redis Cluster is, as one of its clients sees it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge
from redis.asyncio.cluster import ClusterNode, RedisCluster

from bet_intel.shared.rediscluster.connection import LOST
from bet_intel.shared.runtime import every, heed_cancellation

_EVERY_SECONDS = 10.0
_ANSWER_SECONDS = 2.0
# Of a node that is not met yet, or that has no address any more, nothing can be told.
_NOT_SHOWN = frozenset({"handshake", "noaddr"})

_log = structlog.get_logger(__name__)

Nodes = Mapping[str, bool]
"""Those of a cluster by address, and whether its majority holds each for dead."""


class RedisWatch:
    """Asks every node now and then, replicas too: those that the cluster itself knows. `run` works until cancelled."""

    def __init__(self, client: RedisCluster, registry: CollectorRegistry) -> None:
        self._client = client
        self._nodes: Nodes = {}
        self._shown: Mapping[str, Mapping[str, Any] | None] = {}
        self._ok = Gauge(
            "bet_intel_redis_cluster_ok", "1 while the cluster says that all slots are served.", registry=registry
        )
        self._slots = Gauge("bet_intel_redis_cluster_slots_ok", "Slots of 16384 that are served.", registry=registry)
        node = ("node",)
        self._up = Gauge(
            "bet_intel_redis_node_up", "1 for a node of the cluster that answers, else 0.", node, registry=registry
        )
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
        """Ask once; what does not answer is shown as down, and what is no node any more not at all."""
        told, nodes = await self._cluster()
        answers = await asyncio.gather(*[self._info(node, is_dead=is_dead) for node, is_dead in nodes.items()])
        self._ok.set(told.get("cluster_state") == "ok")
        self._slots.set(int(told.get("cluster_slots_ok", 0)))
        self._show(dict(zip(nodes, answers, strict=True)))

    def _show(self, answers: Mapping[str, Mapping[str, Any] | None]) -> None:
        # A node that begins again at another address, as a pod does, leaves no series behind. Those of the others stay
        # all the while: who reads them does so in another thread.
        for node in self._shown.keys() - answers.keys():
            self._up.remove(node)
        for node in {node for node, told in self._shown.items() if told and not answers.get(node)}:
            for gauge in (self._memory, self._limit, self._evicted):
                gauge.remove(node)
        for node, told in answers.items():
            self._up.labels(node).set(told is not None)
            if told is not None:
                self._memory.labels(node).set(told["used_memory"])
                self._limit.labels(node).set(told["maxmemory"])
                self._evicted.labels(node).set(told["evicted_keys"])
        self._shown = answers

    async def _cluster(self) -> tuple[Mapping[str, Any], Nodes]:
        """What the cluster says of itself and its nodes; where nobody says it, those that were known."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                told: Mapping[str, Any] = await self._client.cluster_info(target_nodes=RedisCluster.RANDOM)
                listed = await self._client.execute_command("CLUSTER NODES", target_nodes=RedisCluster.RANDOM)
        except LOST as error:
            heed_cancellation(error)
            _log.debug("the state of redis is not known", reason=str(error))
            return {}, dict.fromkeys(self._nodes, False)
        flags = {self._address(node): frozenset(one["flags"].split(",")) for node, one in listed.items()}
        self._nodes = {node: "fail" in marks for node, marks in flags.items() if not marks & _NOT_SHOWN}
        return told, self._nodes

    def _address(self, listed: str) -> str:
        """One that has met no other knows no address of its own: it is the only one, and the one that is asked."""
        host, _, port = listed.rpartition(":")
        return f"{host or self._client.get_default_node().host}:{port}"

    async def _info(self, name: str, *, is_dead: bool) -> Mapping[str, Any] | None:
        """Asked on a connection of its own: a client has none to a node that it has not heard of."""
        if is_dead:
            return None
        host, _, port = name.rpartition(":")
        login: Mapping[str, Any] = self._client.get_connection_kwargs()
        node = ClusterNode(host, int(port), **login)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                told: Mapping[str, Any] = await node.execute_command("INFO")
        except LOST as error:
            heed_cancellation(error)
            return None
        else:
            return told
        finally:
            await node.disconnect()
