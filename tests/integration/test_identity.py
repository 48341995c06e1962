"""A provider changes an event's start, sides, names and ids: what a user then sees of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from fixtures.pipeline import NOON, PROVIDER, Pipeline, everybody, h2h, iso, match, minutes, outcomes, pipeline
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

EVEN = everybody(h2h(Harbour_City=1.95, Northgate=1.95))
SPREADS = outcomes("spreads", {"Harbour City": 1.8, "Northgate": 2.1}, {"Harbour City": -1.5, "Northgate": 1.5})
GENEROUS = {"soft": [h2h(Harbour_City=2.12, Northgate=1.75)]}


@pytest.fixture
async def flow(make_database: MakeDatabase) -> AsyncIterator[Pipeline]:
    async with pipeline(make_database) as opened:
        yield opened


def renamed(market: dict[str, Any], **names: str) -> dict[str, Any]:
    """A market with other names of its outcomes; `_` stands for a space."""
    known = {name.replace("_", " "): other for name, other in names.items()}
    return {
        **market,
        "outcomes": [{**one, "name": known.get(one["name"], one["name"])} for one in market["outcomes"]],
    }


async def test_a_moved_start_is_shown_and_what_starts_before_the_answer_is_no_opportunity(flow: Pipeline) -> None:
    first = match("Harbour City", "Northgate", {**EVEN, **GENEROUS})
    await flow.shows(0, first)
    [opened] = await flow.opportunities()
    assert opened["outcome"] == "Harbour City"
    await flow.shows(5, {**first, "commence_time": iso(minutes(600))})
    assert (await flow.events())[f"{PROVIDER}:abc"]["commence_time"] == "2026-01-31T22:00:00Z"
    [later] = await flow.opportunities()
    assert (later["id"], later["event"]["commence_time"]) == (opened["id"], "2026-01-31T22:00:00Z")
    await flow.shows(10, {**first, "commence_time": iso(minutes(-30))})
    assert await flow.opportunities() == []
    closed = await flow.gateway.get(f"/v1/opportunities/{opened['id']}")
    assert closed["close_reason"] == "event_started"
    odds = await flow.odds()
    assert odds["event"]["commence_time"] == "2026-01-31T11:30:00Z"
    assert odds["markets"][0]["outcomes"][0]["prices"] != []


async def test_swapped_sides_leave_every_price_and_line_with_the_team_it_is_about(flow: Pipeline) -> None:
    every = everybody(h2h(Harbour_City=1.7, Northgate=2.2), SPREADS)
    await flow.shows(0, match("Harbour City", "Northgate", every))
    before = await flow.prices()
    assert before["spreads", -1.5, "Harbour City"] == dict.fromkeys(every, 1.8)
    await flow.shows(5, match("Northgate", "Harbour City", every))
    assert await flow.prices() == before
    event = (await flow.events())[f"{PROVIDER}:abc"]
    assert (event["home"], event["away"]) == ("Harbour City", "Northgate")
    # Nothing has moved, so nothing is in the history but the first prices.
    assert {minute for minute, *_ in await flow.history()} == {0}
    moved = everybody(
        outcomes("spreads", {"Harbour City": 1.85, "Northgate": 2.0}, {"Harbour City": -1.5, "Northgate": 1.5}),
        outcomes(
            "alternate_spreads", {"Harbour City": 3.0, "Northgate": 1.4}, {"Harbour City": -3.5, "Northgate": 3.5}
        ),
    )
    await flow.shows(10, match("Northgate", "Harbour City", moved))
    now = await flow.prices()
    assert now["spreads", -1.5, "Northgate"] == dict.fromkeys(every, 2.0)
    assert now["alternate_spreads", -3.5, "Harbour City"] == dict.fromkeys(every, 3.0)
    told = await flow.history(market="spreads", bookmaker="alpha", outcome="Harbour City")
    assert told == [(0, -1.5, "Harbour City", 1.8), (10, -1.5, "Harbour City", 1.85)]


async def test_an_opportunity_lives_on_while_its_event_is_told_the_other_way_round(flow: Pipeline) -> None:
    points = {"Harbour City": -1.5, "Northgate": 1.5}
    every = {**everybody(SPREADS), "soft": [outcomes("spreads", {"Harbour City": 2.0, "Northgate": 1.85}, points)]}
    await flow.shows(0, match("Harbour City", "Northgate", every))
    [opened] = await flow.opportunities()
    await flow.shows(5, match("Northgate", "Harbour City", every))
    [now] = await flow.opportunities()
    assert now["id"] == opened["id"]
    assert (now["outcome"], now["market"]["line"], now["price"]) == ("Harbour City", -1.5, 2.0)


async def test_a_team_that_is_spelled_otherwise_keeps_its_name_its_history_and_its_opportunities(
    flow: Pipeline,
) -> None:
    first = {
        **everybody(h2h(Atletico=1.95, Los_Angeles_City=1.95)),
        "soft": [h2h(Atletico=2.12, Los_Angeles_City=1.75)],
    }
    await flow.shows(0, match("Atletico", "Los Angeles City", first))
    [opened] = await flow.opportunities()
    then = {
        book: [renamed(market, Atletico="Atlético", Los_Angeles_City="LA City") for market in markets]
        for book, markets in first.items()
    }
    # One of them still has the name of before, in a market whose line is told by the team's name.
    points = {"Atletico": 0.5, "Los Angeles City": -0.5}
    then["delta"] = [*first["delta"], outcomes("spreads", {"Atletico": 1.9, "Los Angeles City": 1.9}, points)]
    await flow.shows(5, match("Atlético", "LA City", then))
    prices = await flow.prices()
    assert set(prices["h2h", None, "Atletico"]) == set(then)
    assert prices["spreads", 0.5, "Atletico"] == {"delta": 1.9}
    assert {outcome for _, _, outcome in prices} == {"Atletico", "Los Angeles City"}
    assert [one["id"] for one in await flow.opportunities()] == [opened["id"]]
    assert {minute for minute, *_ in await flow.history(market="h2h")} == {0}


async def test_a_bookmaker_with_a_name_that_nobody_can_settle_is_left_out_and_hides_no_other(flow: Pipeline) -> None:
    every = {**EVEN, "late": [h2h(Harbour_Town_Rovers=3.0, Northgate=1.4)]}
    await flow.shows(0, match("Harbour City", "Northgate", every))
    market = (await flow.odds())["markets"][0]
    assert market["not_computable"] is None
    fair = {one["outcome"]: one["consensus_probability"] for one in market["outcomes"]}
    assert fair["Harbour City"] == pytest.approx(0.5)
    assert fair.get("Harbour Town Rovers") is None
    assert await flow.opportunities() == []


async def test_another_match_under_the_same_id_is_another_event(flow: Pipeline) -> None:
    await flow.shows(0, match("Harbour City", "Northgate", {**EVEN, **GENEROUS}))
    [opened] = await flow.opportunities()
    other = everybody(h2h(Riverside=4.0, Northgate=1.25))
    await flow.shows(5, match("Riverside", "Northgate", other))
    assert set(await flow.events()) == {f"{PROVIDER}:abc~2"}
    assert set(await flow.events("closed")) == {f"{PROVIDER}:abc"}
    assert await flow.opportunities() == []
    assert (await flow.gateway.get(f"/v1/opportunities/{opened['id']}"))["close_reason"] == "withdrawn"
    assert {outcome for _, _, outcome, price in await flow.history("abc~2") if price} == {"Riverside", "Northgate"}
    await flow.shows(10, match("Riverside", "Northgate", other))
    assert set(await flow.events()) == {f"{PROVIDER}:abc~2"}
    # And back: the first match goes on where it was.
    await flow.shows(15, match("Harbour City", "Northgate", EVEN))
    assert set(await flow.events()) == {f"{PROVIDER}:abc"}


async def test_a_match_under_two_ids_is_shown_once(flow: Pipeline) -> None:
    every = {**EVEN, **GENEROUS}
    await flow.shows(0, match("Harbour City", "Northgate", every))
    start = NOON + timedelta(hours=3, minutes=20)
    ingested = await flow.shows(
        5, match("Harbour City", "Northgate", every), match("Northgate", "Harbour City", every, id="xyz", start=start)
    )
    assert [(one.where, one.reason) for one in ingested.left_out] == [
        (f"{PROVIDER}:xyz", f"the same match is told under another id: {PROVIDER}:abc")
    ]
    assert set(await flow.events()) == {f"{PROVIDER}:abc"}
    assert len(await flow.opportunities()) == 1


async def test_a_match_whose_id_changes_goes_on_as_the_same_event(flow: Pipeline) -> None:
    every = {**EVEN, **GENEROUS}
    await flow.shows(0, match("Harbour City", "Northgate", every))
    [opened] = await flow.opportunities()
    for minute, id in ((5, "xyz"), (10, "abc"), (15, "xyz")):
        await flow.shows(minute, match("Harbour City", "Northgate", every, id=id))
        assert set(await flow.events()) == {f"{PROVIDER}:abc"}
        assert [one["id"] for one in await flow.opportunities()] == [opened["id"]]
    await flow.shows(20)
    assert await flow.events() == {}


async def test_the_games_of_a_double_header_are_two_events(flow: Pipeline) -> None:
    second = NOON + timedelta(hours=6)
    await flow.shows(
        0,
        match("Harbour City", "Northgate", EVEN),
        match("Harbour City", "Northgate", EVEN, id="xyz", start=second),
    )
    assert set(await flow.events()) == {f"{PROVIDER}:abc", f"{PROVIDER}:xyz"}


async def test_props_of_a_match_under_an_id_that_only_they_have_are_left_out(flow: Pipeline) -> None:
    await flow.shows(0, match("Harbour City", "Northgate", EVEN))
    props = everybody(outcomes("player_shots", {"Over": 1.9, "Under": 1.9}, {"Over": 2.5, "Under": 2.5}))
    asked = frozenset({("player_shots", "full")})
    ingested = await flow.shows(5, match("Harbour City", "Northgate", props, id="xyz"), leagues=(), markets=asked)
    assert [one.where for one in ingested.left_out] == [f"{PROVIDER}:xyz"]
    await flow.shows(6, match("Northgate", "Harbour City", props), leagues=(), markets=asked)
    assert set(await flow.prices()) == {
        ("h2h", None, "Harbour City"),
        ("h2h", None, "Northgate"),
        ("player_shots", 2.5, "Over"),
        ("player_shots", 2.5, "Under"),
    }
