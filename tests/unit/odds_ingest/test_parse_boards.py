"""What a good v4 response becomes."""

import json
import random
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds_ingest.domain.quotes import MarketKey, Price, QuoteKey, Side
from bet_intel.odds_ingest.providers.the_odds_api.market_names import market_name
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from fixtures.odds_payloads import AWAY, HOME, MADE_UP_FILE, bookmaker, event, market, prices

american_prices = st.one_of(st.integers(100, 20_000), st.integers(-20_000, -100))
"""Both ways to write even money (±100) are one decimal price, 2.0."""


def reference_decimal(american: int) -> float:
    return round(1 + american / 100 if american > 0 else 1 - 100 / american, 4)


def parse(*events: Any) -> Any:
    return parse_response(list(events), provider="the_odds_api")


def test_the_made_up_response_is_read_whole() -> None:
    parsed = parse_response(MADE_UP_FILE.read_bytes(), provider="the_odds_api")

    assert parsed.rejections == ()
    assert parsed.leagues == {"soccer_made_up_league", "golf_made_up_masters_winner"}
    match, masters = parsed.events
    assert match.event.id == "the_odds_api:6f1d2c3b4a5968778695a4b3c2d1e0f1"
    assert (match.event.sport, match.event.league) == ("soccer", "soccer_made_up_league")
    assert (match.event.league_title, match.event.home, match.event.away) == ("Made-up League", HOME, AWAY)
    assert match.event.commence_time == datetime(2026, 1, 31, 15, tzinfo=UTC)
    assert match.bookmaker_titles == {"pinnacle": "Pinnacle", "betfair_ex_eu": "Betfair", "unibet": "Unibet"}
    assert set(match.markets) == {
        MarketKey("h2h"),
        MarketKey("spreads", line=-0.25),
        MarketKey("totals", line=2.75),
        MarketKey("alternate_spreads", "h1", -0.5),
        MarketKey("alternate_spreads", "h1", 0.0),
        MarketKey("player_shots_on_target", line=1.5, subject="Left Winger"),
    }
    h2h = match.markets[MarketKey("h2h")]
    assert h2h.prices[QuoteKey("pinnacle", "Draw")] == Price(3.6)
    assert h2h.prices[QuoteKey("pinnacle", AWAY)] == Price(3.45, 2500)
    assert h2h.prices[QuoteKey("betfair_ex_eu", AWAY, Side.LAY)] == Price(3.6)
    assert masters.event.home is None
    assert masters.event.away is None
    assert masters.event.commence_time == datetime(2026, 4, 9, 11, tzinfo=UTC)
    assert masters.markets[MarketKey("outrights")].prices == {
        QuoteKey("unibet", "Player Alder"): Price(11.0),
        QuoteKey("unibet", "Player Birch"): Price(151.0),
        QuoteKey("unibet", "Player Alder", Side.LAY): Price(13.0),
    }


def test_times_come_from_the_market_else_the_bookmaker_and_never_look_fresher_than_they_are() -> None:
    match = parse_response(MADE_UP_FILE.read_bytes(), provider="the_odds_api").events[0]

    h2h = match.markets[MarketKey("h2h")].last_update
    assert h2h["pinnacle"] == datetime(2026, 1, 31, 11, 59, 41, tzinfo=UTC)
    assert h2h["betfair_ex_eu"] == datetime(2026, 1, 31, 11, 59, 20, tzinfo=UTC), "its lay side is the older one"
    assert match.markets[MarketKey("spreads", line=-0.25)].last_update == {
        "pinnacle": datetime(2026, 1, 31, 11, 59, 40, tzinfo=UTC)
    }


def test_a_market_keeps_its_time_where_its_bookmaker_has_none() -> None:
    payload = bookmaker("unibet", market("h2h", (HOME, 2.1), (AWAY, 1.8), last_update="2026-01-31T14:00:00+02:00"))
    del payload["last_update"]

    (odds,) = parse(event(payload)).events

    assert odds.markets[MarketKey("h2h")].last_update == {"unibet": datetime(2026, 1, 31, 12, tzinfo=UTC)}


def test_json_text_and_decoded_objects_give_the_same() -> None:
    text = MADE_UP_FILE.read_bytes()

    assert parse_response(text, provider="x") == parse_response(json.loads(text), provider="x")


def test_an_event_without_prices_is_still_in_the_feed() -> None:
    parsed = parse(event())

    assert [odds.event.home for odds in parsed.events] == [HOME]
    assert parsed.events[0].markets == {}


def test_an_empty_response_is_empty() -> None:
    assert parse_response(b"[]", provider="x") == ((), (), frozenset())


def test_one_event_told_in_two_parts_is_one_event() -> None:
    parsed = parse(
        event(bookmaker("unibet", market("h2h", (HOME, 2.1), (AWAY, 1.8)))),
        event(bookmaker("betmgm", market("h2h", (HOME, 2.2), (AWAY, 1.7)))),
    )

    (odds,) = parsed.events
    assert set(odds.markets[MarketKey("h2h")].last_update) == {"unibet", "betmgm"}
    assert parsed.rejections == ()


