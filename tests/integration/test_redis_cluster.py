"""What gateways share by a real Redis Cluster, and how they do without it: masters are killed, and all of it."""

import asyncio
import hashlib
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from bet_intel.compose.servers.programs import REDIS
from bet_intel.compose.servers.redis import RedisCluster
from bet_intel.shared.filled_cache import FilledCache
from bet_intel.shared.rediscluster.cache import RedisClusterCache
from bet_intel.shared.rediscluster.connection import LOST, Address, Redis, RedisAddressError, connected
from bet_intel.shared.rediscluster.engines import RedisEngines, open_redis
from bet_intel.shared.rediscluster.leases import RedisRateLimits
from fixtures.servers import TestServers, need
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

PATIENT = 20.0
"""Seconds for an answer, on a machine that is held up: what comes later than a gateway waits for is lost."""


def url_of(cluster: RedisCluster) -> str:
    return f"redis://:{cluster.password}@" + ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)


def lost(registry: CollectorRegistry) -> float:
    return sum(
        registry.get_sample_value("bet_intel_redis_losses_total", {"use": "cache", "result": result}) or 0.0
        for result in ("lost", "resting")
    )


def uncounted(registry: CollectorRegistry, limit: str) -> float:
    return registry.get_sample_value("bet_intel_rate_limit_uncounted_total", {"limit": limit}) or 0.0


@pytest.fixture
def redis_counted(servers: TestServers) -> RedisCluster:
    """A node that nobody else asks, who would be counted too: other workers have tests of the shared masters."""
    need(REDIS)
    return RedisCluster.start(servers.folder, masters=1, replicas=0, name="redis-counted")


