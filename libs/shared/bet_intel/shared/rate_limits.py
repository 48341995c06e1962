"""How often a caller may ask for something. Adapters: `TokenBuckets` here, leases from a Redis Cluster when several
processes share a quota."""

from collections import OrderedDict
from typing import Protocol

from bet_intel.shared.times import Monotonic

_CALLERS = 10_000


class RateLimit(Protocol):
    """One limit, the same for every caller."""

    async def take(self, caller: str) -> float | None:
        """Take a token of `caller`: None, or the seconds until there will be one."""
        ...


class RateLimits(Protocol):
    """Makes limits."""

    def limit(self, name: str, burst: int, seconds: float) -> RateLimit:
        """`burst` tokens at once, on average one every `seconds`; `name` tells it from the others."""
        ...


class TokenBuckets:
    """A limit in this process: `burst` at once, then one every `seconds`. Remembers the callers that asked last; a
    forgotten one begins with a full bucket."""

    def __init__(self, burst: int, seconds: float, monotonic: Monotonic, callers: int = _CALLERS) -> None:
        self._burst = burst
        self._seconds = seconds
        self._monotonic = monotonic
        self._callers = callers
        # When each bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    async def take(self, caller: str) -> float | None:
        now = self._monotonic()
        full_at = max(now, self._full_at.get(caller, now)) + self._seconds
        wait = full_at - self._burst * self._seconds - now
        if wait > 1e-9:
            return wait
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        if len(self._full_at) > self._callers:
            self._full_at.popitem(last=False)
        return None


class InProcessRateLimits:
    """`RateLimits` of a single process."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic

    def limit(self, _name: str, burst: int, seconds: float) -> RateLimit:
        return TokenBuckets(burst, seconds, self._monotonic)
