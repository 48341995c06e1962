"""The rules of the credits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bet_intel.odds_ingest.domain.budget import (
    LONGEST_CALL,
    Account,
    Budget,
    Left,
    PeriodKind,
    Report,
    Reservation,
    Usage,
    allows,
    charged_periods,
    cost_of,
    left,
    newer_report,
    periods_of,
)

NOW = datetime(2026, 4, 16, 12, tzinfo=UTC)
DAY, MONTH = periods_of(NOW)
MIDNIGHT = DAY.ends


def reservation(cost: int = 3, at: datetime = NOW, reports: int = 0) -> Reservation:
    return Reservation("1", cost, at, reports)


def test_periods_are_utc_days_and_months() -> None:
    assert (DAY.starts, DAY.ends) == (datetime(2026, 4, 16, tzinfo=UTC), datetime(2026, 4, 17, tzinfo=UTC))
    assert (MONTH.starts, MONTH.ends) == (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
    assert periods_of(datetime(2026, 12, 31, 23, tzinfo=UTC))[1].ends == datetime(2027, 1, 1, tzinfo=UTC)


def test_what_was_spent_and_what_is_reserved_is_not_left() -> None:
    account = Account(
        {(PeriodKind.DAY, DAY.starts): 4, (PeriodKind.MONTH, MONTH.starts): 30},
        # The provider has told since whether the second was charged.
        [reservation(3), reservation(5, NOW - timedelta(days=2))],
        Report(60, 440, NOW - timedelta(hours=1), 1),
    )
    assert left(account, Budget(month=100, day=20), NOW) == Left(13, 62, 57)
    assert left(account, Budget(), NOW) == Left(None, None, 57)


def test_a_call_that_is_free_may_be_made_with_nothing_left() -> None:
    spent = Account(report=Report(0, 500, NOW, 1))
    assert allows(spent, Budget(), NOW, 0)
    assert not allows(spent, Budget(), NOW, 1)
    assert allows(Account(), Budget(), NOW, 10**6)


def test_a_lost_call_keeps_its_credits_until_the_period_ends() -> None:
    lost = Account(reservations=[reservation(10)])
    budget = Budget(day=12)
    assert not allows(lost, budget, MIDNIGHT - timedelta(hours=1), 3)
    assert allows(lost, budget, MIDNIGHT, 3)
    in_month = Budget(month=12)
    assert not allows(lost, in_month, MONTH.ends - timedelta(hours=1), 3)
    assert allows(lost, in_month, MONTH.ends, 3)


def test_a_call_under_way_at_midnight_counts_in_both_days() -> None:
    budget = Budget(day=12)
    under_way = Account(reservations=[reservation(10, MIDNIGHT - LONGEST_CALL)])
    assert not allows(under_way, budget, MIDNIGHT, 3)
    assert charged_periods(reservation(at=MIDNIGHT - timedelta(seconds=1)), MIDNIGHT) == sorted(
        {*periods_of(MIDNIGHT - timedelta(seconds=1)), *periods_of(MIDNIGHT)}
    )


def test_shortly_before_midnight_a_call_must_fit_into_the_next_day_too() -> None:
    tomorrow = Account({(PeriodKind.DAY, MIDNIGHT): 11})
    assert not allows(tomorrow, Budget(day=12), MIDNIGHT - timedelta(minutes=1), 3)
    assert allows(tomorrow, Budget(day=12), MIDNIGHT - timedelta(minutes=6), 3)


def test_what_the_provider_said_last_month_says_nothing_of_this_one() -> None:
    account = Account(report=Report(0, 500, MONTH.starts - timedelta(seconds=1), 1))
    assert left(account, Budget(), NOW).provider is None


def test_a_call_whose_cost_is_not_told_is_taken_to_cost_the_most_it_can() -> None:
    assert cost_of(reservation(6), Usage()) == 6
    assert cost_of(reservation(6), Usage(last=2)) == 2
    assert cost_of(reservation(6), Usage(last=0)) == 0


@pytest.mark.parametrize(("before", "left_over"), [(0, 47), (9, 47), (10, 47), (11, 50), (60, 50)])
def test_a_lost_call_that_a_later_report_counts_is_not_taken_from_it_again(before: float, left_over: int) -> None:
    lost = reservation(3, NOW - timedelta(minutes=before))
    account = Account(reservations=[lost], report=Report(50, 450, NOW, 1))
    assert left(account, Budget(month=100), NOW) == Left(None, 97, left_over)
    # One made after the report is not in it, however long ago both were.
    since = replace(account, reservations=[reservation(3, NOW + timedelta(minutes=1))])
    assert left(since, Budget(), NOW + timedelta(hours=9)).provider == 47


class TestReports:
    known = Account(report=Report(90, 10, NOW, 5), reports=5)

    def remaining(self, reports: int, usage: Usage, at: datetime = NOW, account: Account = known) -> int | None:
        report = newer_report(account, reservation(3, reports=reports), usage, at)
        return report.remaining if report else None

    def test_a_later_call_is_believed_also_where_more_is_left(self) -> None:
        assert self.remaining(5, Usage(1, 20_000, 0)) == 20_000
        assert self.remaining(5, Usage(1, 80, 20)) == 80

    @pytest.mark.parametrize("told", [80, 100])
    def test_of_calls_that_overlapped_the_smaller_number_counts(self, told: int) -> None:
        assert self.remaining(4, Usage(1, told, None)) == min(told, 90)

    def test_an_overlapping_call_leaves_the_report_later_than_those_that_began_before(self) -> None:
        report = newer_report(self.known, reservation(reports=4), Usage(1, 100, None), NOW)
        assert report is not None
        assert report.number == 6

    def test_a_new_month_begins_anew(self) -> None:
        old = replace(self.known, report=Report(2, 498, MONTH.starts - timedelta(seconds=1), 5))
        assert self.remaining(4, Usage(1, 499, 1), NOW, old) == 499

    def test_an_answer_that_took_too_long_tells_what_it_cost_alone(self) -> None:
        late = NOW + LONGEST_CALL + timedelta(seconds=1)
        assert self.remaining(5, Usage(2, 400, 100), late) == 88
        assert self.remaining(0, Usage(2, 400, 100), late, Account()) is None

    def test_less_than_nothing_is_nothing(self) -> None:
        assert self.remaining(5, Usage(4, -1, 501)) == 0

    def test_an_answer_that_does_not_tell_lowers_what_is_left_by_its_cost(self) -> None:
        assert self.remaining(5, Usage()) == 87
        assert self.remaining(5, Usage(last=1)) == 89
        assert self.remaining(0, Usage(last=1), NOW, Account()) is None
