"""Answers from a cache: filled once for all who ask at the same time, and the loss of the cache fails nobody."""

import asyncio
import random

import pytest
from prometheus_client import CollectorRegistry

from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.filled_cache import FilledCache

RESULTS = ("ready", "hit", "shared", "miss", "made")


class Broken:
    """A cache whose server is away."""

    async def get(self, _key: str) -> bytes | None:
        raise ConnectionError("away")

    async def set(self, _key: str, _value: bytes, _ttl: float) -> None:
        raise ConnectionError("away")


class Times:
    """A cache that notes the times to live it is given."""

    def __init__(self) -> None:
        self.ttls: list[float] = []

    async def get(self, _key: str) -> bytes | None:
        return None

    async def set(self, _key: str, _value: bytes, ttl: float) -> None:
        self.ttls.append(ttl)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def counted(registry: CollectorRegistry, result: str) -> float | None:
    return registry.get_sample_value("bet_intel_cache_requests_total", {"result": result})


async def test_what_many_ask_for_at_once_is_filled_once_and_then_kept(registry: CollectorRegistry) -> None:
    cache = FilledCache(InProcessCache(10, lambda: 0.0), random.Random(1), registry)
    fills = 0
    filled = asyncio.Event()

    async def fill() -> bytes:
        nonlocal fills
        fills += 1
        await filled.wait()
        return b"odds"

    asking = [asyncio.create_task(cache.get("board", 5.0, fill)) for _ in range(50)]
    await asyncio.sleep(0)
    filled.set()
    assert await asyncio.gather(*asking) == [b"odds"] * 50
    assert await cache.get("board", 5.0, fill) == b"odds"
    assert fills == 1
    assert (counted(registry, "miss"), counted(registry, "shared"), counted(registry, "hit")) == (1, 49, 1)


async def test_who_asked_first_and_goes_away_takes_nobody_along(registry: CollectorRegistry) -> None:
    cache = FilledCache(InProcessCache(10, lambda: 0.0), random.Random(1), registry)
    filled = asyncio.Event()

    async def fill() -> bytes:
        await filled.wait()
        return b"odds"

    first = asyncio.create_task(cache.get("board", 5.0, fill))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.get("board", 5.0, fill))
    await asyncio.sleep(0)
    first.cancel()
    filled.set()
    assert await second == b"odds"


async def test_what_cannot_be_filled_fails_those_who_asked_and_is_tried_again(registry: CollectorRegistry) -> None:
    cache = FilledCache(InProcessCache(10, lambda: 0.0), random.Random(1), registry)

    async def broken() -> bytes:
        raise LookupError("no such event")

    async def works() -> bytes:
        return b"odds"

    answers = await asyncio.gather(*(cache.get("board", 5.0, broken) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError] * 3
    assert await cache.get("board", 5.0, works) == b"odds"


async def test_a_cache_that_is_away_fails_nobody_and_is_counted(registry: CollectorRegistry) -> None:
    cache = FilledCache(Broken(), random.Random(1), registry)

    async def fill() -> bytes:
        return b"odds"

    assert [await cache.get("board", 5.0, fill) for _ in range(3)] == [b"odds"] * 3
    assert registry.get_sample_value("bet_intel_cache_errors_total", {"operation": "get"}) == 3
    assert {result: counted(registry, result) for result in RESULTS} == {**dict.fromkeys(RESULTS, 0), "made": 3}


async def test_times_to_live_are_spread(registry: CollectorRegistry) -> None:
    times = Times()
    cache = FilledCache(times, random.Random(1), registry)

    async def fill() -> bytes:
        return b"odds"

    for number in range(200):
        await cache.get(str(number), 10.0, fill)
    assert 8.0 <= min(times.ttls) < 8.5
    assert 11.5 < max(times.ttls) <= 12.0


async def test_what_the_cache_had_what_it_had_not_and_what_it_was_not_asked_for_are_told_apart(
    registry: CollectorRegistry,
) -> None:
    cache = FilledCache(InProcessCache(10, lambda: 0.0), random.Random(1), registry)

    async def fill() -> bytes:
        return b"odds"

    for key in ("board", "list", "board", "board"):
        await cache.get(key, 5.0, fill)
    cache.was_ready()
    for _ in range(4):
        cache.was_made()
    told = {result: counted(registry, result) for result in RESULTS}
    assert told == {"ready": 1, "hit": 2, "shared": 0, "miss": 2, "made": 4}
