"""The time of an answer that tells none."""

from datetime import UTC, datetime, timedelta

import pytest

from bet_intel.ev_engine.domain import profile
from bet_intel.odds_ingest.domain.answer_time import CLOCK_SKEW, after_the_answer, answer_time
from bet_intel.odds_ingest.domain.quotes import EventOdds
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import AWAY, HOME, bookmaker, event, market

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
WEEKS = 30_000.0
"""Minutes."""


def events(*updates: dict[str, float]) -> tuple[EventOdds, ...]:
    """An event for each, with what its bookmakers confirmed so many minutes after noon."""
    return parse_response(
        [
            event(
                *(
                    bookmaker(key, market("h2h", (HOME, 2.0), (AWAY, 1.9)), last_update=at(minutes).isoformat())
                    for key, minutes in each.items()
                ),
                id=str(index),
            )
            for index, each in enumerate(updates)
        ],
        provider="x",
    ).events


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        pytest.param([{"a": 0, "b": -1, "c": -4}], 0, id="the newest"),
        pytest.param([{"a": 0, "b": 0}], 0, id="both at once"),
        pytest.param([{"a": 0, "b": -1, "c": WEEKS}], 0, id="one weeks ahead"),
        pytest.param([{"a": 0, "b": -1}, {"a": WEEKS, "b": -2}], 0, id="one weeks ahead in another event"),
        pytest.param([{"a": 0, "b": -1}, {"a": WEEKS}, {"a": WEEKS + 1}], 0, id="a bookmaker bears out no other time"),
        pytest.param([{"a": 0, "b": -1, "c": WEEKS, "d": 2 * WEEKS}], 0, id="two ahead, far apart"),
        pytest.param([{"a": 0, "b": -1, "c": 5.5}], 0, id="minutes ahead"),
        pytest.param([{"a": 0, "b": -1, "c": 4}], 4, id="within what clocks differ"),
        pytest.param([{"a": 0, "b": -1, "c": -WEEKS, "d": -WEEKS}], 0, id="behind"),
        pytest.param([{"a": -20, "b": -10, "c": WEEKS}], -10, id="nobody near to anybody: the median bookmaker"),
        pytest.param([{"a": 0, "b": WEEKS}], 0, id="two far apart: the earlier"),
        pytest.param([{"a": 0}, {"a": 3}], 3, id="a single bookmaker"),
        pytest.param([{"a": WEEKS}], WEEKS, id="a single bookmaker's is taken as it is"),
    ],
)
def test_it_is_the_newest_confirmation_that_another_bookmaker_bears_out(
    updates: list[dict[str, float]], expected: float
) -> None:
    assert answer_time(events(*updates)) == at(expected)


def test_without_a_price_there_is_none() -> None:
    assert answer_time(events({})) is None


def test_it_is_never_later_than_the_clock_of_who_reads_it() -> None:
    agreed = events({"a": 0, "b": -1, "c": WEEKS, "d": WEEKS})
    assert answer_time(agreed) == at(WEEKS), "two bookmakers say so"
    assert answer_time(agreed, now=at(2)) == at(0)
    assert answer_time(agreed, now=at(-3)) == at(0), "its clock may be behind"
    assert answer_time(events({"a": WEEKS}), now=at(0)) == at(0), "nothing in it has a time"


def test_what_is_after_the_answer_is_named_by_event_and_bookmaker() -> None:
    told = after_the_answer(events({"a": 0, "b": 5}, {"a": 6, "c": WEEKS}), NOON)
    assert [one.where for one in told] == ["x:1.bookmakers[a]", "x:1.bookmakers[c]"]
    assert "2026-01-31T12:06:00+00:00 is more than 5 minutes after the answer" in told[0].reason


def test_the_engine_has_the_same_rule() -> None:
    assert timedelta(seconds=profile.CLOCK_SKEW) == CLOCK_SKEW
