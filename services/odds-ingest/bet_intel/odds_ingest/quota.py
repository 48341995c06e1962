"""The quota of one provider, shared by every worker through the database."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import structlog

from bet_intel.odds_ingest import quota_store as store
from bet_intel.odds_ingest.domain.budget import (
    Account,
    Budget,
    Left,
    Report,
    Reservation,
    Usage,
    allows,
    charged_periods,
    cost_of,
    left,
    newer_report,
    periods_of,
    reserved_in,
    spent_in,
)
from bet_intel.odds_ingest.domain.plan import allowance
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import Clock

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class QuotaState:
    """Credits spent in this UTC day and month, reserved for unanswered calls of this day, what may still be spent, and
    what the provider last said."""

    spent_day: int
    spent_month: int
    reserved_day: int
    left: Left
    report: Report | None


class Quota:
    """Reserve before a call, settle after its answer; a call whose answer is lost is left as it is."""

    def __init__(self, database: Database, provider: str, budget: Budget, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._budget = budget
        self._clock = clock

    async def reserve(self, cost: int, *, of_today: bool = False) -> Reservation | None:
        """Set aside the most a call may cost, or None where that is more than is left; `of_today`: left of the plan's
        allowance for today. A free call (0) always may be made: it, too, tells what is left."""
        async with self._database.transaction() as connection:
            await store.lock(connection, self._provider)
            # After the lock, so that the times of reservations are in the order of the locks.
            now = self._clock()
            account = await store.account(connection, self._provider, now)
            if not allows(account, self._budget, now, cost):
                return None
            if of_today and not self._in_allowance(account, now, cost):
                return None
            reservation = Reservation(str(uuid4()), cost, now, account.reports)
            await store.add_reservation(connection, self._provider, reservation)
            return reservation

    def _in_allowance(self, account: Account, now: datetime, cost: int) -> bool:
        day, _ = periods_of(now)
        committed = spent_in(account, day) + reserved_in(account, day)
        bound = allowance(left(account, self._budget, now), committed, now)
        return bound is None or cost <= bound

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """The call was answered; `usage` is what its headers told. Settling twice counts once."""
        async with self._database.transaction() as connection:
            await store.lock(connection, self._provider)
            # After the lock, so that the times of reservations are in the order of the locks.
            now = self._clock()
            account = await store.account(connection, self._provider, now)
            if not await store.remove_reservation(connection, reservation.id):
                return
            cost = cost_of(reservation, usage)
            if cost > reservation.credits:
                _log.error("a call cost more than its worst case", credits=cost, reserved=reservation.credits)
            if cost:
                await store.charge(connection, self._provider, charged_periods(reservation, now), cost)
            report = newer_report(account, reservation, usage, now)
            reports = account.reports + (usage.remaining is not None)
            await store.save_report(connection, self._provider, report, reports)
            await store.forget_expired(connection, self._provider, periods_of(now)[1].starts)

    async def release(self, reservation: Reservation) -> None:
        """The call was certainly not charged: it never left, or was refused."""
        async with self._database.transaction() as connection:
            await store.lock(connection, self._provider)
            await store.remove_reservation(connection, reservation.id)

    async def state(self) -> QuotaState:
        now = self._clock()
        async with self._database.latest() as connection:
            account = await store.account(connection, self._provider, now)
        day, month = periods_of(now)
        return QuotaState(
            spent_in(account, day),
            spent_in(account, month),
            reserved_in(account, day),
            left(account, self._budget, now),
            account.report,
        )
