"""What every cache promises. A new adapter joins by its opener in `ADAPTERS`."""

from collections.abc import Callable

import pytest

from bet_intel.shared.cache import Cache, InProcessCache


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


ADAPTERS: dict[str, Callable[[Callable[[], float]], Cache]] = {
    "inprocess": lambda monotonic: InProcessCache(3, monotonic),
}


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(params=ADAPTERS)
def cache(request: pytest.FixtureRequest, seconds: Seconds) -> Cache:
    return ADAPTERS[request.param](seconds)


async def test_what_was_set_is_given_back_byte_for_byte(cache: Cache) -> None:
    await cache.set("board", b"\x00\xffodds", 10.0)
    assert await cache.get("board") == b"\x00\xffodds"


async def test_what_was_never_set_is_a_miss(cache: Cache) -> None:
    assert await cache.get("board") is None


async def test_the_last_value_counts_with_its_own_time_to_live(cache: Cache, seconds: Seconds) -> None:
    await cache.set("board", b"old", 1.0)
    await cache.set("board", b"new", 10.0)
    seconds.now += 5
    assert await cache.get("board") == b"new"


async def test_a_value_is_gone_when_its_time_is_up(cache: Cache, seconds: Seconds) -> None:
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