@pytest.mark.parametrize("order", [1, -1])
def test_both_sides_of_a_spread_are_one_line_in_any_order(order: int) -> None:
    outcomes = [(HOME, 1.9, 1.5), (AWAY, 2.0, -1.5)][::order]
    (odds,) = parse(
        event(
            bookmaker("unibet", market("spreads", *outcomes)),
            bookmaker("betmgm", market("spreads", (HOME, 3.0, -1.5), (AWAY, 1.4, 1.5))),
        )
    ).events

    assert {key.line: {quote.bookmaker for quote in board.prices} for key, board in odds.markets.items()} == {
        1.5: {"unibet"},
        -1.5: {"betmgm"},
    }


@pytest.mark.parametrize(
    "outcomes",
    [[(HOME, 1.9, -0.0), (AWAY, 2.0, 0.0)], [(AWAY, 2.0, 0), (HOME, 1.9, 0)], [(AWAY, 2.0, -0.0), (HOME, 1.9, -0.0)]],
)
def test_a_line_of_nought_has_one_spelling(outcomes: list[Any]) -> None:
    (odds,) = parse(event(bookmaker("unibet", market("spreads", *outcomes)))).events

    assert [str(key.line) for key in odds.markets] == ["0.0"]
    assert len(odds.markets[MarketKey("spreads", line=0.0)].prices) == 2


@given(points=st.lists(st.integers(-80, 80).map(lambda quarters: quarters / 4), min_size=1, max_size=8, unique=True))
def test_every_spread_line_holds_exactly_its_two_sides(points: list[float]) -> None:
    outcomes = [side for point in points for side in ((HOME, 1.9, point), (AWAY, 1.9, -point))]
    parsed = parse(event(bookmaker("unibet", market("alternate_spreads", *outcomes))))

    assert parsed.rejections == ()
    boards = parsed.events[0].markets
    assert {key.line for key in boards} == set(points)
    assert all({quote.outcome for quote in board.prices} == {HOME, AWAY} for board in boards.values())


@given(
    home=american_prices,
    away=american_prices,
    over=american_prices,
    draw=american_prices,
    point=st.integers(2, 40).map(lambda quarters: quarters / 4),
)
def test_american_and_decimal_responses_give_the_same_board(
    home: int, away: int, over: int, draw: int, point: float
) -> None:
    def response(as_written: Any) -> Any:
        return parse(
            event(
                bookmaker(
                    "unibet",
                    market("h2h", (HOME, as_written(home)), (AWAY, as_written(away)), ("Draw", as_written(draw))),
                    market("totals", ("Over", as_written(over), point), ("Under", as_written(-110), point)),
                )
            )
        )

    american, decimal = response(lambda price: price), response(reference_decimal)

    assert american == decimal
    assert len(prices(american.events)) == 5


@given(seed=st.integers(0, 2**32))
def test_the_order_of_anything_in_a_response_does_not_matter(seed: int) -> None:
    response = json.loads(MADE_UP_FILE.read_bytes())
    shuffled = deepcopy(response)
    shuffle = random.Random(seed).shuffle
    shuffle(shuffled)
    for item in shuffled:
        shuffle(item["bookmakers"])
        for book in item["bookmakers"]:
            shuffle(book["markets"])
            for part in book["markets"]:
                shuffle(part["outcomes"])

    def boards(payload: Any) -> Any:
        return {odds.event.id: odds for odds in parse_response(payload, provider="x").events}

    assert boards(shuffled) == boards(response)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("h2h", ("h2h", "full", Side.BACK)),
        ("h2h_lay", ("h2h", "full", Side.LAY)),
        ("outrights_lay", ("outrights", "full", Side.LAY)),
        ("h2h_h1_lay", ("h2h", "h1", Side.LAY)),
        ("h2h_lay_h1", ("h2h", "h1", Side.LAY)),
        ("h2h_3_way", ("h2h_3_way", "full", Side.BACK)),
        ("h2h_3_way_h2", ("h2h_3_way", "h2", Side.BACK)),
        ("alternate_totals_q4", ("alternate_totals", "q4", Side.BACK)),
        ("spreads_p3", ("spreads", "p3", Side.BACK)),
        ("totals_1st_5_innings", ("totals", "1st_5_innings", Side.BACK)),
        ("h2h_set1", ("h2h", "set1", Side.BACK)),
        ("player_points_q1", ("player_points", "q1", Side.BACK)),
        ("player_points_alternate", ("player_points_alternate", "full", Side.BACK)),
        ("h1", ("h1", "full", Side.BACK)),
    ],
)
def test_a_market_key_is_taken_apart(key: str, expected: tuple[str, str, Side]) -> None:
    name = market_name(key)

    assert (name.market, name.period, name.side) == expected


def test_prices_are_rounded_to_four_places_and_limits_kept() -> None:
    payload = market("h2h", (HOME, 2.123456), (AWAY, 1.7))
    payload["outcomes"][0]["bet_limit"] = 120.5

    (odds,) = parse_response(msgspec.json.encode([event(bookmaker("unibet", payload))]), provider="x").events

    assert odds.markets[MarketKey("h2h")].prices[QuoteKey("unibet", HOME)] == Price(2.1235, 120.5)
