"""Lists: every filter filters, pages neither repeat nor skip, bad questions are refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import pytest

from fixtures.api_gateway import Gateway, gateway
from fixtures.api_messages import CLOSED, START, Market, Match, Offer, odds_changed, opportunities_updated
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
    ("/v1/events/made_up:1/odds?limit=5", "limit", "bookmaker, market, odds_format, profile"),
    ("/v1/sports?sport=soccer", "sport", "takes no parameters"),
    ("/v1/status?verbose=1", "verbose", "takes no parameters"),
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
        for name in ("sport", "league", "event", "market", "bookmaker", "profile"):
            assert (await filled.get("/v1/opportunities", **{name: text}))["data"] == []
        assert (await filled.client.get(f"/v1/opportunities/{quote(text, safe='')}")).status_code == 404
    assert await filled.ids() == ["high", "totals", "low"]


async def test_list_is_empty_before_anything_was_told(make_database: MakeDatabase) -> None:
    async with gateway(make_database) as served:
        for path in ("/v1/opportunities", "/v1/events", "/v1/sports"):
            assert await served.get(path) == {"data": [], "next_cursor": None, "as_of": None}
