"""The token buckets of callers."""

import pytest

from bet_intel.shared.rate_limits import TokenBuckets


class Times:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def refused(buckets: TokenBuckets, caller: str = "a") -> float:
    wait = await buckets.take(caller)
    assert wait is not None
    return wait


async def test_a_caller_gets_a_burst_and_then_one_now_and_then() -> None:
    times = Times()
    buckets = TokenBuckets(3, 20.0, times)
    for _ in range(3):
        assert await buckets.take("a") is None
    assert await refused(buckets) == pytest.approx(20)
    times.now += 15
    assert await refused(buckets) == pytest.approx(5)
    times.now += 5
    assert await buckets.take("a") is None
    assert await refused(buckets) == pytest.approx(20)
    times.now += 1000
    for _ in range(3):
        assert await buckets.take("a") is None
    await refused(buckets)


async def test_callers_do_not_share_their_buckets() -> None:
    buckets = TokenBuckets(1, 20.0, Times())
    assert await buckets.take("a") is None
    assert await buckets.take("b") is None
    await refused(buckets, "b")


async def test_only_so_many_callers_are_remembered() -> None:
    buckets = TokenBuckets(1, 20.0, Times(), callers=2)
    for caller in ("a", "b", "c"):
        assert await buckets.take(caller) is None
    await refused(buckets, "c")
    assert await buckets.take("a") is None
