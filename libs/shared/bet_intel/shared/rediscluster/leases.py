"""Rate limits over all processes: each takes leases of a few tokens, so that most requests ask nobody.

The quota is never exceeded. A token counts from its lease on, which may be a moment before it is used: the window that
is counted is longer by the life of a lease. What is not used is lost with it, so that a caller may be refused a few
tokens early.
"""

import asyncio
import time
from collections import OrderedDict

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisClusterStorage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry, Counter

from bet_intel.shared.rate_limits import RateLimit
from bet_intel.shared.rediscluster.connection import LOST, Address
from bet_intel.shared.times import Monotonic

_log = structlog.get_logger(__name__)

_CALLERS = 10_000
_DEADLINE = 0.25
_REST = 1.0
_OPEN_SECONDS = 5.0
_LEASE_SECONDS = 1
_LEASES_A_QUOTA = 20
_MOST_TOKENS = 10


class _Lease:
    """What this process holds for a caller."""

    def __init__(self) -> None:
        self.tokens = 0
        self.until = 0.0
        self.refused_until = 0.0
        # Those of one caller who find no token wait for one lease.
        self.lock = asyncio.Lock()


class LeasedLimit:
    """`RateLimit` of `burst` tokens in `burst × seconds` over all processes. While Redis is away nobody is refused."""

    def __init__(
        self,
        limiter: SlidingWindowCounterRateLimiter,
        name: str,
        burst: int,
        seconds: float,
        monotonic: Monotonic,
        opened: Counter,
        callers: int = _CALLERS,
        deadline: float = _DEADLINE,
    ) -> None:
        self._limiter = limiter
        self._name = name
        self._item = RateLimitItemPerSecond(burst, max(1, round(burst * seconds)) + _LEASE_SECONDS)
        self._size = min(_MOST_TOKENS, max(1, burst // _LEASES_A_QUOTA))
        self._monotonic = monotonic
        self._opened = opened
        self._callers = callers
        self._deadline = deadline
        self._leases: OrderedDict[str, _Lease] = OrderedDict()
        self._rests_until = 0.0

    async def take(self, caller: str) -> float | None:
        lease = self._lease(caller)
        if self._use(lease):
            return None
        async with lease.lock:
            if self._use(lease):
                return None
            now = self._monotonic()
            if now < lease.refused_until:
                return lease.refused_until - now
            return await self._renew(lease, caller)

    def _lease(self, caller: str) -> _Lease:
        lease = self._leases.setdefault(caller, _Lease())
        self._leases.move_to_end(caller)
        if len(self._leases) > self._callers:
            self._leases.popitem(last=False)
        return lease

    def _use(self, lease: _Lease) -> bool:
        if lease.tokens > 0 and self._monotonic() < lease.until:
            lease.tokens -= 1
            return True
        return False

    async def _renew(self, lease: _Lease, caller: str) -> float | None:
        """Lease tokens and use one of them; where a whole lease is not to be had, a single token."""
        if self._monotonic() < self._rests_until:
            self._opened.labels(self._name).inc()
            return None
        asked_at = self._monotonic()
        try:
            async with asyncio.timeout(self._deadline):
                for cost in dict.fromkeys((self._size, 1)):
                    if await self._limiter.hit(self._item, self._name, caller, cost=cost):
                        lease.tokens, lease.until = cost - 1, asked_at + _LEASE_SECONDS
                        return None
                reset = (await self._limiter.get_window_stats(self._item, self._name, caller)).reset_time
        except LOST as error:
            self._rests_until = self._monotonic() + _REST
            self._opened.labels(self._name).inc()
            _log.warning("rate limit not counted", limit=self._name, reason=str(error) or type(error).__name__)
            return None
        # `limits` tells it by the clock that it reads itself.
        wait = max(0.001, reset - time.time())
        # The next ones are refused without asking, for a moment: tokens come back one by one.
        lease.refused_until = self._monotonic() + min(wait, float(_LEASE_SECONDS))
        return wait


class RedisRateLimits:
    """`RateLimits` over every process that uses the cluster at `url`, which is waited for `deadline` seconds."""

    def __init__(
        self, url: str, monotonic: Monotonic, registry: CollectorRegistry, deadline: float = _DEADLINE
    ) -> None:
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
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._monotonic = monotonic
        self._deadline = deadline
        self._opened = Counter(
            "bet_intel_rate_limit_uncounted",
            "Requests that were let through because nobody could count them.",
            ("limit",),
            registry=registry,
        )

    def limit(self, name: str, burst: int, seconds: float) -> RateLimit:
        return LeasedLimit(self._limiter, name, burst, seconds, self._monotonic, self._opened, deadline=self._deadline)

    async def connect(self) -> None:
        """Learn the nodes, where they are there yet: a first request has no time for it."""
        bridge = self._storage.bridge
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                if isinstance(bridge, RedispyBridge):
                    await bridge.storage.initialize()
        except LOST as error:
            _log.warning("redis is not there yet", reason=str(error) or type(error).__name__)

    async def aclose(self) -> None:
        bridge = self._storage.bridge
        if isinstance(bridge, RedispyBridge):
            await bridge.storage.aclose()
