"""The ledger of the drills finds what is wrong, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bet_intel.notifier.domain.opportunities import Opportunity, OpportunitySet, Side, SportingEvent
from drills import ledger
from drills.clients import Heard
from drills.ledger import Applied, Delivery, Ending, Opening, Told
from drills.recording import mark_of, shift_of
from drills.timeline import Timeline

_AT = datetime(2026, 5, 2, 12, tzinfo=UTC)
_EVENT = SportingEvent("e", "soccer", "premier", "Premier", _AT, "Home", "Away")
_OPEN = Opportunity(
    "o", 1, "consensus", "take", "h2h", "full", None, "", "Home", Side.BACK, "book", "Book", 2.1, 0.5, 0.05
)
_TAKE = frozenset({"take"})
_SECOND = 1_000_000
_TOLD = Told("key", "o", 1, 3.75)


def told(**opportunities: tuple[Opportunity, ...]) -> Mapping[str, Mapping[int, OpportunitySet]]:
    """Sets of one event by the second in which they were told (`at_3=…`)."""
    sets = {int(name[3:]) * _SECOND: one for name, one in opportunities.items()}
    return {"e": {at: OpportunitySet(_EVENT, at, _AT, one) for at, one in sets.items()}}


def delivery(**values: Any) -> Delivery:
    return Delivery("key", "o", 1, "delivered", "")._replace(**values)


def opening(opportunity: str = "o", told: float = 3.0, gone: float | None = None) -> Opening:
    return Opening("e", opportunity, 1, ((int(told * _SECOND), None if gone is None else int(gone * _SECOND)),))


def applied(*seconds: float, delay: float = 0.5) -> list[Applied]:
    """Sets of the event, told at these seconds."""
    return [Applied("e", int(at * _SECOND), at + delay) for at in seconds]


def test_an_opening_lasts_from_its_first_set_to_the_first_without_it() -> None:
    again = replace(_OPEN, opening=2)
    sets = told(at_3=(_OPEN,), at_4=(_OPEN,), at_6=(), at_9=(again,))

    assert ledger.openings(sets, _TAKE, 0.05) == [
        Opening("e", "o", 1, ((3 * _SECOND, 6 * _SECOND),)),
        Opening("e", "o", 2, ((9 * _SECOND, None),)),
    ]
    assert ledger.openings(sets, frozenset({"suspect"}), 0.0) == []
    assert ledger.openings(sets, _TAKE, 0.051) == []


def test_an_opening_that_a_rule_covers_again_is_one() -> None:
    sets = told(at_3=(_OPEN,), at_4=(replace(_OPEN, ev=0.01),), at_6=(_OPEN,), at_9=())
    [found] = ledger.openings(sets, _TAKE, 0.05)

    assert found.spans == ((3 * _SECOND, 4 * _SECOND), (6 * _SECOND, 9 * _SECOND))
    assert found.lifetime == 3.0
    assert [found.is_in(at * _SECOND) for at in (2, 3, 4, 6, 9)] == [False, True, False, True, False]


def test_a_rule_that_names_no_kind_is_about_single_prices() -> None:
    assert ledger.openings(told(at_3=(replace(_OPEN, kind="arbitrage"),)), _TAKE, 0.05) == []
    assert ledger.openings(told(at_3=(replace(_OPEN, profile="sharp"),)), _TAKE, 0.05) == []


def test_each_opening_that_was_told_once_is_in_order() -> None:
    found = ledger.alerts([opening()], [delivery()], [_TOLD], applied(3, 4))

    assert (found.delivered, found.lost, found.doubled, found.repeated, found.faults) == (1, 0, 0, 0, [])
    assert found.delay == pytest.approx(1.0)
    assert found.on_the_way == [(3.75, 0.75)]


def test_an_alert_that_comes_twice_under_its_id_is_a_repeat_and_under_another_a_double() -> None:
    repeated = ledger.alerts([opening()], [delivery()], [_TOLD] * 2, applied(3))
    doubled = ledger.alerts([opening()], [delivery()], [_TOLD, _TOLD._replace(key="other")], applied(3))
    rows = [delivery(), delivery(key="b")]
    two_rows = ledger.alerts([opening()], rows, [_TOLD, _TOLD._replace(key="b")], applied(3))

    assert (repeated.repeated, repeated.doubled, repeated.faults) == (1, 0, [])
    assert doubled.doubled == 1
    assert doubled.faults
    assert two_rows.faults


@pytest.mark.parametrize(
    ("deliveries", "received"),
    [
        ([], []),
        ([delivery()], []),
        ([delivery(state="pending")], []),
        ([delivery(state="failed", reason="refused")], [_TOLD]),
    ],
)
def test_an_opening_of_which_nobody_was_told_is_lost(deliveries: list[Delivery], received: list[Told]) -> None:
    for sets in (applied(3), applied(2)):
        found = ledger.alerts([opening()], deliveries, received, sets)

        assert found.lost == 1
        assert len(found.faults) == 1


def test_an_opening_in_a_set_that_was_applied_is_lost_however_short_it_was() -> None:
    found = ledger.alerts([opening(gone=3.1)], [], [], applied(3))

    assert (found.lost, found.superseded) == (1, [])
    assert "was in set 3000000" in found.faults[0]


@pytest.mark.parametrize(
    "sets",
    [
        [Applied("e", 2 * _SECOND, 2.1), Applied("e", 5 * _SECOND, 4.0)],  # nothing was applied for 1.9 s
        [Applied("e", 2 * _SECOND, 3.9)],  # a set took 1.9 s
    ],
)
def test_an_opening_is_superseded_only_if_it_was_shorter_than_the_queue_was_long(sets: list[Applied]) -> None:
    short, long = opening("s", 2.1, 3.9), opening("l", 2.1, 4.1)

    found = ledger.alerts([short, long], [], [], sets)

    assert found.delay == pytest.approx(1.9)
    assert [one.opportunity for one in found.superseded] == ["s", "l"]
    assert found.lost == 1
    assert "l was open for 2.00 s" in found.faults[0]


def test_a_delivery_of_nothing_that_was_told_is_wrong() -> None:
    assert ledger.alerts([], [delivery()], [], []).faults


def test_endings_that_differ_say_where() -> None:
    ending = Ending({"a": (2.0, _AT)}, {"k": {"ev": 0.05, "band": {"low": 0.01}}}, frozenset({("a", "1")}))

    assert ledger.differences(ending, ending) == []
    assert (
        ledger.differences(replace(ending, opportunities={"k": {"ev": 0.05 + 1e-17, "band": {"low": 0.01}}}), ending)
        == []
    )
    for other in (
        replace(ending, board={}),
        replace(ending, board={"a": (2.1, _AT)}),
        replace(ending, opportunities={"k": {"ev": 0.06, "band": {"low": 0.01}}}),
        replace(ending, history=frozenset()),
        replace(ending, history=ending.history | {("b", "2")}),
    ):
        assert len(ledger.differences(other, ending)) == 1, other


def test_a_line_is_what_held_at_each_time() -> None:
    rows = [("a", "t1", "2.0"), ("b", "t1", "3.0"), ("a", "t2", "2.0"), ("a", "t3", ""), ("a", "t4", "2.0")]

    assert ledger.steps(rows) == {("a", "t1", "2.0"), ("b", "t1", "3.0"), ("a", "t3", ""), ("a", "t4", "2.0")}


def test_a_play_without_its_day_and_marks_is_the_first() -> None:
    day = _AT + timedelta(days=3)
    value = {(f"x:{mark_of(3)}7", 1): [day, day.isoformat(), "2026-05-05T12:00:00Z", 2.5, None]}

    assert ledger.unmarked(value, mark_of(3), shift_of(3)) == {
        ("x:7", 1): [_AT, _AT.isoformat(), "2026-05-02T12:00:00+00:00", 2.5, None]
    }


def test_writes_are_kept_once_and_copied() -> None:
    acknowledged = {"key": "id"}

    assert ledger.writes(acknowledged, [("key", "id")], frozenset({"id"})) == []
    assert ledger.writes(acknowledged, [], frozenset({"id"})) == ["1 acknowledged writes are lost: key"]
    assert ledger.writes(acknowledged, [("key", "id"), ("key", "b")], frozenset({"id"})) == [
        "1 writes were done twice: key"
    ]
    assert len(ledger.writes(acknowledged, [("key", "id")], frozenset())) == 1


def test_what_is_left_over_is_said() -> None:
    assert ledger.left_over({"api": 0}, {"q.dead": 0}, {"api": 0}) == []
    assert ledger.left_over({"api": 2}, {"q.dead": 1}, {"api": 0}) == [
        "api holds 2 unconfirmed rows",
        "q.dead holds 1 messages",
    ]


@pytest.mark.parametrize(
    ("seqs", "snapshots", "said"),
    [
        ([3, 4, 6], ["start"], []),
        ([3, 6], ["start"], ["one missed 1 events: [4]"]),
        ([3, 4, 4, 6], ["start"], ["one heard again what it had heard: [4]"]),
        ([3, 4, 6], ["start", "too_old"], ["one was given 1 snapshots more: too_old"]),
    ],
)
def test_a_stream_has_no_gap_and_no_repeat(seqs: list[int], snapshots: list[str], said: list[str]) -> None:
    heard = Heard(seqs=seqs, snapshots=snapshots, start=2, position=6)

    # 2 was in its snapshot, 7 it has not come to, 5 is none of its business.
    assert heard.faults("one", {2, 3, 4, 6, 7}, anew=False) == said


def test_the_longest_gap_counts_the_borders() -> None:
    times = Timeline([2.0, 3.0, 7.0, 7.5])

    assert times.longest(0.0, 8.0) == (3.0, 4.0)
    assert times.longest(0.0, 13.0).seconds == 5.5
    assert times.longest(20.0, 21.0).seconds == 1.0


def test_a_function_is_back_when_its_pauses_are_as_before_for_a_while() -> None:
    times = Timeline([2.0, 3.0, 7.0, 7.5, 8.5, 9.5, 10.5, 11.5, 15.5])

    assert times.back_at(0.0, 16.0, 1.5) == 7.0  # not 15.5, which has another cause
    assert times.back_at(4.0, 16.0, 1.5) == 7.0
    assert times.back_at(7.0, 11.5, 1.5) is None
    assert times.back_at(0.0, 16.0, 5.0) is None
