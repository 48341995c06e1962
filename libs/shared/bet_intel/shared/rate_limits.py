"""How often a caller may ask for something. Adapters: `TokenBuckets` and `Window` here, leases from a Redis Cluster
when several processes share a quota."""

from collections import OrderedDict, deque
from typing import NamedTuple, Protocol

from bet_intel.shared.times import Monotonic

_CALLERS = 10_000


class RateLimit(Protocol):
    """One limit, the same for every caller."""

    async def take(self, caller: str) -> float | None:
        """Take a token of `caller`: None, or the seconds until there will be one."""
        ...


class Standing(NamedTuple):
    """What became of a request, and what is left of its caller's quota: tokens, and the seconds until some come back.
    `wait` is None where it had a token, else the seconds until there will be one. Where nobody could count it, it had
    one, and nothing is known of the rest (`remaining` is None)."""

    remaining: int | None
    reset: float
    wait: float | None = None


UNCOUNTED = Standing(None, 0.0)


class Quota(Protocol):
    """At most `count` tokens in any `seconds`, the same for every caller."""

    count: int
    seconds: int

    def use(self, caller: str) -> Standing | None:
        """Take a token that is at hand, without waiting for anybody; None where it must be asked for by `lease`."""
        ...

    async def lease(self, caller: str) -> Standing:
        """Take a token, from wherever they are counted."""
        ...


class RateLimits(Protocol):
    """Makes limits."""

    def quota(self, name: str, count: int, seconds: int) -> Quota:
        """`count` tokens in any `seconds`; `name` tells it from the others."""
        ...

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


class Window:
    """A quota in this process, exact: it remembers when each token was taken. Of callers beyond the last `callers` it
    forgets those that asked longest ago."""

    def __init__(self, count: int, seconds: int, monotonic: Monotonic, callers: int = _CALLERS) -> None:
        self.count = count
        self.seconds = seconds
        self._monotonic = monotonic
        self._callers = callers
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()

    def use(self, caller: str) -> Standing:
        now = self._monotonic()
        taken = self._taken.get(caller)
        if taken is None:
            taken = self._taken[caller] = deque()
            if len(self._taken) > self._callers:
                self._taken.popitem(last=False)
        else:
            self._taken.move_to_end(caller)
        while taken and taken[0] <= now - self.seconds:
            taken.popleft()
        if len(taken) >= self.count:
            wait = taken[0] + self.seconds - now
            return Standing(0, wait, wait)
        taken.append(now)
        return Standing(self.count - len(taken), taken[0] + self.seconds - now)

    async def lease(self, caller: str) -> Standing:
        return self.use(caller)


class InProcessRateLimits:
    """`RateLimits` of a single process."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic

    def limit(self, _name: str, burst: int, seconds: float) -> RateLimit:
        return TokenBuckets(burst, seconds, self._monotonic)

    def quota(self, _name: str, count: int, seconds: int) -> Quota:
        return Window(count, seconds, self._monotonic)
