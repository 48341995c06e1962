"""Closing lines over HTTP and in the stream: as they were told last, whatever the order."""

import pytest

from fixtures.api_gateway import Gateway, served
from fixtures.api_messages import START, Market, odds_changed
from fixtures.closing_messages import NOT_CLOSED, closing_line_fixed, h2h
from fixtures.sse import streaming

__all__ = ["served"]

pytestmark = pytest.mark.integration

PATH = "/v1/events/made_up:1/closing"


async def test_they_are_shown_as_they_were_told(served: Gateway) -> None:
    await served.problem(PATH, 404)
    await served.tell(odds_changed(Market()))
    assert "fixed once the event has started" in (await served.problem(PATH, 404))["detail"]
    await served.tell(closing_line_fixed(revision=5))
    answer = await served.get(PATH)
    assert (answer["event"]["id"], answer["revision"], answer["voided"]) == ("made_up:1", 5, False)
    assert answer["event"]["commence_time"] == START.isoformat().replace("+00:00", "Z")
    (match, total) = answer["markets"]
    assert (match["market"], match["method"], match["books_used"], match["not_computable"]) == ("h2h", "power", 2, None)
    home = match["outcomes"][0]
    assert (home["outcome"], home["consensus_probability"], home["consensus_odds"]) == ("Harbour City", 0.5, 2.0)
    assert [(one["bookmaker"], one["back"], one["lay"]) for one in home["prices"]] == [
        ({"key": "alpha", "title": "Alpha"}, 1.95, None),
        ({"key": "beta", "title": "Beta"}, 1.9, None),
    ]
    assert (total["line"], total["not_computable"]) == (8.5, "too_few_books")
    one = await served.get(PATH, market="h2h", bookmaker="beta", odds_format="american")
    assert [market["market"] for market in one["markets"]] == ["h2h"]
    assert [price["back"] for price in one["markets"][0]["outcomes"][0]["prices"]] == [-111]


async def test_a_profile_that_nothing_closes_by_is_refused_with_the_one_there_is(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), closing_line_fixed(revision=5))
    assert (await served.get(PATH, profile="consensus"))["markets"] == (await served.get(PATH))["markets"] != []
    for profile in ("sharp", "conservative"):
        refused = await served.problem(f"{PATH}?profile={profile}", 400)
        assert refused["detail"] == f"Parameter 'profile' is '{profile}'; expected one of consensus."


async def test_a_market_that_has_not_closed_says_why(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    async with streaming(served.client, type="closing.fixed") as stream:
        await stream.events(1)
        await served.tell(closing_line_fixed(h2h(), NOT_CLOSED, revision=5))
        (told,) = await stream.events(1)
    assert told.data["markets"] == ["h2h"]
    (_, spread) = (await served.get(PATH))["markets"]
    assert (spread["market"], spread["line"], spread["not_computable"], spread["outcomes"]) == (
        "spreads",
        None,
        "not_offered",
        [],
    )


async def test_the_highest_revision_stands_and_a_void_has_no_markets(served: Gateway) -> None:
    await served.tell(closing_line_fixed(h2h(1.8), revision=7), closing_line_fixed(revision=6), closing_line_fixed())
    answer = await served.get(PATH)
    assert (answer["revision"], answer["markets"][0]["outcomes"][0]["prices"][0]["back"]) == (7, 1.8)
    assert await served.ignored("closing.line.fixed.v1", "old_revision") == 2
    await served.tell(closing_line_fixed(revision=8, voided=True))
    answer = await served.get(PATH)
    assert (answer["revision"], answer["voided"], answer["markets"]) == (8, True, [])


async def test_followers_are_told_once(served: Gateway) -> None:
    async with streaming(served.client, type="closing.fixed") as stream:
        assert [event.name for event in await stream.events(1)] == ["snapshot"]
        await served.tell(closing_line_fixed(revision=5), closing_line_fixed(revision=5))
        await served.tell(closing_line_fixed(revision=6, voided=True))
        told = await stream.events(2)
    assert [(one.name, one.data["revision"], one.data["voided"], one.data["markets"]) for one in told] == [
        ("closing.fixed", 5, False, ["h2h", "totals"]),
        ("closing.fixed", 6, True, []),
    ]
    assert told[0].data["event_id"] == "made_up:1"
