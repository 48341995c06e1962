"""Lists: every filter filters, pages neither repeat nor skip, bad questions are refused."""

import math
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from fixtures.api_gateway import Gateway, gateway
from fixtures.api_messages import (
    AS_OF,
    BOOKS,
    CLOSED,
    START,
    Market,
    Match,
    Offer,
    odds_changed,
    opportunities_updated,
)
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

BASEBALL = Match("made_up:1")
SOCCER = Match("made_up:2", "soccer", "soccer_epl", "EPL", START + timedelta(days=1))
HOCKEY = Match("made_up:3", "icehockey", "icehockey_nhl", "NHL", START + timedelta(days=2))


@pytest.fixture
async def filled(make_database: MakeDatabase) -> AsyncIterator[Gateway]:
    """Opportunities by falling EV: suspect .15, high .09, totals .05, other profile .04, low .02, tiny .004."""
    async with gateway(make_database) as served:
        await served.tell(
            odds_changed(Market(), match=BASEBALL),
            odds_changed(Market(), match=SOCCER),
            odds_changed(Market(status=CLOSED), match=HOCKEY),
            opportunities_updated(
                Offer("suspect", ev=0.15, class_="suspect"),
                Offer("high", ev=0.09, bookmaker="beta", price=3.4),
                Offer("tiny", ev=0.004, class_="marginal", bookmaker="delta"),
                match=BASEBALL,
            ),
            opportunities_updated(
                Offer("totals", ev=0.05, market="totals", line=2.5, bookmaker="gamma"),
                Offer("low", ev=0.02, class_="marginal", price=1.5),
                Offer("of sharp", ev=0.04, profile="sharp"),
                match=SOCCER,
            ),
        )
        yield served


OPPORTUNITIES: list[tuple[dict[str, str | float], list[str]]] = [
    ({}, ["high", "totals", "low"]),
    ({"sport": "soccer"}, ["totals", "low"]),
    ({"sport": "soccer,baseball"}, ["high", "totals", "low"]),
    ({"sport": "tennis"}, []),
    ({"league": "baseball_mlb"}, ["high"]),
    ({"event": "made_up:2"}, ["totals", "low"]),
    ({"market": "totals"}, ["totals"]),
    ({"market": "h2h,totals"}, ["high", "totals", "low"]),
    ({"bookmaker": "beta,alpha"}, ["high", "low"]),
    ({"class": "take"}, ["high", "totals"]),
    ({"class": "suspect"}, ["suspect"]),
    ({"class": "suspect,take,marginal"}, ["suspect", "high", "totals", "low"]),
    ({"profile": "sharp"}, ["of sharp"]),
    ({"min_ev": 0}, ["high", "totals", "low", "tiny"]),
    ({"min_ev": 0.05}, ["high", "totals"]),
    ({"max_ev": 0.05}, ["totals", "low"]),
    ({"min_odds": 2.2}, ["high", "totals"]),
    ({"max_odds": 2.2}, ["totals", "low"]),
    ({"starts_before": "2026-04-17T00:00:00Z"}, ["high"]),
    ({"starts_before": str(int((START + timedelta(seconds=1)).timestamp()))}, ["high"]),
    ({"starts_before": START.isoformat()}, []),
    ({"limit": 2}, ["high", "totals"]),
    ({"sport": "soccer", "max_odds": 2, "class": "marginal", "min_ev": 0.01, "market": "h2h"}, ["low"]),
]
"""Parameters and the ids they let through, in order."""


async def test_every_filter_of_opportunities_filters(filled: Gateway) -> None:
    listed = [(parameters, await filled.ids(**parameters)) for parameters, _ in OPPORTUNITIES]
    assert listed == OPPORTUNITIES


EVENTS: list[tuple[dict[str, str | float], list[str]]] = [
    ({}, ["made_up:1", "made_up:2"]),
    ({"sport": "soccer"}, ["made_up:2"]),
    ({"league": "baseball_mlb,icehockey_nhl"}, ["made_up:1"]),
    ({"status": "closed"}, ["made_up:3"]),
    ({"starts_before": "2026-04-17T00:00:00Z"}, ["made_up:1"]),
    ({"starts_after": "2026-04-17T00:00:00Z"}, ["made_up:2"]),
    ({"limit": 1}, ["made_up:1"]),
]


