"""The token buckets of callers."""

import pytest

from bet_intel.api.limiter import TokenBuckets
from bet_intel.api.problems import TooManyRequestsError


class Times:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(buckets: TokenBuckets, caller: str = "a") -> float:
    with pytest.raises(TooManyRequestsError) as caught:
        buckets.take(caller)
    return caught.value.wait


def test_a_caller_gets_a_burst_and_then_one_now_and_then() -> None:
    times = Times()
    buckets = TokenBuckets(3, 20.0, times)
    for _ in range(3):
        buckets.take("a")
    assert refused(buckets) == pytest.approx(20)
    times.now += 15
    assert refused(buckets) == pytest.approx(5)
    times.now += 5
    buckets.take("a")
    assert refused(buckets) == pytest.approx(20)
    times.now += 1000
    for _ in range(3):
        buckets.take("a")
    refused(buckets)


def test_callers_do_not_share_their_buckets() -> None:
    buckets = TokenBuckets(1, 20.0, Times())
    buckets.take("a")
    buckets.take("b")
    refused(buckets, "b")


def test_only_so_many_callers_are_remembered() -> None:
    buckets = TokenBuckets(1, 20.0, Times(), callers=2)
    for caller in ("a", "b", "c"):
        buckets.take(caller)
    refused(buckets, "c")
    buckets.take("a")
