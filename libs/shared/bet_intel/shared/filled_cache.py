"""Answers from a cache, filled where they are missing: by one of those who ask at the same time, for all of them.

Keys carry the generation of what was answered from, so that nothing is ever invalidated: a newer generation has other
keys, and the old ones run out.
"""

import random
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CollectorRegistry, Counter

from bet_intel.shared.cache import Cache
from bet_intel.shared.flights import Flights

_log = structlog.get_logger(__name__)

_JITTER = 0.2
_RESULTS = ("ready", "hit", "shared", "miss", "made")


class FilledCache:
    """A cache whose loss costs time and nothing else. Times to live are spread by ±20 %, so that what was filled
    together does not run out together."""

    def __init__(self, cache: Cache, rng: random.Random, registry: CollectorRegistry) -> None:
        self._cache = cache
        self._rng = rng
        self._requests = Counter(
            "bet_intel_cache_requests",
            "Answers by where they came from: ready (this process had it), hit (the cache), shared (filled for another "
            "just now), miss (made, for the cache did not have it), made (made, and no cache answered).",
            ("result",),
            registry=registry,
        )
        # A share of what has never happened yet is none, not unknown.
        for result in _RESULTS:
            self._requests.labels(result)
        self.was_ready = self._requests.labels("ready").inc
        """To be called for an answer that was ready in this process, without a look here."""
        self.was_made = self._requests.labels("made").inc
        """To be called for an answer that was made without a look here, and is not kept."""
        self._flights: Flights[str, bytes] = Flights()
        self._lost = Counter(
            "bet_intel_cache_errors", "Times that a cache was not there or broke.", ("operation",), registry=registry
        )

    async def get(self, key: str, ttl: float, fill: Callable[[], Awaitable[bytes]]) -> bytes:
        """What is kept under `key`, else what `fill` answers, kept for about `ttl` seconds. Raises what `fill` does."""
        if key in self._flights:
            self._requests.labels("shared").inc()
        return await self._flights.get(key, lambda: self._answer(key, ttl, fill))

    async def _answer(self, key: str, ttl: float, fill: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            kept = await self._cache.get(key)
        except Exception as error:  # noqa: BLE001 - the cache is an accelerator: whatever it raises, the fill answers
            self._broke("get", error)
            self.was_made()
        else:
            self._requests.labels("miss" if kept is None else "hit").inc()
            if kept is not None:
                return kept
        value = await fill()
        await self._keep(key, value, ttl * self._rng.uniform(1 - _JITTER, 1 + _JITTER))
        return value

    async def _keep(self, key: str, value: bytes, ttl: float) -> None:
        try:
            await self._cache.set(key, value, ttl)
        except Exception as error:  # noqa: BLE001 - as above
            self._broke("set", error)

    def _broke(self, operation: str, error: Exception) -> None:
        self._lost.labels(operation).inc()
        _log.warning("cache broke", operation=operation, reason=str(error) or type(error).__name__)
