"""Applying updates to an event's boards: twice, late, in any order."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bet_intel.ev_engine.domain.boards import (
    Board,
    BoardUpdate,
    Confirmation,
    EventBoards,
    MarketKey,
    MarketStatus,
    apply,
)
from fixtures.engine_boards import AS_OF, H2H, board, event, line, update, us

TOTAL = line("totals", 8.5)
KEYS = [H2H, TOTAL, line("totals", 9.0)]
EVEN = {"alpha": {"Home": 1.9, "Away": 1.9}}
BOTH = {**EVEN, "beta": {"Home": 1.95, "Away": 1.87}}


def essence(state: EventBoards | None) -> dict[MarketKey, tuple[object, ...]]:
    """Everything of the boards but their times."""
    assert state is not None
    return {
        key: (one.revision, one.status, one.outcomes, one.bookmakers, one.back.tobytes(), one.lay.tobytes())
        for key, one in state.boards.items()
    }


def times(state: EventBoards | None) -> dict[MarketKey, dict[str, int]]:
    assert state is not None
    return {key: dict(zip(one.bookmakers, one.updated_us.tolist(), strict=True)) for key, one in state.boards.items()}


def closed(revision: int) -> Board:
    return Board(revision, MarketStatus.CLOSED)


@st.composite
def histories(draw: st.DrawFn) -> list[BoardUpdate]:
    """What the owner tells of an event, in its order: each market changed, confirmed, closed or not there yet."""
    known: dict[MarketKey, Board] = {}
    told = []
    for revision in range(1, draw(st.integers(2, 7))):
        as_of = AS_OF + timedelta(minutes=revision)
        boards: dict[MarketKey, Board] = {}
        confirmations: dict[MarketKey, Confirmation] = {}
        for key in KEYS:
            fate = draw(st.sampled_from(["changed", "confirmed", "closed"]))
            if fate == "changed":
                prices = {book: {"Home": draw(st.sampled_from([1.8, 2.0])), "Away": 1.9} for book in ("alpha", "beta")}
                known[key] = boards[key] = board(prices, revision=revision, as_of=as_of)
            elif key not in known:
                continue
            elif fate == "closed" and known[key].priced:
                known[key] = boards[key] = closed(revision)
            else:
                confirmed = known[key].bookmakers
                confirmations[key] = Confirmation(known[key].revision, dict.fromkeys(confirmed, us(as_of)))
        told.append(update(revision, boards, confirmations, as_of))
    return told


def follow(updates: list[BoardUpdate], state: EventBoards | None = None) -> EventBoards | None:
    for one in updates:
        state = apply(state, one) or state
    return state


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_ends_in_the_same_prices(told: list[BoardUpdate], rng: random.Random) -> None:
    shuffled = told + rng.sample(told, len(told) // 2)
    rng.shuffle(shuffled)
    straight, late = follow(told), follow(shuffled)
    assert essence(late) == essence(straight)
    assert straight is not None
    assert late is not None
    assert (late.as_of, late.odds_revision, late.event) == (straight.as_of, straight.odds_revision, straight.event)


@given(histories(), st.randoms(use_true_random=False))
def test_out_of_order_a_price_may_look_older_but_never_fresher_until_the_next_update(
    told: list[BoardUpdate], rng: random.Random
) -> None:
    """A confirmation that overtakes the board it confirms is dropped: the next one makes up for it."""
    shuffled = rng.sample(told, len(told))
    straight, late = follow(told), follow(shuffled)
    for key, books in times(straight).items():
        assert all(times(late)[key][book] <= at for book, at in books.items())
    assert straight is not None
    revision = straight.odds_revision + 1
    after = AS_OF + timedelta(minutes=revision)
    confirmed = {
        key: Confirmation(one.revision, dict.fromkeys(one.bookmakers, us(after)))
        for key, one in straight.boards.items()
    }
    following = update(revision, {}, confirmed, after)
    assert times(follow([following], late)) == times(follow([following], straight))


@given(histories())
def test_what_comes_again_tells_nothing(told: list[BoardUpdate]) -> None:
    state = follow(told)
    assert all(apply(state, one) is None for one in told)


def test_a_late_board_of_another_market_is_taken_though_the_event_is_further() -> None:
    """A guard per event would drop it."""
    state = follow([update(8, {H2H: board(EVEN, revision=8)}), update(7, {TOTAL: board(EVEN, revision=7)})])
    assert state is not None
    assert {key: one.revision for key, one in state.boards.items()} == {H2H: 8, TOTAL: 7}
    assert state.odds_revision == 8


def test_an_update_without_news_still_passes_the_time() -> None:
    state = follow([update(1, {H2H: board(EVEN)})])
    later = apply(state, update(2, {}, {}, AS_OF + timedelta(minutes=5)))
    assert later is not None
    assert later.as_of == AS_OF + timedelta(minutes=5)


def test_the_newest_confirmation_stands_and_a_late_one_makes_prices_no_older() -> None:
    state = follow([update(1, {H2H: board(BOTH, ages={"alpha": 300})})])
    at, before = AS_OF + timedelta(minutes=5), AS_OF - timedelta(minutes=9)
    newest = update(3, {}, {H2H: Confirmation(1, {"alpha": us(at), "beta": us(before)})}, at)
    late = update(2, {}, {H2H: Confirmation(1, {"alpha": us(AS_OF), "beta": us(before)})}, AS_OF)
    expected = {"alpha": us(at), "beta": us(before)}
    assert times(follow([newest], state))[H2H] == expected
    assert times(follow([newest, late], state))[H2H] == expected


def test_a_confirmation_of_a_newer_board_than_the_stored_one_does_not_apply() -> None:
    """The stored prices are not the ones that were confirmed."""
    state = follow([update(1, {H2H: board(EVEN)})])
    at = AS_OF + timedelta(minutes=5)
    later = follow([update(3, {}, {H2H: Confirmation(2, {"alpha": us(at)})}, at)], state)
    assert times(later)[H2H] == {"alpha": us(AS_OF)}


def test_an_older_board_never_replaces_a_newer_one_not_even_a_closed_one() -> None:
    state = follow([update(2, {H2H: closed(2)}), update(1, {H2H: board(EVEN)})])
    assert state is not None
    assert state.boards[H2H].status is MarketStatus.CLOSED
    assert list(state.priced()) == []


def test_the_start_and_the_titles_are_those_of_the_newest_update_and_old_titles_stay() -> None:
    moved = event(start=AS_OF + timedelta(hours=9))
    first = replace(update(1, {H2H: board(EVEN)}), titles={"alpha": "Alpha", "beta": "Beta"})
    second = replace(update(3, {}), event=moved, titles={"alpha": "Alpha Sports"})
    late = replace(update(2, {TOTAL: board(EVEN, revision=2)}), titles={"alpha": "Older", "gamma": "Gamma"})
    state = follow([first, second, late])
    assert state is not None
    assert state.event == moved
    assert state.titles == {"alpha": "Alpha Sports", "beta": "Beta", "gamma": "Gamma"}


def test_the_state_before_is_left_as_it_was() -> None:
    before = follow([update(1, {H2H: board(EVEN)})])
    assert before is not None
    shown = essence(before)
    follow([update(2, {H2H: closed(2), TOTAL: board(EVEN, revision=2)})], before)
    assert essence(before) == shown
