"""How many requests a caller has: counted by account, or by address where there is none, and told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` names the quota (`q` requests in
`w` seconds), `RateLimit` what is left of it (`r`) and after how many seconds some come back (`t`).
"""

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from bet_intel.api.domain.accounts import Caller
from bet_intel.shared.rate_limits import Quota, RateLimits, Standing

_MINUTE = 60
POLICY = "minute"
_NAME = POLICY.encode()
_POLICY = b"ratelimit-policy"
_LIMIT = b"ratelimit"

Headers = list[tuple[bytes, bytes]]

_STANDING = "bet_intel.standing"
UNLIMITED = Standing(None, 0.0)


class _Limit(NamedTuple):
    """A quota, and its policy as a header's value and as it goes over the wire."""

    quota: Quota
    policy: bytes
    line: bytes


class RequestLimits(Collector):
    """The quotas of all tiers. `use` waits for nobody; where it has no answer, `lease` has one.

    Counted in plain numbers, as the requests are (`middleware.RequestMetrics`).
    """

    def __init__(self, limits: RateLimits, registry: CollectorRegistry) -> None:
        self._limits = limits
        self._quotas: dict[int, _Limit] = {}
        self._taken: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._used: set[str] = set()
        self._counts: dict[tuple[str, str], list[int]] = {}
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "bet_intel_api_limited_requests",
            "Requests against the quota of their tier: taken, or refused.",
            labels=("tier", "result"),
        )
        for labels, (number,) in list(self._counts.items()):
            requests.add_metric(labels, number)
        yield requests

    def use(self, caller: Caller) -> Standing | None:
        """Count a request. None where nothing is at hand: `lease` must be asked."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            standing: Standing | None = UNLIMITED
        else:
            standing = self._limit(limit).quota.use(caller.counted_as)
        return None if standing is None else self._noted(caller, standing)

    async def lease(self, caller: Caller) -> Standing:
        """Count a request where `use` had no answer."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            return self._noted(caller, UNLIMITED)
        return self._noted(caller, await self._limit(limit).quota.lease(caller.counted_as))

    def headers(self, caller: Caller, standing: Standing) -> Headers:
        """What an answer tells of the quota; nothing where there is none."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            return []
        policy = (_POLICY, self._limit(limit).policy)
        if standing.remaining is None:
            return [policy]
        left = f'"{POLICY}";r={standing.remaining};t={math.ceil(standing.reset)}'
        return [policy, (_LIMIT, left.encode())]

    def lines(self, caller: Caller, standing: Standing) -> bytes:
        """The same as they go over the wire."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            return b""
        line = self._limit(limit).line
        if standing.remaining is None:
            return line
        return b'%b%b: "%b";r=%d;t=%d\r\n' % (line, _LIMIT, _NAME, standing.remaining, math.ceil(standing.reset))

    def counted(self) -> dict[str, tuple[int, int]]:
        """What was taken and refused since this was last asked, by account."""
        taken, refused = self._taken, self._refused
        self._taken, self._refused = Counter(), Counter()
        return {account: (taken[account], refused[account]) for account in taken.keys() | refused.keys()}

    def used_keys(self) -> set[str]:
        """The keys that were used since this was last asked."""
        used, self._used = self._used, set()
        return used

    def count_again(self, counted: dict[str, tuple[int, int]]) -> None:
        """What could not be told is told the next time."""
        for account, (taken, refused) in counted.items():
            self._taken[account] += taken
            self._refused[account] += refused

    def _noted(self, caller: Caller, standing: Standing) -> Standing:
        is_refused = standing.wait is not None
        labels = (caller.tier.name, "refused" if is_refused else "taken")
        known = self._counts.get(labels)
        if known is None:
            known = self._counts[labels] = [0]
        known[0] += 1
        if caller.key is not None:
            (self._refused if is_refused else self._taken)[caller.account] += 1
            self._used.add(caller.key)
        return standing

    def _limit(self, limit: int) -> _Limit:
        known = self._quotas.get(limit)
        if known is None:
            policy = f'"{POLICY}";q={limit};w={_MINUTE}'.encode()
            quota = self._limits.quota("requests", limit, _MINUTE)
            known = self._quotas[limit] = _Limit(quota, policy, b"%b: %b\r\n" % (_POLICY, policy))
        return known


def carry_standing(scope: Scope, standing: Standing) -> None:
    """Put how a request stands, which was counted, where `standing_of` finds it."""
    scope[_STANDING] = standing


def standing_of(scope: Scope) -> Standing | None:
    """How a request stands that was counted already."""
    standing: Standing | None = scope.get(_STANDING)
    return standing