async def test_every_filter_of_events_filters(filled: Gateway) -> None:
    answers = [(parameters, await filled.get("/v1/events", **parameters)) for parameters, _ in EVENTS]
    assert [(parameters, [event["id"] for event in answer["data"]]) for parameters, answer in answers] == EVENTS


async def test_filters_of_odds(filled: Gateway) -> None:
    path = "/v1/events/made_up:1/odds"
    assert (await filled.get(path, market="totals"))["markets"] == []
    (market,) = (await filled.get(path, bookmaker="beta"))["markets"]
    (outcome,) = market["outcomes"]
    assert [price["bookmaker"]["key"] for price in outcome["prices"]] == ["beta"]
    assert market["books_used"] == 4
    (market,) = (await filled.get(path, profile="sharp"))["markets"]
    assert market["not_computable"] == "not_priced"


async def test_american_odds_are_integers_everywhere(filled: Gateway) -> None:
    (item,) = (await filled.get("/v1/opportunities", bookmaker="beta", odds_format="american"))["data"]
    assert (item["odds_format"], item["price"], item["net_price"], item["fair_odds"]) == ("american", 240, 240, 108)
    detail = await filled.get("/v1/opportunities/low", odds_format="american")
    assert detail["price"] == -200
    assert [price["back"] for price in detail["working"]["outcomes"][0]["prices"]] == [-200, 100, 100, 100]
    odds = await filled.get("/v1/events/made_up:1/odds", odds_format="american")
    (outcome,) = odds["markets"][0]["outcomes"]
    assert [price["price"] for price in outcome["prices"]] == [120, 110]
    assert outcome["consensus_odds"] == 108


async def test_sports_count_what_is_open(filled: Gateway) -> None:
    sports = (await filled.get("/v1/sports"))["data"]
    assert [(sport["sport"], sport["open_events"], sport["open_opportunities"]) for sport in sports] == [
        ("baseball", 1, {"marginal": 1, "suspect": 1, "take": 1}),
        ("soccer", 1, {"marginal": 1, "take": 1}),
    ]
    assert sports[1]["leagues"] == [
        {
            "league": "soccer_epl",
            "title": "EPL",
            "open_events": 1,
            "open_opportunities": {"marginal": 1, "take": 1},
        }
    ]


@pytest.mark.parametrize("limit", [1, 7, 40])
async def test_pages_neither_repeat_nor_skip(make_database: MakeDatabase, limit: int) -> None:
    async with gateway(make_database) as served:
        # Equal EVs, so that the order within one EV matters too.
        offers = [Offer(f"id-{number:02}", ev=0.05 + number % 3 / 100) for number in range(40)]
        await served.tell(opportunities_updated(*offers))
        wanted = [offer.id for offer in sorted(offers, key=lambda offer: (-offer.ev, offer.id))]
        seen: list[str] = []
        parameters: dict[str, str | float] = {"limit": limit}
        while True:
            page = await served.get("/v1/opportunities", **parameters)
            seen += [item["id"] for item in page["data"]]
            if page["next_cursor"] is None:
                break
            assert len(page["data"]) == limit
            parameters["cursor"] = page["next_cursor"]
        assert seen == wanted


SORTED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ev": lambda item: -item["ev"],
    "starts": lambda item: item["event"]["commence_time"],
    "first_seen": lambda item: -datetime.fromisoformat(item["first_seen"]).timestamp(),
    "price_age": lambda item: math.inf if item["price_age_seconds"] is None else item["price_age_seconds"],
    "fair_probability": lambda item: -item["fair_probability"],
}
"""What each order sorts by, as the list shows it."""


