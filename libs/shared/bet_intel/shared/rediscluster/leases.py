"""Rate limits over all processes: each takes leases of a few tokens, so that most requests ask nobody.

The quota is never exceeded. A token counts from its lease on, which may be a moment before it is used: the window that
is counted is longer by the life of a lease. What is not used is lost with it: so a lease is no larger than what its
caller used within half of that life, of late, or than how many of its requests wait for it.
"""

import asyncio
import math
import time
from collections import OrderedDict

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisClusterStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry, Counter

from bet_intel.shared.rate_limits import UNCOUNTED, Quota, RateLimit, Standing
from bet_intel.shared.rediscluster.connection import DEADLINE, LOST, Address
from bet_intel.shared.rediscluster.losing import tell_losses
from bet_intel.shared.runtime import heed_cancellation
from bet_intel.shared.times import Monotonic

_log = structlog.get_logger(__name__)

_CALLERS = 10_000
_REST = 1.0
_OPEN_SECONDS = 5.0
_LEASE_SECONDS = 1
_LEASES_A_QUOTA = 20
_MOST_TOKENS = 500


class _Lease:
    """What this process holds for a caller; `rest` is what was left for everybody when it was taken."""

    def __init__(self) -> None:
        self.size = 0
        self.tokens = 0
        self.waiting = 0
        """How many have found no token."""
        self.recent = 0.0
        """Tokens that were used in the life of a lease, the older ones counted less."""
        self.held_at = 0.0
        self.rest = 0
        self.until = 0.0
        self.resets_at = 0.0
        self.refused_until = 0.0
        # Those of one caller who find no token wait for one lease.
        self.lock = asyncio.Lock()

    def next_size(self, now: float, most: int) -> int:
        """Of the lease that follows this one, which is used up or over."""
        since = now - self.held_at
        self.recent = self.recent * math.exp(-since / _LEASE_SECONDS) + self.size - self.tokens
        return min(most, max(1, self.waiting, int(self.recent / 2)))

    def hold(self, tokens: int, now: float) -> None:
        self.size = self.tokens = tokens
        self.held_at, self.until = now, now + _LEASE_SECONDS

    def standing(self, now: float) -> Standing:
        """Of who has just taken a token of it."""
        return Standing(self.tokens + self.rest, max(0.0, self.resets_at - now))


