"""Leases of a quota: never more than it in any window, and all of it for who asks steadily."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.util import WindowStats
from prometheus_client import CollectorRegistry, Counter

from bet_intel.shared.rediscluster.leases import LeasedQuota

_SECONDS = 60


class _Limiter(MovingWindowRateLimiter):
    """The exact window of all gateways, by a clock of its own."""

    def __init__(self) -> None:
        super().__init__(MemoryStorage())
        self.now = 1000.0
        self.taken: deque[float] = deque()
        self.asked = 0

    def _gone(self, item: RateLimitItem) -> None:
        while self.taken and self.taken[0] <= self.now - item.get_expiry():
            self.taken.popleft()

    async def hit(self, item: RateLimitItem, *_identifiers: str, cost: int = 1) -> bool:
        self.asked += 1
        self._gone(item)
        if len(self.taken) + cost > item.amount:
            return False
        self.taken.extend([self.now] * cost)
        return True

    async def get_window_stats(self, item: RateLimitItem, *_identifiers: str) -> WindowStats:
        self._gone(item)
        oldest = self.taken[0] if self.taken else self.now
        return WindowStats(time.time() + oldest + item.get_expiry() - self.now, item.amount - len(self.taken))


def _quota(limiter: _Limiter, count: int) -> LeasedQuota:
    uncounted = Counter("uncounted", "of tests", ("limit",), registry=CollectorRegistry())
    return LeasedQuota(limiter, "requests", count, _SECONDS, lambda: limiter.now, uncounted)


def _asked(moments: Sequence[float], count: int, gateways: int = 1) -> tuple[list[float], _Limiter]:
    """When requests at those moments were let in, by gateways in turns."""
    limiter = _Limiter()
    quotas = [_quota(limiter, count) for _ in range(gateways)]
    begin = limiter.now

    async def ask() -> list[float]:
        let_in = []
        for number, moment in enumerate(moments):
            limiter.now = begin + moment
            quota = quotas[number % gateways]
            standing = quota.use("caller") or await quota.lease("caller")
            if standing.wait is None:
                let_in.append(moment)
        return let_in

    return asyncio.run(ask()), limiter


_PAUSES = st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.01, 3.0, 20.0]), min_size=1, max_size=400)


@settings(deadline=None)
@given(_PAUSES, st.sampled_from([3, 30, 60, 300]), st.integers(1, 3))
def test_never_more_than_the_quota_in_any_window(pauses: list[float], count: int, gateways: int) -> None:
    moments = [sum(pauses[:end]) for end in range(len(pauses))]
    let_in, _ = _asked(moments, count, gateways)
    for moment in let_in:
        assert sum(moment <= other < moment + _SECONDS for other in let_in) <= count


@settings(deadline=None)
@given(st.sampled_from([30, 60, 120, 300, 6000]), st.floats(0.05, 0.95), st.integers(1, 3))
def test_who_asks_steadily_within_the_quota_is_never_refused(count: int, share: float, gateways: int) -> None:
    number = int(2 * count * share)
    moments = [place * _SECONDS / (count * share) for place in range(number)]
    let_in, _ = _asked(moments, count, gateways)
    assert len(let_in) == number


def test_of_a_burst_few_tokens_are_lost() -> None:
    let_in, limiter = _asked([0.0] * 25, 300)
    assert len(let_in) == 25
    assert len(limiter.taken) <= 30


def test_who_asks_often_waits_for_few_leases() -> None:
    let_in, limiter = _asked([place / 1000 for place in range(5000)], 1_000_000)
    assert len(let_in) == 5000
    assert limiter.asked < 5000 / 40


class _FarLimiter(_Limiter):
    """Others have their turn before it answers."""

    async def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        await asyncio.sleep(0)
        return await super().hit(item, *identifiers, cost=cost)


def test_who_asks_for_much_at_once_waits_for_few_leases() -> None:
    """As many tokens are leased as requests wait for one."""

    async def ask() -> int:
        limiter = _FarLimiter()
        quota = _quota(limiter, 1_000_000)
        standings = await asyncio.gather(*(quota.lease("caller") for _ in range(100)))
        assert [standing.wait for standing in standings] == [None] * 100
        assert len(limiter.taken) == 100
        return limiter.asked

    assert asyncio.run(ask()) <= 2
