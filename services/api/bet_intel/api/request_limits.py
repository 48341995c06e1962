"""How many requests a caller has: counted by account, or by address where there is none, and told in every answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` names the quota (`q` requests in
`w` seconds), `RateLimit` what is left of it (`r`) and after how many seconds some come back (`t`).
"""

import math
from collections import Counter

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Count
from starlette.types import Scope

from bet_intel.api.domain.accounts import Caller
from bet_intel.shared.rate_limits import Quota, RateLimits, Standing

_MINUTE = 60
POLICY = "minute"
_POLICY = b"ratelimit-policy"
_LIMIT = b"ratelimit"

Headers = list[tuple[bytes, bytes]]

_STANDING = "bet_intel.standing"
UNLIMITED = Standing(None, 0.0)


class RequestLimits:
    """The quotas of all tiers. `use` waits for nobody; where it has no answer, `lease` has one."""

    def __init__(self, limits: RateLimits, registry: CollectorRegistry) -> None:
        self._limits = limits
        self._quotas: dict[int, tuple[Quota, bytes]] = {}
        self._taken: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._used: set[str] = set()
        # Looked up for every request: a label costs more than all the rest.
        self._counts: dict[tuple[str, str], Count] = {}
        self._requests = Count(
            "bet_intel_api_limited_requests",
            "Requests against the quota of their tier: taken, or refused.",
            ["tier", "result"],
            registry=registry,
        )

    def use(self, caller: Caller) -> Standing | None:
        """Count a request. None where nothing is at hand: `lease` must be asked."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            standing: Standing | None = UNLIMITED
        else:
            standing = self._quota(limit)[0].use(caller.counted_as)
        return None if standing is None else self._noted(caller, standing)

    async def lease(self, caller: Caller) -> Standing:
        """Count a request where `use` had no answer."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            return self._noted(caller, UNLIMITED)
        return self._noted(caller, await self._quota(limit)[0].lease(caller.counted_as))

    def headers(self, caller: Caller, standing: Standing) -> Headers:
        """What an answer tells of the quota; nothing where there is none."""
        limit = caller.tier.requests_per_minute
        if limit is None:
            return []
        policy = (_POLICY, self._quota(limit)[1])
        if standing.remaining is None:
            return [policy]
        left = f'"{POLICY}";r={standing.remaining};t={math.ceil(standing.reset)}'
        return [policy, (_LIMIT, left.encode())]

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
        self._count(caller.tier.name, "refused" if is_refused else "taken").inc()
        if caller.key is not None:
            (self._refused if is_refused else self._taken)[caller.account] += 1
            self._used.add(caller.key)
        return standing

    def _count(self, tier: str, result: str) -> Count:
        known = self._counts.get((tier, result))
        if known is None:
            known = self._counts[tier, result] = self._requests.labels(tier, result)
        return known

    def _quota(self, limit: int) -> tuple[Quota, bytes]:
        known = self._quotas.get(limit)
        if known is None:
            policy = f'"{POLICY}";q={limit};w={_MINUTE}'
            known = self._limits.quota("requests", limit, _MINUTE), policy.encode()
            self._quotas[limit] = known
        return known


def carry_standing(scope: Scope, standing: Standing) -> None:
    """Put how a request stands, which was counted, where `standing_of` finds it."""
    scope[_STANDING] = standing


def standing_of(scope: Scope) -> Standing | None:
    """How a request stands that was counted already."""
    standing: Standing | None = scope.get(_STANDING)
    return standing
