"""Lay prices, which arrive unasked, and outright competitions: from the payload to what a user sees."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.odds_payloads import SHARED_DATA
from fixtures.pipeline import BOOKS, PROVIDER, Pipeline, everybody, h2h, match, outcomes, pipeline
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

WORLD = SHARED_DATA / "odds_api_world_2026_04_16" / "v4_json_reconstructed"
WINNER = "basketball_nba_championship_winner"
EVEN = everybody(h2h(Harbour_City=1.91, Northgate=1.91))
CHAMPIONS = {"Riverside": 2.0, "Northgate": 3.0, "Harbour City": 4.0, "Lakeview": 15.0}


@pytest.fixture
async def flow(make_database: MakeDatabase) -> AsyncIterator[Pipeline]:
    async with pipeline(make_database) as opened:
        yield opened


def payload(league: str) -> Path:
    path = WORLD / f"{league}.json"
    if not path.exists():
        pytest.skip("the real payloads are not beside this checkout: ../shared/data")
    return path


def newest(events: list[dict[str, Any]]) -> datetime:
    """When a bookmaker last confirmed a price."""
    times = [book["last_update"] for event in events for book in event["bookmakers"] if book["last_update"]]
    return max(datetime.fromisoformat(time) for time in times)


def told(events: list[dict[str, Any]]) -> dict[tuple[str, str, str, str], list[float]]:
    """Every head-to-head and outright price of a payload that is one and has a time: (event, outcome, bookmaker, side)
    → prices."""
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for event in events:
        for book in event["bookmakers"]:
            for market in book["markets"]:
                base, _, lay = market["key"].partition("_lay")
                if base in {"h2h", "outrights"} and (market["last_update"] or book["last_update"]):
                    side = "lay" if market["key"] == f"{base}_lay" and not lay else "back"
                    for one in market["outcomes"]:
                        key = (f"{PROVIDER}:{event['id']}", one["name"], book["key"], side)
                        if one["price"] > 1:
                            found.setdefault(key, []).append(one["price"])
    return found


@pytest.mark.parametrize("league", ["soccer_epl", "tennis_atp_barcelona_open", WINNER])
async def test_every_real_lay_price_is_shown_as_one_and_opportunities_are_of_prices_shown(
    flow: Pipeline, league: str
) -> None:
    body = payload(league).read_bytes()
    events = json.loads(body)
    as_of = newest(events)
    ingested = await flow.takes(body, as_of, (league,))
    assert (ingested.events, ingested.left_out) == (len(events), ())
    expected = told(events)
    shown: dict[tuple[str, str, str, str], list[float]] = {}
    for event in events:
        for market in (await flow.odds(event["id"]))["markets"]:
            assert not market["market"].endswith("_lay")
            assert (market["not_computable"] is None) == any(one["consensus_probability"] for one in market["outcomes"])
            if market["market"] in {"h2h", "outrights"}:
                for one in market["outcomes"]:
                    for price in one["prices"]:
                        key = (f"{PROVIDER}:{event['id']}", one["outcome"], price["bookmaker"]["key"], price["side"])
                        shown.setdefault(key, []).append(price["price"])
    assert shown == {key: prices[:1] for key, prices in expected.items() if len(set(prices)) == 1}
    assert {key[3] for key in shown} == {"back", "lay"}
    for one in await flow.opportunities():
        if one["market"]["market"] in {"h2h", "outrights"}:
            key = (one["event"]["id"], one["outcome"], one["bookmaker"]["key"], one["side"])
            assert [one["price"]] == shown[key]


async def test_real_outrights_have_a_fair_price_for_every_team_that_adds_up(flow: Pipeline) -> None:
    body = payload(WINNER).read_bytes()
    [event] = json.loads(body)
    await flow.takes(body, newest([event]), (WINNER,))
    odds = await flow.odds(event["id"])
    assert (odds["event"]["home"], odds["event"]["away"]) == (None, None)
    [market] = odds["markets"]
    assert (market["market"], market["line"]) == ("outrights", None)
    fair = [one["consensus_probability"] for one in market["outcomes"] if one["consensus_probability"] is not None]
    assert market["not_computable"] is None
    assert market["category"] == "outright"
    assert len(fair) == len(market["outcomes"])
    assert sum(fair) == pytest.approx(1.0)


async def test_a_lay_price_that_would_be_a_fine_back_price_is_none(flow: Pipeline) -> None:
    exchange = [h2h(Harbour_City=1.94, Northgate=1.94), {**h2h(Harbour_City=2.4, Northgate=2.4), "key": "h2h_lay"}]
    await flow.shows(0, match("Harbour City", "Northgate", {**EVEN, "smarkets": exchange}))
    assert await flow.opportunities() == []
    assert (await flow.prices(side="lay"))["h2h", None, "Harbour City"] == {"smarkets": 2.4}
    assert (await flow.prices())["h2h", None, "Harbour City"]["smarkets"] == 1.94


async def test_a_market_of_lay_prices_alone_says_why_it_has_no_fair_price(flow: Pipeline) -> None:
    lay = {**h2h(Harbour_City=2.02, Northgate=2.02), "key": "h2h_lay"}
    await flow.shows(0, match("Harbour City", "Northgate", {"smarkets": [lay], "matchbook": [lay]}))
    [market] = (await flow.odds())["markets"]
    assert market["market"] == "h2h"
    assert market["not_computable"] == "incomplete_market"
    assert {each["side"] for one in market["outcomes"] for each in one["prices"]} == {"lay"}
    assert await flow.opportunities() == []


async def test_lay_prices_of_an_answer_that_did_not_ask_for_them_go_with_the_market_they_are_of(flow: Pipeline) -> None:
    asked = frozenset({("h2h", "full"), ("spreads", "full"), ("totals", "full")})
    exchange = [h2h(Harbour_City=1.98, Northgate=1.98), {**h2h(Harbour_City=2.02, Northgate=2.02), "key": "h2h_lay"}]
    await flow.shows(0, match("Harbour City", "Northgate", {**EVEN, "smarkets": exchange}), markets=asked)
    assert await flow.prices(side="lay") != {}
    await flow.shows(5, match("Harbour City", "Northgate", {**EVEN, "smarkets": exchange[:1]}), markets=asked)
    assert await flow.prices(side="lay") == {}
    assert "smarkets" in (await flow.prices())["h2h", None, "Harbour City"]


async def test_an_outright_price_above_what_the_others_think_is_an_opportunity(flow: Pipeline) -> None:
    league = "made_up_winner"
    offered = everybody(outcomes("outrights", CHAMPIONS))
    offered["soft"] = [outcomes("outrights", {**CHAMPIONS, "Harbour City": 5.2})]
    offered["smarkets"] = [
        outcomes("outrights", {name: price * 1.05 for name, price in CHAMPIONS.items()}),
        outcomes("outrights_lay", {name: price * 1.15 for name, price in CHAMPIONS.items()}),
    ]
    await flow.shows(0, match(None, None, offered, league=league), leagues=(league,))
    [found] = [one for one in await flow.opportunities() if one["bookmaker"]["key"] == "soft"]
    assert (found["outcome"], found["price"]) == ("Harbour City", 5.2)
    assert (found["event"]["home"], found["market"]["market"]) == (None, "outrights")
    [market] = (await flow.odds())["markets"]
    assert market["category"] == "outright"
    assert sum(one["consensus_probability"] for one in market["outcomes"]) == pytest.approx(1.0)
    assert (await flow.prices(side="lay"))["outrights", None, "Lakeview"] == {"smarkets": 17.25}


async def test_an_outright_with_a_team_that_not_every_bookmaker_prices_says_who_is_incomplete(flow: Pipeline) -> None:
    league = "made_up_winner"
    short = {name: price for name, price in CHAMPIONS.items() if name != "Lakeview"}
    offered = {key: [outcomes("outrights", CHAMPIONS if key == "alpha" else short)] for key in BOOKS}
    await flow.shows(0, match(None, None, offered, league=league), leagues=(league,))
    [market] = (await flow.odds())["markets"]
    assert market["not_computable"] is None
    fair = {one["outcome"]: one["consensus_probability"] for one in market["outcomes"]}
    assert fair.get("Lakeview") is None
    assert market["books_used"] == 3
    assert await flow.opportunities() == []
