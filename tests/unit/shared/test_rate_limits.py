"""The token buckets of callers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.shared.rate_limits import TokenBuckets, Window


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


def test_a_window_has_so_many_tokens_in_any_stretch_of_it() -> None:
    times = Times()
    window = Window(3, 60, times)
    for remaining in (2, 1, 0):
        standing = window.use("a")
        assert (standing.remaining, standing.wait) == (remaining, None)
        assert standing.reset == pytest.approx(60 - 10 * (2 - remaining))
        times.now += 10
    refused = window.use("a")
    assert refused.remaining == 0
    assert refused.wait == pytest.approx(30)
    # Others have their own.
    assert window.use("b").wait is None
    times.now += 30
    # The first one is back, and no more.
    assert window.use("a").wait is None
    assert window.use("a").wait == pytest.approx(10)


@given(st.lists(st.floats(0, 40), max_size=60), st.integers(1, 5))
def test_no_stretch_of_the_length_of_a_window_has_more_than_its_tokens(pauses: list[float], count: int) -> None:
    times = Times()
    window = Window(count, 60, times)
    taken = []
    for pause in pauses:
        times.now += pause
        if window.use("a").wait is None:
            taken.append(times.now)
    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= count


def test_a_window_remembers_only_so_many_callers() -> None:
    window = Window(1, 60, Times(), callers=2)
    for caller in ("a", "b", "c"):
        assert window.use(caller).wait is None
    assert window.use("c").wait is not None
    assert window.use("a").wait is None
