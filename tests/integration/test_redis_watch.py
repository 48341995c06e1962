"""What a gateway shows of the nodes of a real Redis Cluster: each of them, the dead as dead, the gone no more."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from bet_intel.compose.servers.programs import REDIS
from bet_intel.compose.servers.redis import RedisCluster, RedisNode
from bet_intel.shared.rediscluster.connection import connected
from bet_intel.shared.rediscluster.watching import RedisWatch
from fixtures.servers import TestServers, need
from fixtures.waiting import until

pytestmark = pytest.mark.integration


def url_of(cluster: RedisCluster) -> str:
    return f"redis://:{cluster.password}@" + ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)


def shown(registry: CollectorRegistry, name: str) -> dict[str, float]:
    """The values of a gauge by the node that they are of."""
    return {
        sample.labels["node"]: sample.value
        for metric in registry.collect()
        if metric.name == f"bet_intel_redis_{name}"
        for sample in metric.samples
    }


@pytest.fixture
def redis_alone(servers: TestServers) -> RedisCluster:
    """A master that owns every slot, as on a small host."""
    need(REDIS)
    return RedisCluster.start(servers.folder, masters=1, replicas=0, name="redis-alone")


def address(node: RedisNode) -> str:
    return f"127.0.0.1:{node.port}"


async def test_every_node_is_shown_and_a_dead_one_as_down(redis_cluster: RedisCluster) -> None:
    registry = CollectorRegistry()
    async with connected(url_of(redis_cluster), time.monotonic, registry) as redis:
        watch = RedisWatch(redis.client, registry)
        nodes = [address(node) for node in redis_cluster.nodes]
        await watch.look()
        assert shown(registry, "node_up") == dict.fromkeys(nodes, 1.0), "masters and replicas"
        assert shown(registry, "memory_bytes").keys() == set(nodes)

        dead, *_ = await asyncio.to_thread(redis_cluster.masters)
        await asyncio.to_thread(redis_cluster.kill, dead)
        await watch.look()
        assert shown(registry, "node_up")[address(dead)] == 0.0, "before its cluster says so"

        async def has_another_master() -> bool:
            await watch.look()
            return registry.get_sample_value("bet_intel_redis_cluster_slots_ok") == 16384

        await until(has_another_master, 20)
        assert shown(registry, "node_up") == dict.fromkeys(nodes, 1.0) | {address(dead): 0.0}
        assert shown(registry, "memory_bytes").keys() == set(nodes) - {address(dead)}

        await asyncio.to_thread(redis_cluster.heal)
        await until(lambda: _is_up(watch, registry, address(dead)), 20)


async def test_a_node_that_is_forgotten_is_shown_no_more(redis_cluster: RedisCluster) -> None:
    registry = CollectorRegistry()
    async with connected(url_of(redis_cluster), time.monotonic, registry) as redis:
        watch = RedisWatch(redis.client, registry)
        await watch.look()
        masters = await asyncio.to_thread(redis_cluster.masters)
        gone = next(node for node in redis_cluster.nodes if node not in masters)
        id = await asyncio.to_thread(redis_cluster.command, gone, "cluster", "myid")
        followed = await asyncio.to_thread(_master_of, redis_cluster, gone)
        others = [node for node in redis_cluster.nodes if node != gone]
        for node in others:
            await asyncio.to_thread(redis_cluster.command, node, "cluster", "forget", id)
        try:
            await watch.look()
            # The one that is forgotten still knows the others, and may be the one that is asked.
            await until(lambda: _is_gone(watch, registry, address(gone)), 20)
            assert shown(registry, "memory_bytes").keys() == {address(node) for node in others}
        finally:
            # They refuse to know it for a minute, unless it is reset: what they have forgotten is its id. Reset, it is
            # a master without slots: its master would be without a replica in what comes next.
            await asyncio.to_thread(redis_cluster.command, gone, "cluster", "reset", "hard")
            await asyncio.to_thread(redis_cluster.heal)
        assert await asyncio.to_thread(_master_of, redis_cluster, gone) == followed


async def test_a_node_that_is_alone_is_shown(redis_alone: RedisCluster) -> None:
    """It has met no other, and does not know where it is."""
    registry = CollectorRegistry()
    async with connected(url_of(redis_alone), time.monotonic, registry) as redis:
        await RedisWatch(redis.client, registry).look()
    [node] = redis_alone.nodes
    assert shown(registry, "node_up") == {address(node): 1.0}
    assert shown(registry, "memory_bytes")[address(node)] > 0


async def test_without_any_node_all_are_down(redis_cluster: RedisCluster) -> None:
    registry = CollectorRegistry()
    async with connected(url_of(redis_cluster), time.monotonic, registry) as redis:
        watch = RedisWatch(redis.client, registry)
        await watch.look()
        await asyncio.gather(*(asyncio.to_thread(redis_cluster.kill, node) for node in redis_cluster.nodes))
        await watch.look()
        assert shown(registry, "node_up") == {address(node): 0.0 for node in redis_cluster.nodes}
        assert registry.get_sample_value("bet_intel_redis_cluster_ok") == 0


def _master_of(cluster: RedisCluster, replica: RedisNode) -> RedisNode:
    _, _, port, *_ = cluster.command(replica, "role").splitlines()
    return next(node for node in cluster.nodes if node.port == int(port))


async def _is_up(watch: RedisWatch, registry: CollectorRegistry, node: str) -> bool:
    await watch.look()
    return shown(registry, "node_up").get(node) == 1.0


async def _is_gone(watch: RedisWatch, registry: CollectorRegistry, node: str) -> bool:
    await watch.look()
    return node not in shown(registry, "node_up")