async def test_every_order_is_kept_over_pages(make_database: MakeDatabase) -> None:
    async with gateway(make_database) as served:
        for number in range(12):
            offers = [
                Offer(
                    f"id-{number:02}-{side}",
                    ev=0.05 + number * 7 % 5 / 100,
                    bookmaker=BOOKS[(number + side) % 4],
                    line=1.5 + side,
                    market="totals",
                    fair=0.3 + number * 5 % 7 / 100,
                )
                for side in range(2)
            ]
            match = Match(f"made_up:{number}", start=START + timedelta(hours=number * 11 % 6))
            as_of = AS_OF + timedelta(minutes=number * 3 % 8)
            await served.tell(opportunities_updated(*offers, match=match, as_of=as_of))
        # A price whose confirmation is not known is the oldest of all.
        await served.database.execute("update opportunity set last_update = null where id = 'id-03-1'")
        orders = set()
        for sort, key in SORTED.items():
            whole = (await served.get("/v1/opportunities", sort=sort, limit=200))["data"]
            assert len(whole) == 24
            assert whole == sorted(whole, key=lambda item: (key(item), item["id"])), sort
            orders.add(tuple(item["id"] for item in whole))
            seen: list[str] = []
            parameters: dict[str, str | float] = {"sort": sort, "limit": 5}
            while True:
                page = await served.get("/v1/opportunities", **parameters)
                seen += [item["id"] for item in page["data"]]
                if page["next_cursor"] is None:
                    break
                parameters["cursor"] = page["next_cursor"]
            assert seen == [item["id"] for item in whole], sort
        assert len(orders) == len(SORTED), "no two orders are the same"


async def test_cursor_of_another_order_is_refused(filled: Gateway) -> None:
    given_out = (await filled.get("/v1/opportunities", limit=1, sort="starts"))["next_cursor"]
    assert (await filled.get("/v1/opportunities", limit=1, sort="starts", cursor=given_out))["data"]
    for other in ("", "&sort=first_seen", "&sort=price_age"):
        problem = await filled.problem(f"/v1/opportunities?limit=1{other}&cursor={given_out}", 400)
        assert problem["type"] == "/problems/invalid-cursor"


async def test_bookmakers_say_what_they_price_now(make_database: MakeDatabase) -> None:
    async with gateway(make_database) as served:
        minute = timedelta(minutes=1)
        await served.tell(
            odds_changed(
                Market(seconds_old={"alpha": 30.0, "beta": 60.0}),
                Market("totals", 8.5, seconds_old={"alpha": 50.0}),
                match=BASEBALL,
            ),
            odds_changed(Market(seconds_old={"alpha": 10.0, "gamma": 300.0}), match=SOCCER, as_of=AS_OF + minute),
            odds_changed(Market(status=CLOSED, quotes=(), seconds_old={}), match=HOCKEY),
        )
        answer = await served.get("/v1/bookmakers")
        assert answer["as_of"] == "2026-04-16T18:01:00Z"
        assert answer["next_cursor"] is None
        told = {item.pop("key"): item for item in answer["data"]}
        assert list(told) == sorted(BOOKS)
        assert told["alpha"] == {
            "title": "Alpha",
            "events": 2,
            "markets": 3,
            "newest_update": "2026-04-16T18:00:50Z",
            "age_seconds": 10.0,
            "median_age_seconds": 30.0,
        }
        assert (told["beta"]["events"], told["beta"]["age_seconds"], told["beta"]["median_age_seconds"]) == (1, 120, 60)
        assert told["gamma"]["newest_update"] == "2026-04-16T17:56:00Z"
        nothing = {"events": 0, "markets": 0, "newest_update": None, "age_seconds": None, "median_age_seconds": None}
        assert told["delta"] == {"title": "Delta", **nothing}
        await served.tell(
            odds_changed(Market(status=CLOSED, quotes=(), seconds_old={}), match=SOCCER, revision=2, as_of=AS_OF)
        )
        told = {item["key"]: item for item in (await served.get("/v1/bookmakers"))["data"]}
        assert (told["gamma"]["markets"], told["alpha"]["markets"]) == (0, 2)


