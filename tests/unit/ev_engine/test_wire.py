"""Between the events on the bus and the engine's domain, both ways."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, MarketStatus, apply
from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.wire import board_update, decode_boards, encode_boards
from bet_intel.ev_engine.wire_sets import opportunities_updated
from bet_intel.events.v1 import odds_changed_pb2, opportunities_updated_pb2
from bet_intel.odds_ingest.domain import quotes
from bet_intel.shared.columns import fill, read
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.times import to_us
from fixtures import answers, engine_boards
from fixtures.answers import minutes
from fixtures.engine_boards import AS_OF, H2H, boards, line
from fixtures.feed import Feed

EVEN = {"alpha": {"Home": 1.9, "Away": 1.95}, "beta": {"Home": 1.92}}


def test_what_odds_ingest_tells_is_what_the_engine_reads() -> None:
    total = quotes.MarketKey("totals", "first_half", 4.5, "Riverside")
    feed = Feed()
    message = feed.shows(
        0,
        {
            answers.H2H: answers.board(EVEN, lay={"beta": {"Home": 1.98}, "gamma": {"Away": 2.1}}, limit=250.0),
            total: answers.board({"alpha": {"Over": 1.8, "Under": 2.0}}),
        },
    )
    update = board_update(message)
    assert (update.event.id, update.as_of, update.revision) == (message.subject, message.time, message.revision)
    event = answers.sporting_event()
    assert (update.event.home, update.event.away, update.event.commence_time) == (
        event.home,
        event.away,
        event.commence_time,
    )
    assert update.titles == {"alpha": "ALPHA", "beta": "BETA", "gamma": "GAMMA"}
    assert update.confirmations == {}
    assert update.boards.keys() == {H2H, MarketKey("totals", "first_half", 4.5, "Riverside")}
    one = update.boards[H2H]
    assert (one.outcomes, one.bookmakers) == (("Away", "Home"), ("alpha", "beta", "gamma"))
    nan = math.nan
    np.testing.assert_array_equal(one.back, [[1.95, nan, nan], [1.9, 1.92, nan]])
    np.testing.assert_array_equal(one.lay, [[nan, nan, 2.1], [nan, 1.98, nan]])
    np.testing.assert_array_equal(one.limit, [[250.0, nan, nan], [250.0, 250.0, nan]])
    assert one.lay_limit is not None
    np.testing.assert_array_equal(one.lay_limit, [[nan, nan, 250.0], [nan, 250.0, nan]])
    assert one.updated_us.tolist() == [to_us(minutes(0))] * 3
    assert (one.status, one.revision) == (MarketStatus.OPEN, message.revision)


def test_unchanged_markets_come_as_confirmations_and_gone_ones_as_closed() -> None:
    feed = Feed()
    total = answers.TOTAL
    first = feed.shows(0, {answers.H2H: answers.board(EVEN), total: answers.board(EVEN)})
    update = board_update(feed.shows(1, {answers.H2H: answers.board(EVEN)}))
    assert update.confirmations.keys() == {H2H}
    assert update.confirmations[H2H].revision == first.revision
    assert update.confirmations[H2H].updated_us == dict.fromkeys(EVEN, to_us(minutes(1)))
    assert [(one.status, one.priced) for one in update.boards.values()] == [(MarketStatus.CLOSED, False)]
    # What is closed stays closed, without being told again.
    assert board_update(feed.waits(2)).boards == {}


PRICES = st.dictionaries(
    st.sampled_from(["alpha", "beta", "gamma"]),
    st.dictionaries(st.sampled_from(["Home", "Away", "Draw"]), st.floats(1.0001, 1001), min_size=1),
    max_size=3,
)
STORED = st.dictionaries(
    st.sampled_from([H2H, line("totals", 8.5), line("totals", -0.25), line("player_hits", 1.5, "Ñ. Ríos")]),
    st.builds(
        engine_boards.board,
        PRICES,
        PRICES,
        revision=st.integers(1, 2**62),
        status=st.sampled_from(MarketStatus),
        ages=st.dictionaries(st.sampled_from(["alpha", "beta"]), st.floats(0, 1e5)),
    ),
)


@given(STORED)
def test_stored_boards_are_read_back_as_they_were(markets: dict[MarketKey, Board]) -> None:
    titles = {book: book.title() for one in markets.values() for book in one.bookmakers}
    state = replace(boards(markets), titles=titles, odds_revision=77)
    again = decode_boards(encode_boards(state))
    assert (again.event, again.as_of, again.odds_revision, again.titles) == (state.event, state.as_of, 77, titles)
    assert again.boards.keys() == markets.keys()
    for key, one in markets.items():
        assert_same(again.boards[key], one)


def test_limits_are_stored_and_boards_from_before_those_of_lays_are_read_without() -> None:
    told = engine_boards.board(EVEN, lay={"beta": {"Home": 1.98}})
    told.limit[:] = np.where(np.isnan(told.back), np.nan, 300.0)
    laid = replace(told, lay_limit=np.where(np.isnan(told.lay), np.nan, 20.0))
    for one, most in ((laid, 19.6), (told, math.nan)):
        state = replace(boards({H2H: one}), titles={"alpha": "A", "beta": "B"})
        again = decode_boards(encode_boards(state)).boards[H2H]
        assert_same(again, one)
        assert again.most_laid(1, 1) == pytest.approx(most, nan_ok=True)


def assert_same(one: Board, other: Board) -> None:
    assert (one.revision, one.status, one.outcomes, one.bookmakers) == (
        other.revision,
        other.status,
        other.outcomes,
        other.bookmakers,
    )
    for name in ("back", "lay", "limit", "updated_us"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_a_state_read_back_goes_on_as_the_one_that_was_kept() -> None:
    feed = Feed()
    kept: EventBoards | None = None
    stored: EventBoards | None = None
    shown = [{answers.H2H: answers.board(EVEN)}, {answers.TOTAL: answers.board(EVEN)}, {}]
    for minute, markets in enumerate(shown):
        update = board_update(feed.shows(minute, markets))
        kept = apply(kept, update)
        stored = apply(decode_boards(encode_boards(stored)) if stored else None, update)
        assert kept is not None
        assert stored is not None
        assert kept.boards.keys() == stored.boards.keys()
        for key, one in kept.boards.items():
            assert_same(stored.boards[key], one)


FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}
PROFILE = Profile()


def test_the_columns_of_a_set_fit_each_other_and_show_the_whole_working() -> None:
    markets = {
        H2H: engine_boards.board({**FOUR, "soft": {"Away": 1.60, "Home": 2.06}}),
        line("totals", 8.5): engine_boards.board({"alpha": {"Over": 1.9}}),
    }
    (priced,) = price([boards(markets)], PROFILE)
    change = live_on({}, (priced,))
    message = opportunities_updated((priced,), change, 5)
    body = opportunities_updated_pb2.OpportunitiesUpdated.FromString(message.data)
    tables = read(body)  # row counts and row numbers are checked
    strings = list(body.strings)
    assert (message.subject, message.revision, message.time, body.revision) == (priced.boards.event.id, 5, AS_OF, 5)
    assert body.as_of_us == to_us(AS_OF)

    market = tables["markets"]
    assert [strings[row] for row in market["market_s"]] == ["h2h", "totals"]
    assert [strings[row] for row in market["reason_s"]] == ["", "incomplete_market"]
    assert [strings[row] for row in market["category_s"]] == ["main", "main"]
    assert market["books_used"].tolist() == [4, 0]
    outcome = tables["outcomes"]
    assert [strings[row] for row in outcome["outcome_s"]] == ["Away", "Home", "Over"]
    assert outcome["market"].tolist() == [0, 0, 1]
    np.testing.assert_allclose(outcome["consensus"], [0.5, 0.5, math.nan])
    books = [strings[row] for row in tables["bookmakers"]["key_s"]]
    assert books == ["alpha", "beta", "delta", "gamma", "soft"]

    prices = tables["prices"]
    shown = {
        (strings[outcome["outcome_s"][o]], books[b]): back
        for o, b, back in zip(prices["outcome"], prices["bookmaker"], prices["back"].tolist(), strict=True)
    }
    assert shown["Home", "soft"] == 2.06
    assert shown["Away", "alpha"] == 1.91
    assert shown["Over", "alpha"] == 1.9
    assert len(shown) == 2 * 5 + 1

    references = tables["references"]
    left_out = {
        (strings[market["market_s"][m]], books[b]): strings[reason]
        for m, b, reason in zip(references["market"], references["bookmaker"], references["left_out_s"], strict=True)
    }
    assert left_out["h2h", "soft"] == "outlier_excluded"
    assert left_out["h2h", "alpha"] == ""
    assert left_out["totals", "alpha"] == "incomplete_market"

    (one,) = tables["opportunities"]["id_s"]
    assert strings[one] == change.open[0][0].id
    opportunity = {name: column.tolist()[0] for name, column in tables["opportunities"].items()}
    assert strings[outcome["outcome_s"][opportunity["outcome"]]] == "Home"
    assert books[opportunity["bookmaker"]] == "soft"
    assert (opportunity["price"], opportunity["net_price"], opportunity["side"]) == (2.06, 2.06, 0)
    assert opportunity["ev"] == pytest.approx(0.03)
    assert opportunity["band_low"] <= opportunity["fair"] <= opportunity["band_high"]
    assert (opportunity["opened_us"], opportunity["opening"]) == (to_us(AS_OF), 1)
    pool = dict(
        zip((books[b] for b in tables["leave_one_out"]["bookmaker"]), tables["leave_one_out"]["weight"], strict=True)
    )
    assert pool == pytest.approx({"alpha": 0.25, "beta": 0.25, "gamma": 0.25, "delta": 0.25, "soft": 0.0})
    gates = [strings[row] for row in tables["gates"]["gate_s"]]
    assert (gates[0], gates[-1], len(gates)) == ("not_started", "ev_plausible", 13)
    assert tables["gates"]["passed"].tolist() == [1] * 13
    assert len(tables["closed"]["id_s"]) == 0


def test_a_set_tells_what_closed_and_why() -> None:
    (before,) = price([boards({H2H: engine_boards.board({**FOUR, "soft": {"Away": 1.80, "Home": 2.06}})})], PROFILE)
    opened = live_on({}, (before,))
    (after,) = price([boards({})], PROFILE)
    change = live_on({life.key: life for life, _ in opened.open}, (after,))
    body = opportunities_updated_pb2.OpportunitiesUpdated.FromString(opportunities_updated((after,), change, 6).data)
    tables = read(body)
    assert [body.strings[row] for row in tables["closed"]["id_s"]] == [opened.open[0][0].id]
    assert [body.strings[row] for row in tables["closed"]["reason_s"]] == ["withdrawn"]
    assert len(tables["opportunities"]["id_s"]) == len(tables["markets"]["market_s"]) == 0


Break = Callable[[odds_changed_pb2.OddsChanged], None]


def _spoil(table: str, column: str, value: float) -> Break:
    def spoil(body: odds_changed_pb2.OddsChanged) -> None:
        columns = dict(read(body)[table])
        columns[column] = np.full(len(columns[column]), value, dtype=columns[column].dtype)
        fill(getattr(body, table), **columns)

    return spoil


def _set(name: str, value: int) -> Break:
    return lambda body: setattr(body, name, value)


def _cut(body: odds_changed_pb2.OddsChanged) -> None:
    body.quotes.price = body.quotes.price[:-3]


def _start_out_of_range(body: odds_changed_pb2.OddsChanged) -> None:
    body.event.commence_time_us = 2**62


def _no_event(body: odds_changed_pb2.OddsChanged) -> None:
    body.event.id = ""


@pytest.mark.parametrize(
    "spoil",
    [
        _cut,
        _spoil("quotes", "side", 2),
        _spoil("quotes", "price", 1.0),
        _spoil("quotes", "price", 0.0),
        _spoil("quotes", "price", -110.0),
        _spoil("quotes", "price", math.nan),
        _spoil("quotes", "price", math.inf),
        _spoil("quotes", "market", 9),
        _spoil("quotes", "bookmaker", 9),
        _spoil("quotes", "outcome_s", 99),
        _spoil("markets", "status", 0),
        _spoil("markets", "status", 7),
        _spoil("markets", "line", math.inf),
        _set("as_of_us", 2**62),
        _start_out_of_range,
        _no_event,
    ],
)
def test_a_message_that_breaks_its_contract_can_never_be_handled(spoil: Break) -> None:
    message = Feed().shows(0, {answers.H2H: answers.board(EVEN)})
    body = odds_changed_pb2.OddsChanged.FromString(message.data)
    spoil(body)
    with pytest.raises(TerminalError, match=message.id):
        board_update(replace(message, data=body.SerializeToString()))


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"", b"not protobuf at all"])
def test_what_is_no_message_can_never_be_handled(data: bytes) -> None:
    message = Message("m1", "odds.changed.v1", "odds-ingest", "the_feed:1", AS_OF, 1, data)
    with pytest.raises(TerminalError, match="m1"):
        board_update(message)


def test_a_board_told_again_heals_a_lost_message() -> None:
    feed, moved = Feed(), answers.board({"alpha": {"Home": 2.0, "Away": 1.85}})
    state = apply(None, board_update(feed.shows(0, {answers.H2H: answers.board(EVEN)})))
    lost = feed.shows(1, {answers.H2H: moved})
    quiet = apply(state, board_update(feed.shows(2, {answers.H2H: moved})))
    assert quiet is not None
    healed = apply(quiet, board_update(feed.restates(10)))
    unharmed = apply(state, board_update(lost))
    assert healed is not None
    assert unharmed is not None
    (key,) = healed.boards
    assert not np.array_equal(quiet.boards[key].back, healed.boards[key].back)
    assert np.array_equal(unharmed.boards[key].back, healed.boards[key].back)
    assert healed.boards[key].revision == lost.revision
