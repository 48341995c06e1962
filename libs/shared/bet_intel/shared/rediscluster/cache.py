"""`shared.cache.Cache` on a Redis Cluster."""

from bet_intel.shared.cache import Cache
from bet_intel.shared.rediscluster.connection import Redis


class RedisClusterCache:
    """Keys go to the masters by their hash: they need no braces. A lost node is a miss, and what was to be kept there
    is not."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, key: str) -> bytes | None:
        answer = await self._redis.attempt("cache", key, lambda: self._redis.client.get(key))
        value = None if answer is None else answer[0]
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        milliseconds = max(1, round(ttl * 1000))
        await self._redis.attempt("cache", key, lambda: self._redis.client.set(key, value, px=milliseconds))


class NearAndFar:
    """A small cache in the process before a shared one. What is found far is kept near for `near_ttl` seconds at most,
    for the shared one does not tell how long it keeps it."""

    def __init__(self, near: Cache, far: Cache, near_ttl: float = 1.0) -> None:
        self._near = near
        self._far = far
        self._near_ttl = near_ttl

    async def get(self, key: str) -> bytes | None:
        value = await self._near.get(key)
        if value is None:
            value = await self._far.get(key)
            if value is not None:
                await self._near.set(key, value, self._near_ttl)
        return value

    async def set(self, key: str, value: bytes, ttl: float) -> None:
        await self._near.set(key, value, min(ttl, self._near_ttl))
        await self._far.set(key, value, ttl)