async def test_pages_of_events_neither_repeat_nor_skip(make_database: MakeDatabase) -> None:
    async with gateway(make_database) as served:
        starts = [START + timedelta(hours=number % 3) for number in range(8)]
        matches = [Match(f"made_up:{number}", start=start) for number, start in enumerate(starts)]
        await served.tell(*(odds_changed(Market(), match=match) for match in matches))
        first = await served.get("/v1/events", limit=3)
        second = await served.get("/v1/events", limit=3, cursor=first["next_cursor"])
        third = await served.get("/v1/events", limit=3, cursor=second["next_cursor"])
        seen = [event["id"] for page in (first, second, third) for event in page["data"]]
        assert seen == [match.id for match in sorted(matches, key=lambda match: (match.start, match.id))]
        assert third["next_cursor"] is None


async def test_cursor_of_other_filters_is_refused(filled: Gateway) -> None:
    given_out = (await filled.get("/v1/opportunities", limit=1))["next_cursor"]
    problem = await filled.problem(f"/v1/opportunities?limit=1&sport=soccer&cursor={given_out}", 400)
    assert problem["type"] == "/problems/invalid-cursor"
    assert "other filters" in problem["detail"]
    assert (await filled.problem(f"/v1/events?cursor={given_out}", 400))["parameter"] == "cursor"


REFUSED = [
    ("/v1/opportunities?minev=0.02", "minev", "min_ev"),
    ("/v1/opportunities?limit=1000", "limit", "at most 200"),
    ("/v1/opportunities/high?sport=soccer", "sport", "odds_format"),
    ("/v1/events?status=started", "status", "one of open, closed"),
    ("/v1/events/made_up:1/odds?limit=5", "limit", "bookmaker, date_format, market, odds_format, profile"),
    *(
        (f"{path}profile=nope", "profile", "one of consensus, sharp, conservative")
        for path in (
            "/v1/opportunities?",
            "/v1/arbitrage?",
            "/v1/low-holds?",
            "/v1/middles?",
            "/v1/events/made_up:1/odds?",
            "/v1/events/made_up:1/explain?market=h2h&outcome=Home&bookmaker=a&",
            "/v1/stream?",
        )
    ),
    ("/v1/events/made_up:1/closing?profile=nope", "profile", "expected one of consensus."),
    ("/v1/opportunities?sort=-ev", "sort", "one of ev, starts, first_seen, price_age, fair_probability"),
    ("/v1/events/made_up:1/history?line=nan", "line", "a number"),
    (
        "/v1/events/made_up:1/history?until=2026-01-01T00:00:00Z&since=2026-01-01T00:00:00Z",
        "until",
        "nothing can match",
    ),
    ("/v1/events/made_up:1/history?profile=consensus", "profile", "since, subject, until"),
    ("/v1/bookmakers?key=alpha", "key", "Known parameters: cursor, date_format, limit"),
    ("/v1/sports?sport=soccer", "sport", "Known parameters: cursor, date_format, limit"),
    ("/v1/status?verbose=1", "verbose", "Known parameters: date_format"),
    ("/readyz?x=1", "x", "takes no parameters"),
    ("/?x=1", "x", "takes no parameters"),
]
"""Address, the parameter that is refused, and what the detail tells."""


async def test_no_parameter_is_accepted_and_ignored(filled: Gateway) -> None:
    for path, parameter, detail in REFUSED:
        problem = await filled.problem(path, 400)
        assert (problem["type"], problem["parameter"]) == ("/problems/invalid-parameter", parameter)
        assert detail in problem["detail"]


async def test_strange_texts_find_nothing_and_break_nothing(filled: Gateway) -> None:
    for text in ("'; drop table opportunity; --", "%", "\\", "{0}", "$1", "⚾", "\U0001f3c8", "\ud7ff", "NaN", " x "):
        for name in ("sport", "league", "event", "market", "bookmaker"):
            assert (await filled.get("/v1/opportunities", **{name: text}))["data"] == []
        assert (await filled.client.get(f"/v1/opportunities/{quote(text, safe='')}")).status_code == 404
    assert await filled.ids() == ["high", "totals", "low"]


async def test_list_is_empty_before_anything_was_told(make_database: MakeDatabase) -> None:
    async with gateway(make_database) as served:
        for path in ("/v1/opportunities", "/v1/events", "/v1/sports", "/v1/bookmakers"):
            assert await served.get(path) == {"data": [], "next_cursor": None, "as_of": None}
