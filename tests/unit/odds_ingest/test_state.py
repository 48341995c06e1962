"""The state of an event at its owner, against the plain rule: what the last answer shows is what is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds_ingest.domain.quotes import MarketBoard, MarketKey, Price, QuoteKey, Side
from bet_intel.odds_ingest.domain.state import (
    EventState,
    MarketStatus,
    advance,
    next_revision,
    pass_time,
    withdraw,
)
from fixtures.answers import H2H, T0, TOTAL, board, minutes, odds, sporting_event

LINES = [H2H, TOTAL, MarketKey("totals", line=9.0)]
EVEN = {"alpha": {"Home": 1.9, "Away": 1.9}}
LONGER = {"alpha": {"Home": 2.0, "Away": 1.8}}


@dataclass(frozen=True)
class Shown:
    """An answer that shows `markets`, or, where None, one that does not contain the event."""

    markets: dict[MarketKey, MarketBoard] | None


def _board(prices: dict[QuoteKey, Price], seconds: int) -> MarketBoard:
    at = T0 + timedelta(seconds=seconds)
    return MarketBoard.of(prices, dict.fromkeys((quote.bookmaker for quote in prices), at))


QUOTES = st.builds(
    QuoteKey, st.sampled_from(["alpha", "beta"]), st.sampled_from(["Home", "Away"]), st.sampled_from(Side)
)
PRICES = st.builds(Price, st.sampled_from([1.8, 1.9, 2.0]), st.sampled_from([None, 100.0]))
BOARDS = st.builds(_board, st.dictionaries(QUOTES, PRICES, min_size=1, max_size=4), st.integers(0, 900))
ANSWERS = st.lists(
    st.builds(Shown, st.none() | st.dictionaries(st.sampled_from(LINES), BOARDS, max_size=3)), min_size=1, max_size=8
)


def _follow(state: EventState | None, shown: Shown, revision: int, as_of: datetime) -> EventState | None:
    if shown.markets is not None:
        return advance(state, odds(shown.markets), as_of, revision)
    return withdraw(state, as_of, revision) if state else None


def _open(state: EventState) -> dict[MarketKey, MarketBoard]:
    return {key: market.board for key, market in state.markets.items() if market.status is MarketStatus.OPEN}


@given(ANSWERS)
def test_what_is_open_is_what_the_last_answer_showed(answers: list[Shown]) -> None:
    state: EventState | None = None
    for number, shown in enumerate(answers):
        state = _follow(state, shown, number + 1, minutes(number))
        if state is not None:
            assert _open(state) == (shown.markets or {})
            assert state.open is bool(shown.markets)
            assert (state.revision, state.as_of) == (number + 1, minutes(number))
            closed = [market for market in state.markets.values() if market.status is MarketStatus.CLOSED]
            assert all(market.board == MarketBoard() for market in closed)


@given(ANSWERS)
def test_a_market_has_a_new_revision_exactly_when_its_prices_or_its_status_changed(answers: list[Shown]) -> None:
    state: EventState | None = None
    changed_at: dict[MarketKey, int] = {}
    before: dict[MarketKey, Mapping[QuoteKey, Price] | None] = {}
    for revision, shown in enumerate(answers, start=1):
        state = _follow(state, shown, revision, minutes(revision))
        now = {key: board.prices for key, board in (shown.markets or {}).items()}
        for key in before.keys() | now.keys():
            if before.get(key) != now.get(key):
                changed_at[key] = revision
        before = {key: now.get(key) for key in before.keys() | now.keys()}
        told = state.markets if state else {}
        assert {key: market.revision for key, market in told.items()} == changed_at


@given(ANSWERS)
def test_a_market_once_known_is_told_of_for_good(answers: list[Shown]) -> None:
    """Else a reader that missed its closing would keep it open."""
    state: EventState | None = None
    known: set[MarketKey] = set()
    for revision, shown in enumerate(answers, start=1):
        state = _follow(state, shown, revision, minutes(revision))
        known |= (shown.markets or {}).keys()
        assert (state.markets.keys() if state else set()) == known


@given(ANSWERS)
def test_markets_keep_their_order_and_new_ones_come_behind_them(answers: list[Shown]) -> None:
    """What is written is found by their places."""
    state: EventState | None = None
    for number, shown in enumerate(answers):
        before = list(state.markets) if state else []
        state = _follow(state, shown, number + 1, T0 + timedelta(minutes=number))
        assert state is None or list(state.markets)[: len(before)] == before


def test_a_new_time_alone_is_no_new_revision() -> None:
    first = advance(None, odds({H2H: board(EVEN)}), T0, 1)
    second = advance(first, odds({H2H: board(EVEN, at=minutes(5))}), minutes(5), 2)
    assert second.markets[H2H].revision == 1
    assert second.markets[H2H].board.last_update == {"alpha": minutes(5)}


def test_a_market_that_is_as_it_was_stays_the_same_object() -> None:
    before = advance(None, odds({H2H: board(EVEN), TOTAL: board(EVEN)}), T0, 1)
    after = advance(before, odds({H2H: board(EVEN), TOTAL: board(LONGER)}), minutes(1), 2)
    assert after.markets[H2H] is before.markets[H2H]
    assert after.markets[TOTAL] is not before.markets[TOTAL]


def test_a_changed_limit_is_told() -> None:
    first = advance(None, odds({H2H: board(EVEN, limit=500)}), T0, 1)
    assert advance(first, odds({H2H: board(EVEN, limit=50)}), T0, 2).markets[H2H].revision == 2


def test_a_market_that_comes_back_is_open_with_a_new_revision_although_its_prices_are_the_old_ones() -> None:
    first = advance(None, odds({H2H: board(EVEN)}), T0, 1)
    gone = withdraw(first, minutes(1), 2)
    assert gone.markets[H2H].status is MarketStatus.CLOSED
    assert not gone.open
    again = advance(gone, odds({H2H: board(EVEN)}), minutes(2), 3)
    assert (again.markets[H2H].status, again.markets[H2H].revision) == (MarketStatus.OPEN, 3)


def test_withdrawing_what_is_gone_already_changes_no_market() -> None:
    gone = withdraw(advance(None, odds({H2H: board(EVEN)}), T0, 1), minutes(1), 2)
    assert withdraw(gone, minutes(2), 3).markets == gone.markets


def test_time_passes_without_a_change_of_any_market() -> None:
    state = advance(None, odds({H2H: board(EVEN), TOTAL: board(LONGER)}), T0, 1)
    later = pass_time(state, minutes(5), 2)
    assert (later.as_of, later.revision, later.markets) == (minutes(5), 2, state.markets)


def test_what_is_shown_again_and_again_is_never_given_up() -> None:
    state = None
    for days in range(0, 60, 10):
        at = T0 + timedelta(days=days)
        state = advance(state, odds({H2H: board(EVEN)}), at, days + 1)
        assert pass_time(state, at + timedelta(hours=23), days + 2).open
        # Time that passed before counts for nothing once it is shown anew.
        state = pass_time(state, at + timedelta(hours=12), days + 3)
    assert state is not None
    assert not pass_time(state, state.as_of + timedelta(days=1), 100).open


def test_a_moved_start_and_new_titles_are_taken_over_and_old_titles_kept() -> None:
    first = advance(None, odds({H2H: board(EVEN)}), T0, 1)
    postponed = sporting_event(start=minutes(600))
    second = advance(first, odds({H2H: board({"beta": EVEN["alpha"]})}, postponed), minutes(5), 2)
    assert second.event.commence_time == minutes(600)
    assert second.bookmaker_titles == {"alpha": "ALPHA", "beta": "BETA"}


@given(
    st.integers(0, 2**62),
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_the_next_revision_is_above_the_stored_one_and_not_behind_the_clock(stored: int, now: datetime) -> None:
    clock = (now - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    revision = next_revision(stored, now)
    assert revision > stored
    assert revision >= clock
    assert revision in (stored + 1, clock)


def test_a_clock_that_steps_back_does_not_take_the_revision_back() -> None:
    first = next_revision(0, minutes(10))
    assert next_revision(first, minutes(0)) == first + 1
