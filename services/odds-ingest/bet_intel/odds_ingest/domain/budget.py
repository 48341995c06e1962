"""How many credits may still be spent: budgets of the UTC day and month, and what the provider itself says is left.

Every call first reserves the most it can cost. A reservation ends when the answer tells the true cost; that of a call
whose answer was lost stays, because the provider may have charged it. When within a call the provider charges is not
known, so a call that touches two periods counts in both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

LONGEST_CALL = timedelta(minutes=5)
"""A call is charged within this time after its reservation, or never."""


class PeriodKind(StrEnum):
    DAY = "day"
    MONTH = "month"


class Period(NamedTuple):
    """A UTC day or month, from `starts` up to `ends`."""

    kind: PeriodKind
    starts: datetime
    ends: datetime


class Reservation(NamedTuple):
    """The most a call may cost. `reports` is how many reports of the provider were known when it was made."""

    id: str
    credits: int
    made_at: datetime
    reports: int


class Usage(NamedTuple):
    """What an answer tells of credits, None where it does not: cost of the call, and the state of the provider's own
    account."""

    last: int | None = None
    remaining: int | None = None
    used: int | None = None


class Report(NamedTuple):
    """What the provider last said is left, at most `LONGEST_CALL` before `told_at`; `number` counts reports."""

    remaining: int
    used: int | None
    told_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Most credits to spend in a UTC month and in a UTC day; None = no bound of ours."""

    month: int | None = None
    day: int | None = None

    def of(self, kind: PeriodKind) -> int | None:
        return self.day if kind is PeriodKind.DAY else self.month


@dataclass(frozen=True, slots=True)
class Account:
    """A provider's credits as of one moment. `spent` maps the kind and start of a period to what it was charged."""

    spent: Mapping[tuple[PeriodKind, datetime], int] = field(default_factory=dict)
    reservations: Sequence[Reservation] = ()
    report: Report | None = None
    reports: int = 0


class Left(NamedTuple):
    """Credits that may be spent: None = without bound."""

    day: int | None
    month: int | None
    provider: int | None

    @property
    def credits(self) -> int | None:
        """The smallest of the bounds."""
        return min((bound for bound in self if bound is not None), default=None)


def periods_of(at: datetime) -> tuple[Period, Period]:
    """The UTC day and month of an aware time."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    following = (month + timedelta(days=32)).replace(day=1)
    return Period(PeriodKind.DAY, day, day + timedelta(days=1)), Period(PeriodKind.MONTH, month, following)


def spent_in(account: Account, period: Period) -> int:
    return account.spent.get((period.kind, period.starts), 0)


def reserved_in(account: Account, period: Period) -> int:
    """Credits of unanswered calls that may be charged in `period`. Lost ones leave it with the period's end."""
    earliest = period.starts - LONGEST_CALL
    return sum(one.credits for one in account.reservations if one.made_at >= earliest)


def unreported(account: Account, report: Report) -> int:
    """Credits of unanswered calls that `report` may not count: later, or so shortly before that they may have been
    charged after the provider said it. Earlier ones are in what it says, or were never charged."""
    earliest = report.told_at - 2 * LONGEST_CALL
    return sum(one.credits for one in account.reservations if one.made_at >= earliest)


def left(account: Account, budget: Budget, at: datetime) -> Left:
    """What may be spent at `at`."""
    day, month = periods_of(at)
    provider = None
    if account.report is not None and account.report.told_at >= month.starts:
        provider = max(0, account.report.remaining - unreported(account, account.report))
    return Left(_left_of(account, budget, day), _left_of(account, budget, month), provider)


def allows(account: Account, budget: Budget, at: datetime, cost: int) -> bool:
    """Whether a call that may cost so much may be made at `at`; a free one always may.

    Shortly before a period ends the call must fit into the next one too, where it may be charged.
    """
    if cost == 0:
        return True
    bounds = [left(account, budget, moment).credits for moment in (at, at + LONGEST_CALL)]
    return all(bound is None or cost <= bound for bound in bounds)


def _left_of(account: Account, budget: Budget, period: Period) -> int | None:
    bound = budget.of(period.kind)
    if bound is None:
        return None
    return max(0, bound - spent_in(account, period) - reserved_in(account, period))


def charged_periods(reservation: Reservation, at: datetime) -> list[Period]:
    """The periods that a call reserved then and answered at `at` is charged to."""
    return sorted({*periods_of(reservation.made_at), *periods_of(at)})


def cost_of(reservation: Reservation, usage: Usage) -> int:
    """What an answered call cost: the worst case where the answer does not tell."""
    return reservation.credits if usage.last is None else usage.last


def newer_report(account: Account, reservation: Reservation, usage: Usage, at: datetime) -> Report | None:
    """The report after an answer.

    A call that began after the last report was known is a later one, also where more is left than before (a new
    period, a larger plan). Calls that overlapped may be told of in any order: the smaller number is the later one, or
    errs to the safe side. An answer that took longer than `LONGEST_CALL` tells what it cost alone.
    """
    before = account.report
    if usage.remaining is None or at - reservation.made_at > LONGEST_CALL:
        spent = cost_of(reservation, usage)
        return before._replace(remaining=max(0, before.remaining - spent)) if before else None
    number = account.reports + 1
    # A provider that lets a call go beyond its plan tells of less than nothing.
    told = Report(max(0, usage.remaining), usage.used, at, number)
    if before is None or reservation.reports >= before.number or before.told_at < periods_of(at)[1].starts:
        return told
    return told if told.remaining <= before.remaining else before._replace(number=number)
