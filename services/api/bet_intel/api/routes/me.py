"""`/v1/me`: who asks, what it may do, and what it has asked for."""

from dataclasses import dataclass
from datetime import UTC, timedelta

from bet_intel.api import account_store, usage_store
from bet_intel.api.answers.accounts import DayUsage, Me, TierList
from bet_intel.api.domain.accounts import READING, Need
from bet_intel.api.key_directory import KeyDirectory
from bet_intel.api.operation import NoParameters, Operation, Question, Reads
from bet_intel.api.query import ReadQuery
from bet_intel.shared.postgres import Reader
from bet_intel.shared.times import Clock

_DAYS = 30
ANYBODY = Need(scope=None)


@dataclass(frozen=True, slots=True)
class _Me:
    keys: KeyDirectory
    clock: Clock

    async def show(self, connection: Reader, question: Question, _asked: ReadQuery) -> Me:
        caller = question.caller
        row = None if caller.key is None else await account_store.get(connection, caller.account)
        since = self.clock().astimezone(UTC).date() - timedelta(days=_DAYS - 1)
        days = [] if row is None else await usage_store.of(connection, caller.account, since)
        return Me(
            caller.account or None,
            None if row is None else row.name,
            caller.key,
            caller.until,
            sorted(caller.scopes),
            caller.tier,
            [DayUsage(day["day"], day["requests"], day["refused"]) for day in days],
        )

    async def tiers(self, _connection: Reader, _question: Question, _asked: NoParameters) -> TierList:
        return TierList(list(self.keys.tiers.values()))


def operations(reads: Reads, keys: KeyDirectory, clock: Clock) -> tuple[Operation, ...]:
    me = _Me(keys, clock)
    return (
        Operation(
            "/v1/me",
            "getMe",
            "account",
            "Who asks: tier, scopes and usage",
            reads.plain(ReadQuery, me.show),
            "Also without a key. What is left of the quota of the minute is in the RateLimit header of every answer.",
            query=ReadQuery,
            answer=Me,
            problems=(400, 401, 503),
            need=ANYBODY,
        ),
        Operation(
            "/v1/tiers",
            "listTiers",
            "account",
            "The tiers, and what an account gets for being of one",
            reads.plain(NoParameters, me.tiers),
            answer=TierList,
            problems=(400, 401, 503),
            need=READING,
        ),
    )
