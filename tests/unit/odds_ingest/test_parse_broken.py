"""One broken piece of a response is named and never hides the good ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds_ingest.domain.quotes import MarketKey, QuoteKey
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import MalformedResponseError
from fixtures.odds_payloads import AWAY, HOME, MADE_UP_FILE, bookmaker, event, market, prices

GOOD = market("h2h", (HOME, 2.1), (AWAY, 1.8))


def good(event_id: str = "good") -> dict[str, Any]:
    return event(bookmaker("unibet", GOOD), id=event_id)


def parse(*events: Any) -> Any:
    return parse_response(list(events), provider="x")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (event(id=None), "id"),
        (event(id=""), "empty"),
        (event(sport_key=7), "sport_key"),
        (event(commence_time="tomorrow"), "commence_time"),
        (event(commence_time="2026-01-31T15:00:00"), "timezone"),
        (event(commence_time="9999-12-31T23:59:59-10:00"), "out of range"),
        (event(home_team=3), "home_team"),
        (event(away_team=None), "two different teams or none"),
        (event(away_team=HOME), "two different teams or none"),
        (event(home_team="Harbour\0City"), "cannot be stored"),
        (event(id="\ud800"), "cannot be stored"),
        (None, "object"),
        ([], "object"),
    ],
)
def test_a_broken_event_is_named_and_its_neighbours_stay(broken: Any, reason: str) -> None:
    parsed = parse(good("first"), broken, good("last"))

    assert [odds.event.id for odds in parsed.events] == ["x:first", "x:last"]
    assert len(prices(parsed.events)) == 4
    (rejection,) = parsed.rejections
    assert rejection.where == "events[1]"
    assert reason in rejection.reason
    rejection.reason.encode()


@pytest.mark.parametrize(
    ("broken", "where", "reason"),
    [
        (7, "events[0].bookmakers[0]", "object"),
        (bookmaker("", GOOD), "events[0].bookmakers[]", "empty"),
        (bookmaker("betmgm", title=3), "events[0].bookmakers[betmgm]", "title"),
        (bookmaker("betmgm", markets=None), "events[0].bookmakers[betmgm]", "array"),
        (bookmaker("betmgm", None), "events[0].bookmakers[betmgm].markets[0]", "object"),
        (bookmaker("betmgm", market("h2h", outcomes={})), "events[0].bookmakers[betmgm].markets[h2h]", "array"),
        (
            bookmaker("betmgm", market("h2h", last_update="")),
            "events[0].bookmakers[betmgm].markets[h2h]",
            "last_update",
        ),
        (bookmaker("betmgm", GOOD, last_update=None), "events[0].bookmakers[betmgm].markets[h2h]", "age of its prices"),
    ],
)
def test_a_broken_bookmaker_or_market_is_named_and_the_others_stay(broken: Any, where: str, reason: str) -> None:
    parsed = parse(event(broken, bookmaker("unibet", GOOD)))

    assert {quote.bookmaker for _, _, quote in prices(parsed.events)} == {"unibet"}
    (rejection,) = parsed.rejections
    assert rejection.where == where
    assert reason in rejection.reason


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (("Draw", 1.0), "pays nothing"),
        (("Draw", 1.00004), "pays nothing"),
        (("Draw", 0), "pays nothing"),
        (("Draw", -3.5), "pays nothing"),
        (("Draw", float("nan")), "not finite"),
        (("Draw", float("inf")), "not finite"),
        (("Draw", "3.4"), "price"),
        (("Draw", True), "price"),
        (("Draw", None), "price"),
        ((None, 3.4), "name"),
        (("", 3.4), "empty"),
        (("Draw", 3.4, "1.5"), "point"),
        (("Draw", 3.4, float("nan")), "not finite"),
        (("Over", 1.9), "no `point`"),
    ],
)
def test_a_broken_outcome_is_named_and_the_others_stay(broken: Any, reason: str) -> None:
    response = [event(bookmaker("unibet", market("h2h", (HOME, 2.1), broken, (AWAY, 1.8), ("Tie", 3.2))))]

    from_objects = parse_response(response, provider="x")
    from_text = parse_response(json.dumps(response).encode(), provider="x")

    assert from_text == from_objects
    assert {quote.outcome for _, _, quote in prices(from_objects.events)} == {HOME, AWAY, "Tie"}
    (rejection,) = from_objects.rejections
    assert rejection.where.startswith("events[0].bookmakers[unibet].markets[h2h].outcomes[")
    assert reason in rejection.reason


@pytest.mark.parametrize(
    "broken", [[("Draw", "free")], [("Draw", 1.0)], [(None, 22.0)], [("Draw", 3.0), ("Draw", 22.0)]]
)
def test_two_teams_without_their_draw_are_not_taken_for_a_market_without_one(broken: list[Any]) -> None:
    whole = bookmaker("betmgm", market("h2h", (HOME, 2.1), (AWAY, 1.8)))

    parsed = parse(event(bookmaker("unibet", market("h2h", (HOME, 3.6), (AWAY, 1.35), *broken)), whole))

    assert {quote.bookmaker for _, _, quote in prices(parsed.events)} == {"betmgm"}
    assert parsed.rejections[-1].where == "events[0].bookmakers[unibet].markets[h2h]"
    assert "no draw is possible" in parsed.rejections[-1].reason


def test_a_spread_of_neither_team_or_without_a_line_is_refused() -> None:
    parsed = parse(event(bookmaker("unibet", market("spreads", (HOME, 1.9, -1.5), ("Draw", 4.0, -1.5), (AWAY, 1.9)))))

    assert list(prices(parsed.events)) == [("x:abc", MarketKey("spreads", line=-1.5), QuoteKey("unibet", HOME))]
    assert ["neither the home" in r.reason or "no `point`" in r.reason for r in parsed.rejections] == [True, True]


@pytest.mark.parametrize("limit", [0, -5, float("inf")])
def test_a_price_that_takes_no_stake_is_refused(limit: float) -> None:
    payload = market("h2h", (HOME, 2.1), (AWAY, 1.8))
    payload["outcomes"][0]["bet_limit"] = limit

    parsed = parse(event(bookmaker("unibet", payload)))

    assert {quote.outcome for _, _, quote in prices(parsed.events)} == {AWAY}
    assert "bet limit" in parsed.rejections[0].reason


def test_an_outcome_told_twice_at_one_price_is_taken_once() -> None:
    parsed = parse(event(bookmaker("unibet", market("totals", ("Over", 1.9, 2.5), ("Over", 1.9, 2.5)))))

    assert len(prices(parsed.events)) == 1
    assert "twice" in parsed.rejections[0].reason


def test_an_outcome_told_at_different_prices_is_not_taken_at_all() -> None:
    totals = market(
        "totals",
        *[("Over", 1.9, 2.5), ("Over", 2.9, 2.5), ("Over", 1.9, 2.5)],
        *[("Over", 1.9, 3.5), ("Over", 1.5, 4.5), ("Over", 1.6, 4.5)],
    )

    parsed = parse(event(bookmaker("unibet", totals), bookmaker("betmgm", market("totals", ("Over", 1.95, 2.5)))))

    (odds,) = parsed.events
    assert set(odds.markets[MarketKey("totals", line=2.5)].prices) == {QuoteKey("betmgm", "Over")}
    assert set(odds.markets[MarketKey("totals", line=2.5)].last_update) == {"betmgm"}
    assert set(odds.markets[MarketKey("totals", line=3.5)].prices) == {QuoteKey("unibet", "Over")}
    assert {key.line for key in odds.markets} == {2.5, 3.5}, "no board is left of a line without a price"
    assert len(parsed.rejections) == 3


def test_a_market_keeps_its_prices_where_only_its_bookmakers_time_is_unreadable() -> None:
    timed = {**GOOD, "last_update": "2026-01-31T11:59:00Z"}

    parsed = parse(event(bookmaker("unibet", timed, last_update="")))

    assert len(prices(parsed.events)) == 2
    assert [rejection.where for rejection in parsed.rejections] == ["events[0].bookmakers[unibet]"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ([-110, -110, 150, 1.91], {-110: 1.9091, 150: 2.5}),
        ([1.91, 2.05, 151, -110], {1.91: 1.91, 2.05: 2.05}),
        ([-110, 150.5, -120, 50, -130], {-110: 1.9091, -120: 1.8333, -130: 1.7692}),
        ([150, 200, 300, 101], {150: 2.5, 200: 3.0, 300: 4.0, 101: 2.01}),
        ([1.5, 151, 1001], {1.5: 1.5, 151: 151.0, 1001: 1001.0}),
    ],
    ids=["mostly American", "mostly decimal", "American with fractions", "all long in American", "decimal long shots"],
)
def test_a_price_of_the_wrong_format_is_refused_never_misread(written: list[float], read: dict[float, float]) -> None:
    outcomes = [(f"Player {price}", price) for price in written]

    parsed = parse(event(bookmaker("unibet", market("outrights", *outcomes)), home_team="", away_team=None))

    assert {quote.outcome: price for (_, _, quote), price in prices(parsed.events).items()} == {
        f"Player {price}": decimal for price, decimal in read.items()
    }
    assert len(parsed.rejections) == len(written) - len(read)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[", b"not json", b'{"message": "Invalid API key"}', b"7", b"\xff\xfe\x00", b"[" * 100_000, b'["\xff"]'],
)
def test_what_is_no_response_at_all_is_an_error(payload: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        parse_response(payload, provider="x")


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, child in children for deeper in _paths(child, (*path, key)))]


_RESPONSE = json.loads(MADE_UP_FILE.read_bytes())
_PATHS = [path for path in _paths(_RESPONSE) if path]
_JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 10**400, 1e308, "", "x", "\ud800", "\0", [], {}, [[]], {"key": 1}]
)


@given(path=st.sampled_from(_PATHS), junk=_JUNK)
def test_junk_anywhere_costs_at_most_the_part_it_is_in(path: tuple[Any, ...], junk: Any) -> None:
    response = json.loads(MADE_UP_FILE.read_bytes())
    place = response
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = junk
    whole = prices(parse_response(_RESPONSE, provider="x").events)

    kept = prices(parse_response(response, provider="x").events)

    other = {0: "golf", 1: "soccer"}[path[0]]
    other_id = next(f"x:{item['id']}" for item in _RESPONSE if item["sport_key"].startswith(other))
    assert {key: price for key, price in kept.items() if key[0] == other_id} == {
        key: price for key, price in whole.items() if key[0] == other_id
    }
    if len(path) > 3 and path[1] == "bookmakers":
        hit = _RESPONSE[path[0]]["bookmakers"][path[2]]["key"]
        untouched = {key: price for key, price in whole.items() if key[2].bookmaker != hit}
        assert untouched.items() <= kept.items()
