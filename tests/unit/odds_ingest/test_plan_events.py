"""Single events in the plan: they take no look at a league away, and share what there is among them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds_ingest.domain.budget import Left
from bet_intel.odds_ingest.domain.plan import EVENTS_SHARE, Target, plan

NOW = datetime(2026, 4, 16, 12, tzinfo=UTC)


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


def of_day(credits_left: int | None) -> Left:
    return Left(credits_left, None, None)


def event(number: int, starts_in: float, cost: int = 10) -> Target:
    return Target(f"mlb/{number:03}", cost, [hours(starts_in)])


MLB = Target("mlb", 6, [hours(3), hours(9)])


def test_where_credits_do_for_some_of_the_events_that_start_together_some_are_asked_for() -> None:
    events = [event(number, 3) for number in range(10)]
    due = plan(NOW, [], of_day(45), events=events).due
    assert sorted(due) == [f"mlb/{number:03}" for number in range(4)]


def test_an_event_that_is_too_dear_holds_up_neither_its_league_nor_other_events() -> None:
    due = plan(NOW, [MLB], of_day(20), events=[event(1, 3, cost=500), event(2, 3, cost=2)]).due
    assert set(due) == {"mlb", "mlb/002"}


def test_without_a_bound_every_wish_of_leagues_and_events_is_met() -> None:
    made = plan(NOW, [MLB], of_day(None), events=[event(1, 3)])
    assert (set(made.due), made.stretch) == ({"mlb", "mlb/001"}, 1.0)


targets = st.lists(st.tuples(st.floats(0.1, 40), st.integers(1, 40)), max_size=12)


@given(wanted=targets, bound=st.integers(0, 300))
def test_a_league_is_asked_for_no_later_than_with_half_the_credits_and_no_events(
    wanted: Sequence[tuple[float, int]], bound: int
) -> None:
    events = [event(number, starts_in, cost) for number, (starts_in, cost) in enumerate(wanted)]
    alone = plan(NOW, [MLB], of_day(bound - int(bound * EVENTS_SHARE))).due
    beside = plan(NOW, [MLB], of_day(bound), events=events).due
    if "mlb" in alone:
        assert beside["mlb"] <= alone["mlb"]


@given(wanted=targets, bound=st.integers(0, 300))
def test_following_the_plan_for_a_day_costs_no_more_than_there_is(
    wanted: Sequence[tuple[float, int]], bound: int
) -> None:
    known = {"mlb": MLB} | {
        each.key: each for each in (event(number, start, cost) for number, (start, cost) in enumerate(wanted))
    }
    now, spent = NOW, 0
    polled: dict[str, datetime] = {}
    for _ in range(40):
        seen = [Target(each.key, each.cost, each.starts, polled.get(each.key)) for each in known.values()]
        upcoming = plan(now, seen[:1], of_day(bound - spent), spent, seen[1:]).next()
        if upcoming is None:
            break
        key, now = upcoming
        polled[key] = now
        spent += known[key].cost
        assert spent <= bound
