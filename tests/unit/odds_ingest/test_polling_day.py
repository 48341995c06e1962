"""A simulated month of seven leagues: what is polled when, within the budget."""

from collections import Counter
from datetime import timedelta

import pytest

from fixtures.polling_day import BEGIN, COST, DAYS, Month, chart, simulate, starts


@pytest.fixture(scope="module", params=[500, 20_000])
def month(request: pytest.FixtureRequest) -> Month:
    return simulate(request.param)


def test_the_budget_is_kept_and_used(month: Month) -> None:
    budget = month.budget.month
    assert budget is not None
    assert 0.9 * budget < month.of_month() <= budget
    assert month.of_month() == COST * len(month.calls)
    # Spread over the days, so that the last has as much as the first; a day's share is a whole number of calls.
    by_day = [month.spent["day", BEGIN + timedelta(days=day)] for day in range(DAYS)]
    assert max(by_day) <= 2 * budget / DAYS
    assert min(by_day[-5:]) > 0


def test_most_calls_are_shortly_before_a_start(month: Month) -> None:
    known = starts()
    waits = [
        min((start - at for start in known[league] if start > at), default=timedelta(days=9))
        for at, league in month.calls
    ]
    assert sum(wait <= timedelta(hours=6) for wait in waits) > 0.6 * len(waits)


def test_the_league_somebody_looks_at_is_asked_for_most(month: Month) -> None:
    assert Counter(league for _, league in month.calls).most_common(1)[0][0] == "baseball_mlb"


def test_a_day_has_a_bound_of_its_own() -> None:
    month = simulate(20_000, day_credits=100, days=3)
    assert month.most_of_a_day() == 99


def test_the_chart_shows_every_call_of_the_day() -> None:
    month = simulate(500, days=4)
    day = BEGIN + timedelta(days=3)
    drawn = chart(month, day).splitlines()[1:-1]
    assert sum(int(line.split()[-1]) for line in drawn) == month.spent["day", day] / COST