class LeasedQuota:
    """`Quota` of `count` tokens in `seconds` over all processes. While Redis is away nobody is refused."""

    def __init__(
        self,
        limiter: RateLimiter,
        name: str,
        count: int,
        seconds: int,
        monotonic: Monotonic,
        opened: Counter,
        *,
        callers: int = _CALLERS,
        deadline: float = DEADLINE,
        tells_rest: bool = True,
    ) -> None:
        """`tells_rest`: whether it is looked up with each lease what is left; else that is only what is at hand."""
        self.count = count
        self.seconds = seconds
        self._limiter = limiter
        self._name = name
        self._item = RateLimitItemPerSecond(count, seconds + _LEASE_SECONDS)
        self._most = min(_MOST_TOKENS, max(1, count // _LEASES_A_QUOTA))
        self._monotonic = monotonic
        self._opened = opened
        self._callers = callers
        self._deadline = deadline
        self._tells_rest = tells_rest
        self._leases: OrderedDict[str, _Lease] = OrderedDict()
        self._rests_until = 0.0

    def use(self, caller: str) -> Standing | None:
        return self._used(self._lease(caller))

    async def lease(self, caller: str) -> Standing:
        lease = self._lease(caller)
        lease.waiting += 1
        try:
            async with lease.lock:
                return self._used(lease) or await self._renew(lease, caller)
        finally:
            lease.waiting -= 1

    def _lease(self, caller: str) -> _Lease:
        lease = self._leases.get(caller)
        if lease is None:
            lease = self._leases[caller] = _Lease()
            if len(self._leases) > self._callers:
                self._leases.popitem(last=False)
        else:
            self._leases.move_to_end(caller)
        return lease

    def _used(self, lease: _Lease) -> Standing | None:
        now = self._monotonic()
        if lease.tokens > 0 and now < lease.until:
            lease.tokens -= 1
            return lease.standing(now)
        if now < lease.refused_until:
            return Standing(0, lease.refused_until - now, lease.refused_until - now)
        return None

    async def _renew(self, lease: _Lease, caller: str) -> Standing:
        """Lease tokens and use one of them; where a whole lease is not to be had, a single token."""
        if self._monotonic() < self._rests_until:
            self._opened.labels(self._name).inc()
            return UNCOUNTED
        asked_at = self._monotonic()
        try:
            async with asyncio.timeout(self._deadline):
                for cost in dict.fromkeys((lease.next_size(asked_at, self._most), 1)):
                    if await self._limiter.hit(self._item, self._name, caller, cost=cost):
                        lease.hold(cost, asked_at)
                        # Taken before anybody else has a turn: who does not wait finds the others.
                        lease.tokens -= 1
                        lease.rest, lease.resets_at = 0, asked_at + self.seconds
                        if self._tells_rest:
                            lease.rest, lease.resets_at = await self._rest(caller)
                        return lease.standing(self._monotonic())
                _, resets_at = await self._rest(caller)
        except LOST as error:
            heed_cancellation(error)
            self._rests_until = self._monotonic() + _REST
            self._opened.labels(self._name).inc()
            _log.warning("rate limit not counted", limit=self._name, reason=str(error) or type(error).__name__)
            return UNCOUNTED
        wait = max(0.001, resets_at - self._monotonic())
        # The next ones are refused without asking, for a moment: tokens come back one by one.
        lease.refused_until = self._monotonic() + min(wait, float(_LEASE_SECONDS))
        return Standing(0, wait, wait)

    async def _rest(self, caller: str) -> tuple[int, float]:
        """Tokens that are left, and when (monotonic) some come back."""
        stats = await self._limiter.get_window_stats(self._item, self._name, caller)
        # `limits` tells it by the clock that it reads itself.
        return stats.remaining, self._monotonic() + stats.reset_time - time.time()


class LeasedLimit:
    """`RateLimit` of `burst` tokens in `burst × seconds` over all processes."""

    def __init__(self, quota: LeasedQuota) -> None:
        self._quota = quota

    async def take(self, caller: str) -> float | None:
        return (self._quota.use(caller) or await self._quota.lease(caller)).wait


class RedisRateLimits:
    """`RateLimits` over every process that uses the cluster at `url`, which is waited for `deadline` seconds."""

    def __init__(self, url: str, monotonic: Monotonic, registry: CollectorRegistry, deadline: float = DEADLINE) -> None:
        address = Address.parse(url)
        nodes = ",".join(f"{host}:{port}" for host, port in address.nodes)
        # The login goes as arguments: the address is shown in errors.
        self._storage = RedisClusterStorage(
            f"async+redis+cluster://{nodes}",
            implementation="redispy",
            key_prefix="limits",
            wrap_exceptions=False,
            socket_timeout=deadline,
            socket_connect_timeout=deadline,
            require_full_coverage=False,
            **({"password": address.password} if address.password else {}),
            **({"username": address.username} if address.username else {}),
        )
        if isinstance(self._storage.bridge, RedispyBridge):
            tell_losses(self._storage.bridge.storage)
        self._counter = SlidingWindowCounterRateLimiter(self._storage)
        # Remembers each token: exact in any window, where the counter knows the window before as a whole.
        self._window = MovingWindowRateLimiter(self._storage)
        self._monotonic = monotonic
        self._deadline = deadline
        self._opened = Counter(
            "bet_intel_rate_limit_uncounted",
            "Requests that were let through because nobody could count them.",
            ("limit",),
            registry=registry,
        )

    def limit(self, name: str, burst: int, seconds: float) -> RateLimit:
        window = max(1, round(burst * seconds))
        return LeasedLimit(self._quota(self._counter, name, burst, window, tells_rest=False))

    def quota(self, name: str, count: int, seconds: int) -> Quota:
        return self._quota(self._window, name, count, seconds, tells_rest=True)

    def _quota(self, limiter: RateLimiter, name: str, count: int, seconds: int, *, tells_rest: bool) -> LeasedQuota:
        return LeasedQuota(
            limiter,
            name,
            count,
            seconds,
            self._monotonic,
            self._opened,
            deadline=self._deadline,
            tells_rest=tells_rest,
        )

    async def connect(self) -> None:
        """Learn the nodes, where they are there yet: a first request has no time for it."""
        bridge = self._storage.bridge
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                if isinstance(bridge, RedispyBridge):
                    await bridge.storage.initialize()
        except LOST as error:
            heed_cancellation(error)
            _log.warning("redis is not there yet", reason=str(error) or type(error).__name__)

    async def aclose(self) -> None:
        bridge = self._storage.bridge
        if isinstance(bridge, RedispyBridge):
            await bridge.storage.aclose()
