"""The planner: when each league is asked for next."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bet_intel.odds_ingest.domain.budget import Left
from bet_intel.odds_ingest.domain.plan import Plan, Target, adapted, allowance, plan, rate_of_changes
from bet_intel.odds_ingest.domain.urgency import (
    LONGEST,
    SHORTEST,
    distance_of_looks,
    looks_between,
    looks_until_start,
    time_of_looks,
    wished_interval,
)

NOW = datetime(2026, 4, 16, 12, tzinfo=UTC)
UNBOUND = Left(None, None, None)
DAYS = 86_400.0


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


def asked_for(key: str, *starts: float, polled: float = 0.0, cost: int = 1) -> Target:
    """A league that somebody asks for, with events that start at `starts` hours from now."""
    return Target(key, cost, [hours(start) for start in starts], hours(polled), NOW)


def wait(made: Plan, key: str = "a") -> float:
    """Minutes until a league is due."""
    return (made.due[key] - NOW).total_seconds() / 60


@given(st.floats(0, 30 * DAYS), st.floats(0, 30 * DAYS))
def test_nearer_wishes_are_never_longer_apart(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert SHORTEST <= wished_interval(near) <= wished_interval(far) <= LONGEST


@pytest.mark.parametrize("distance", [30.0, 1000.0, 3600.0, DAYS, 6 * DAYS, 20 * DAYS])
def test_the_looks_are_the_integral_of_the_wished_frequency(distance: float) -> None:
    steps = 20_000
    width = distance / steps
    summed = sum(width / wished_interval((step + 0.5) * width) for step in range(steps))
    assert looks_until_start(distance) == pytest.approx(summed, rel=1e-4)
    assert distance_of_looks(looks_until_start(distance)) == pytest.approx(distance)


@given(
    st.lists(st.floats(-DAYS, 10 * DAYS), min_size=1, max_size=5).map(sorted),
    st.floats(0.01, 2000),
)
def test_the_time_of_some_looks_is_when_so_many_were_wished(starts: list[float], looks: float) -> None:
    due = time_of_looks(starts, 0.0, looks)
    if due is None:
        assert looks_between(starts, 0.0, 20 * DAYS) <= looks
    else:
        assert looks_between(starts, 0.0, due) == pytest.approx(looks, abs=1e-6)


def test_without_a_bound_a_league_is_looked_at_as_its_next_event_wishes() -> None:
    assert wait(plan(NOW, [asked_for("a", 0.4)], UNBOUND)) == pytest.approx(1.0)
    assert wait(plan(NOW, [asked_for("a", 6, 8)], UNBOUND)) == pytest.approx(12.0, rel=0.05)
    assert plan(NOW, [asked_for("a", 20 * 24, polled=-5)], UNBOUND).due == {"a": hours(1)}


def test_what_has_started_is_not_looked_at_and_does_not_hide_what_follows() -> None:
    assert plan(NOW, [asked_for("a", -1, -0.1)], UNBOUND).due == {}
    started = plan(NOW, [asked_for("a", -0.1, 6)], UNBOUND)
    assert started.due == plan(NOW, [asked_for("a", 6)], UNBOUND).due


def test_a_league_that_was_never_asked_for_is_due_at_once() -> None:
    fresh = Target("a", 1, [hours(48)])
    assert plan(NOW, [fresh], UNBOUND).due == {"a": NOW}


def test_idle_leagues_are_looked_at_less_often() -> None:
    watched = asked_for("a", 6)
    idle = replace(watched, asked_for_at=NOW - timedelta(minutes=6))
    assert wait(plan(NOW, [idle], UNBOUND)) == pytest.approx(4 * wait(plan(NOW, [watched], UNBOUND)), rel=0.1)


def test_leagues_whose_prices_move_are_looked_at_more_often() -> None:
    waits = [
        wait(plan(NOW, [replace(asked_for("a", 6), changes_per_hour=changes)], UNBOUND))
        for changes in (0.0, 0.7, 1.0, 1.6, 100.0)
    ]
    assert waits == sorted(waits, reverse=True)
    assert len(set(waits)) == 5
    assert adapted(None) == adapted(1.0)


def test_the_rate_of_changes_is_that_of_the_share_that_differs() -> None:
    assert rate_of_changes(50, 100, 1.0) == pytest.approx(math.log(2))
    assert rate_of_changes(0, 100, 1.0) == 0.0
    assert rate_of_changes(100, 100, 0.5) == pytest.approx(2 * math.log(100))
    assert rate_of_changes(0, 0, 1.0) is None
    assert rate_of_changes(1, 2, 0.0) is None


def test_a_month_is_spread_over_its_days() -> None:
    # 15 days are left of April on the 16th, today included.
    assert allowance(Left(None, 300, None), 0, NOW) == 20
    assert allowance(Left(None, 290, None), 10, NOW) == 10
    assert allowance(Left(None, 280, None), 20, NOW) == 0
    assert allowance(Left(None, 300, 150), 0, NOW) == 10
    assert allowance(Left(5, 300, None), 0, NOW) == 5
    assert allowance(UNBOUND, 0, NOW) is None
    last_day = datetime(2026, 4, 30, 12, tzinfo=UTC)
    assert allowance(Left(None, 90, None), 3, last_day) == 90


def test_with_few_credits_the_nearest_event_gets_them() -> None:
    made = plan(NOW, [asked_for("near", 1), asked_for("far", 60)], Left(1, None, None))
    assert list(made.due) == ["near"]
    assert made.stretch > 10


def test_nothing_is_planned_with_nothing_left() -> None:
    assert plan(NOW, [asked_for("a", 1), Target("b", 1, [hours(1)])], Left(0, None, None)).due == {}
    assert plan(NOW, [asked_for("a", 1, cost=6)], Left(5, None, None)).due == {}
    assert plan(NOW, [], Left(0, None, None)).due == {}


leagues = st.builds(
    Target,
    st.just(""),
    st.integers(1, 12),
    st.lists(st.floats(-30, 300).map(hours), max_size=6),
    st.none() | st.floats(-40, 0).map(hours),
    st.none() | st.floats(-0.3, 0).map(hours),
    st.none() | st.floats(0, 50),
)
competitions = st.lists(leagues, max_size=7).map(
    lambda made: [replace(league, key=str(number)) for number, league in enumerate(made)]
)
bounds = st.none() | st.integers(0, 700)


@given(competitions, st.builds(Left, bounds, bounds, bounds))
@example([Target("0", 1, []), Target("1", 3, [hours(7)], None, NOW, 2.0)], Left(561, None, None))
def test_a_plan_followed_to_the_end_of_the_day_never_costs_more_than_there_is(
    competing: list[Target], left: Left
) -> None:
    """Follows the plan without planning anew, as if nothing else happened."""
    made = plan(NOW, competing, left)
    if made.allowance is None:
        assert made.stretch == 1.0
        return
    assert left.credits is not None
    assert made.allowance <= left.credits
    assert sum(league.cost for league in competing if league.key in made.due) <= made.allowance
    assert _cost_of_following(competing, made) <= made.allowance


def _cost_of_following(competing: list[Target], made: Plan) -> int:
    cost = 0
    horizon = (made.ends - NOW).total_seconds()
    for league in competing:
        due = made.due.get(league.key)
        while due is not None and due < made.ends:
            cost += league.cost
            # Not a plan but the rule itself: the next call after as many wished looks.
            alone = replace(league, polled_at=due)
            seconds = _after(alone, made.stretch, due)
            due = due + timedelta(seconds=seconds) if seconds is not None else None
        assert horizon > 0
    return cost


def _after(league: Target, stretch: float, at: datetime) -> float | None:
    starts = sorted((start - at).total_seconds() for start in league.starts)
    asked = league.asked_for_at is not None and NOW - league.asked_for_at <= timedelta(minutes=5)
    weight = (1.0 if asked else 0.25) * adapted(league.changes_per_hour)
    # A hair later than planned, so that rounding adds no call on the day's last moment.
    return time_of_looks(starts, 0.0, stretch * (1 + 1e-9) / weight)


@given(leagues, st.floats(0.05, 200), st.floats(0.05, 200), bounds)
def test_of_two_leagues_alike_the_one_that_starts_sooner_is_not_due_later(
    alike: Target, one: float, other: float, left: int | None
) -> None:
    near, far = sorted((one, other))
    made = plan(
        NOW,
        [replace(alike, key="near", starts=[hours(near)]), replace(alike, key="far", starts=[hours(far)])],
        Left(left, None, None),
    )
    if "far" in made.due and made.due["far"] < hours(near):
        assert made.due["near"] <= made.due["far"] + timedelta(milliseconds=1)


@given(competitions, st.integers(0, 700), st.integers(0, 700))
def test_more_credits_make_nothing_later(competing: list[Target], one: int, other: int) -> None:
    less, more = sorted((one, other))
    poor, rich = (plan(NOW, competing, Left(bound, None, None)) for bound in (less, more))
    for key, due in poor.due.items():
        assert rich.due[key] <= due + timedelta(milliseconds=1)