@pytest.fixture
async def gateways(redis_masters: RedisCluster) -> AsyncIterator[list[RedisEngines]]:
    """The engines of three gateways."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                open_redis(url_of(redis_masters), time.monotonic, CollectorRegistry(), deadline=PATIENT)
            )
            for _ in range(3)
        ]


@pytest.fixture
async def counters(redis_masters: RedisCluster) -> AsyncIterator[list[RedisRateLimits]]:
    """Those of three gateways, with all the time that a slow machine needs: who is not answered in time lets in."""
    opened = [RedisRateLimits(url_of(redis_masters), time.monotonic, CollectorRegistry(), PATIENT) for _ in range(3)]
    for one in opened:
        await one.connect()
    yield opened
    for one in opened:
        await one.aclose()


async def test_answers_are_spread_over_the_masters(redis_masters: RedisCluster, key_prefix: str) -> None:
    """Keys as the gateway makes them: the same epoch and generation in all of them."""
    digests = [hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest() for number in range(3000)]
    keys = [f"{key_prefix}api:7-1234:{digest}" for digest in digests]
    async with connected(url_of(redis_masters), time.monotonic, CollectorRegistry()) as redis:
        cache = RedisClusterCache(redis)
        found: list[set[str]] = []

        async def all_are_there() -> bool:
            # An answer that took too long to be kept is lost without a word.
            missing = [key for key in keys if not any(key in of_master for of_master in found)]
            for start in range(0, len(missing), 100):
                await asyncio.gather(*(cache.set(key, b"answer", 60.0) for key in missing[start : start + 100]))
            found[:] = [
                {key.decode() async for key in redis.client.scan_iter(f"{key_prefix}*", count=1000, target_nodes=node)}
                for node in redis.client.get_primaries()
            ]
            return sum(len(of_master) for of_master in found) == len(keys)

        await until(all_are_there)
    shares = [len(of_master) / len(keys) for of_master in found]
    assert len(shares) == 3
    assert min(shares) > 0.28
    assert max(shares) < 0.39


async def test_an_answer_of_one_gateway_is_found_by_another(gateways: list[RedisEngines], key_prefix: str) -> None:
    await gateways[0].cache.set(f"{key_prefix}board", b"odds", 60.0)
    assert await gateways[1].cache.get(f"{key_prefix}board") == b"odds"


async def test_a_killed_master_fails_no_request(redis_cluster: RedisCluster, key_prefix: str) -> None:
    registry = CollectorRegistry()
    async with connected(url_of(redis_cluster), time.monotonic, registry) as redis:
        cache = FilledCache(RedisClusterCache(redis), random.Random(1), registry)
        rng = random.Random(2)
        slowest, answers, hits_of_dead = 0.0, 0, 0
        stop = asyncio.Event()
        keys = [f"{key_prefix}{number}" for number in range(300)]
        dead = await asyncio.to_thread(redis_cluster.master_of, keys[0])
        of_dead = {key for key in keys if _port_of(redis, key) == dead.port}

        async def requests() -> None:
            nonlocal slowest, answers, hits_of_dead
            while not stop.is_set():
                key, filled = rng.choice(keys), False

                async def fill(key: str = key) -> bytes:
                    nonlocal filled
                    filled = True
                    return key.encode()

                began = time.monotonic()
                assert await cache.get(key, 60.0, fill) == key.encode()
                slowest = max(slowest, time.monotonic() - began)
                answers += 1
                hits_of_dead += key in of_dead and not filled

        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(requests())
            await until(lambda: answers > 1000)
            await asyncio.to_thread(redis_cluster.kill, dead)
            await asyncio.to_thread(redis_cluster.wait_for_master, keys[0], dead)
            await until(lambda: lost(registry) > 0)
            # Its replica answers for it now.
            before = hits_of_dead
            await until(lambda: hits_of_dead > before + 50, 20)
            stop.set()
    assert answers > 1000
    assert slowest < 2.0


@pytest.mark.parametrize(("near_answers", "found"), [(0, b"newer"), (512, b"old")])
async def test_what_was_found_is_kept_in_the_process_for_a_second_unless_it_keeps_none(
    redis_masters: RedisCluster, key_prefix: str, near_answers: int, found: bytes
) -> None:
    url, registry = url_of(redis_masters), CollectorRegistry()
    seconds = lambda: 0.0  # noqa: E731 - time does not pass
    async with (
        open_redis(url, seconds, registry, near_answers, deadline=PATIENT) as one,
        open_redis(url, seconds, CollectorRegistry(), deadline=PATIENT) as other,
    ):
        await one.cache.set(key_prefix, b"old", 60.0)
        await other.cache.set(key_prefix, b"newer", 60.0)
        assert await one.cache.get(key_prefix) == found


async def test_without_any_redis_requests_are_answered_and_let_through(
    redis_cluster: RedisCluster, key_prefix: str
) -> None:
    registry = CollectorRegistry()
    async with open_redis(url_of(redis_cluster), time.monotonic, registry) as engines:
        cache = FilledCache(engines.cache, random.Random(1), registry)
        limit = engines.limits.limit(key_prefix, 2, 60.0)
        assert await limit.take("a") is None
        before = uncounted(registry, key_prefix)

        async def fill() -> bytes:
            return b"odds"

        await asyncio.gather(*(asyncio.to_thread(redis_cluster.kill, node) for node in redis_cluster.nodes))
        began = time.monotonic()
        async with running(engines.wake.run()):
            engines.wake.ring("feed")
            for number in range(200):
                assert await cache.get(f"{key_prefix}{number}", 60.0, fill) == b"odds"
                assert await limit.take("a") is None
        assert time.monotonic() - began < 10.0
        assert lost(registry) > 0
        assert uncounted(registry, key_prefix) - before == 200


async def test_a_start_without_redis_finds_it_when_it_comes(redis_cluster: RedisCluster, key_prefix: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(redis_cluster.kill, node) for node in redis_cluster.nodes))
    async with connected(url_of(redis_cluster), time.monotonic, CollectorRegistry()) as redis:
        cache = RedisClusterCache(redis)
        assert await cache.get(f"{key_prefix}a") is None
        await asyncio.to_thread(redis_cluster.heal)

        async def kept() -> bool:
            await cache.set(f"{key_prefix}a", b"1", 60.0)
            return await cache.get(f"{key_prefix}a") == b"1"

        await until(kept, 20)


async def test_a_quota_is_never_exceeded_over_all_gateways(counters: list[RedisRateLimits], key_prefix: str) -> None:
    limits = [one.limit(f"{key_prefix}read", 100, 10.0) for one in counters]
    waits = await asyncio.gather(*(limits[number % 3].take("caller") for number in range(600)))
    allowed = sum(wait is None for wait in waits)
    assert 85 <= allowed <= 100, "at most what unused leases hold is refused early"
    assert all(wait is None or 0 < wait <= 1002 for wait in waits)
    assert await limits[0].take("another") is None


async def test_small_quotas_are_given_out_to_the_last_token(counters: list[RedisRateLimits], key_prefix: str) -> None:
    limits = [one.limit(f"{key_prefix}refresh", 3, 20.0) for one in counters]
    waits = [await limit.take("caller") for limit in limits * 2]
    assert [wait is None for wait in waits] == [True, True, True, False, False, False]


async def test_most_requests_ask_nobody(redis_counted: RedisCluster, key_prefix: str) -> None:
    registry = CollectorRegistry()
    limits = RedisRateLimits(url_of(redis_counted), time.monotonic, registry)
    try:
        limit = limits.limit(key_prefix, 1000, 1.0)
        began = await _scripts(redis_counted)
        for _ in range(500):
            assert await limit.take("caller") is None
        assert await _scripts(redis_counted) - began <= 60
    finally:
        await limits.aclose()


async def test_a_ring_wakes_the_other_gateways(gateways: list[RedisEngines]) -> None:
    async with running(*(gateway.wake.run() for gateway in gateways)):
        with gateways[1].wake.listening("feed") as second, gateways[2].wake.listening("other") as other:

            def rung() -> bool:
                gateways[0].wake.ring("feed")
                return second.is_set()

            await until(rung)
            second.clear()
            other.clear()
            gateways[0].wake.ring("feed")
            await until(second.is_set)
            assert not other.is_set()


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://a:1", "redis://", "redis://:secret@", "redis://a:b:c", "redis://a:70000", "redis://a:1/0"),
        *("redis://u:1?secret@a:1", "redis://u:1#secret@a:1", "redis://u:1/secret@a:1", "redis://u:se[cret@a:1"),
    ],
)
def test_an_address_that_is_none_says_how_one_looks(url: str) -> None:
    with pytest.raises(RedisAddressError, match="redis://:password@host:port") as refused:
        Address.parse(url)
    assert "secret" not in str(refused.value)


def test_an_address_names_nodes_and_login() -> None:
    assert Address.parse("redis://me:p%40ss@one:7000,[::1]:7001,two") == Address(
        (("one", 7000), ("::1", 7001), ("two", 6379)), "me", "p@ss"
    )


def _port_of(redis: Redis, key: str) -> int:
    node = redis.client.get_node_from_key(key)
    assert node is not None
    return int(node.port)


async def _scripts(cluster: RedisCluster) -> int:
    """How many scripts the nodes have run: a lease is one."""
    total = 0
    for node in cluster.nodes:
        said = await asyncio.to_thread(cluster.command, node, "info", "commandstats")
        total += sum(int(calls) for calls in re.findall(r"cmdstat_evalsha:calls=(\d+)", said))
    return total


async def test_a_connection_that_another_task_ends_is_lost_like_any_other(redis_masters: RedisCluster) -> None:
    async with connected(url_of(redis_masters), time.monotonic, CollectorRegistry()) as redis:
        node = redis.client.get_node_from_key("any")
        assert node is not None
        connection = node.acquire_connection()
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py has no types here
        sending = asyncio.ensure_future(connection.send_command("PING"))
        await asyncio.sleep(0)  # it is about to write
        await connection.disconnect(nowait=True)
        with pytest.raises(LOST):
            await sending
