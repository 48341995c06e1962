"""Everything that processes share by a Redis Cluster, and that each can do without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from bet_intel.shared.cache import Cache, InProcessCache
from bet_intel.shared.rate_limits import RateLimits
from bet_intel.shared.rediscluster.cache import NearAndFar, RedisClusterCache
from bet_intel.shared.rediscluster.connection import DEADLINE, connected
from bet_intel.shared.rediscluster.leases import RedisRateLimits
from bet_intel.shared.rediscluster.wake import RedisWake
from bet_intel.shared.rediscluster.watching import RedisWatch
from bet_intel.shared.times import Monotonic

NEAR_ANSWERS = 512


@dataclass(frozen=True, slots=True)
class RedisEngines:
    """`wake.run()` and `watch.run()` are background work of the process."""

    cache: Cache
    limits: RateLimits
    wake: RedisWake
    watch: RedisWatch


@asynccontextmanager
async def open_redis(
    url: str,
    monotonic: Monotonic,
    registry: CollectorRegistry,
    near_answers: int = NEAR_ANSWERS,
    deadline: float = DEADLINE,
) -> AsyncIterator[RedisEngines]:
    """Engines on the cluster at `url` (`redis://:password@host:port[,host:port…]`), which need not be there yet.
    `near_answers` of the cache are kept in the process too, for a second. No answer is waited for longer than
    `deadline` (s).

    Raises:
        RedisAddressError: `url` is none.
    """
    async with connected(url, monotonic, registry, deadline) as redis:
        limits = RedisRateLimits(url, monotonic, registry, deadline)
        try:
            await limits.connect()
            far = RedisClusterCache(redis)
            cache: Cache = NearAndFar(InProcessCache(near_answers, monotonic), far) if near_answers else far
            yield RedisEngines(cache, limits, RedisWake(redis.client), RedisWatch(redis.client, registry))
        finally:
            await limits.aclose()
