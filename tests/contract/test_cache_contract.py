"""What every cache promises. A new adapter joins by its opener in `ADAPTERS`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from bet_intel.compose.servers.redis import RedisCluster
from bet_intel.shared.cache import Cache, InProcessCache
from bet_intel.shared.rediscluster.cache import NearAndFar, RedisClusterCache
from bet_intel.shared.rediscluster.connection import connected
from fixtures.waiting import until


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class CacheUnderTest:
    """A cache, keys that no other test uses, and a way to let so many units of its time pass."""

    cache: Cache
    key: str
    unit: float
    passes: Callable[[float], Awaitable[None]]


@asynccontextmanager
async def in_process(_request: pytest.FixtureRequest) -> AsyncIterator[CacheUnderTest]:
    seconds = Seconds()

    async def passes(units: float) -> None:
        seconds.now += units

    yield CacheUnderTest(InProcessCache(3, seconds), "board", 1.0, passes)


@asynccontextmanager
async def redis_cluster(request: pytest.FixtureRequest) -> AsyncIterator[CacheUnderTest]:
    async with _redis(request) as (far, key):
        yield CacheUnderTest(far, key, 0.03, _really_passes)


@asynccontextmanager
async def near_and_far(request: pytest.FixtureRequest) -> AsyncIterator[CacheUnderTest]:
    async with _redis(request) as (far, key):
        cache = NearAndFar(InProcessCache(3, time.monotonic), far, near_ttl=0.01)
        yield CacheUnderTest(cache, key, 0.03, _really_passes)


@asynccontextmanager
async def _redis(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Cache, str]]:
    cluster: RedisCluster = request.getfixturevalue("redis_masters")
    url = f"redis://:{cluster.password}@" + ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
    # With all the time that a slow machine needs: what is not answered in time is not kept.
    async with connected(url, time.monotonic, CollectorRegistry(), deadline=20.0) as redis:
        yield RedisClusterCache(redis), request.getfixturevalue("key_prefix") + "board"


async def _really_passes(units: float) -> None:
    # Redis counts whole milliseconds of its own clock, and keeps a value through the last of them.
    end = time.monotonic() + units * 0.03 + 0.002
    await until(lambda: time.monotonic() >= end)


ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[CacheUnderTest]]] = {
    "inprocess": in_process,
    "redis": redis_cluster,
    "near and far": near_and_far,
}


@pytest.fixture(params=ADAPTERS)
async def under_test(request: pytest.FixtureRequest) -> AsyncIterator[CacheUnderTest]:
    async with ADAPTERS[request.param](request) as cache:
        yield cache


async def test_what_was_set_is_given_back_byte_for_byte(under_test: CacheUnderTest) -> None:
    value = bytes(range(256)) * 500
    await under_test.cache.set(under_test.key, value, 1000.0)
    assert await under_test.cache.get(under_test.key) == value


async def test_what_was_never_set_is_a_miss(under_test: CacheUnderTest) -> None:
    assert await under_test.cache.get(under_test.key) is None


async def test_the_last_value_counts_with_its_own_time_to_live(under_test: CacheUnderTest) -> None:
    await under_test.cache.set(under_test.key, b"old", 1.0 * under_test.unit)
    await under_test.cache.set(under_test.key, b"new", 1000.0 * under_test.unit)
    await under_test.passes(5)
    assert await under_test.cache.get(under_test.key) == b"new"


async def test_a_value_is_gone_when_its_time_is_up(under_test: CacheUnderTest) -> None:

    async def is_kept() -> bool:
        await under_test.cache.set(under_test.key, b"odds", 10.0 * under_test.unit)
        return await under_test.cache.get(under_test.key) == b"odds"

    # A machine that is held up for longer than the value lives looks for it too late.
    await until(is_kept)
    await under_test.passes(10)
    assert await under_test.cache.get(under_test.key) is None


async def test_many_at_once_get_what_is_theirs(under_test: CacheUnderTest) -> None:
    keys = [f"{under_test.key}{number}" for number in range(3)]
    await asyncio.gather(*(under_test.cache.set(key, key.encode(), 1000.0) for key in keys))
    assert await asyncio.gather(*(under_test.cache.get(key) for key in keys)) == [key.encode() for key in keys]


async def test_in_process_a_value_is_kept_until_its_time_is_up_to_the_moment() -> None:
    seconds = Seconds()
    cache = InProcessCache(3, seconds)
    await cache.set("board", b"odds", 10.0)
    seconds.now += 9.9
    assert await cache.get("board") == b"odds"
    seconds.now += 0.1
    assert await cache.get("board") is None


async def test_in_process_the_least_recently_used_leaves_first() -> None:
    cache = InProcessCache(2, Seconds())
    await cache.set("a", b"1", 10.0)
    await cache.set("b", b"2", 10.0)
    await cache.get("a")
    await cache.set("c", b"3", 10.0)
    assert [await cache.get(key) for key in "abc"] == [b"1", None, b"3"]
