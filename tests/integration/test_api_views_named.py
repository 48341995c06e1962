"""What every tier is told by name: which fields there are of markets, bookmakers and what the stream names, and that
none of it is a price or a line (docs/adr/0043-what-a-tier-does-not-see-is-not-there.md)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from fixtures.api_messages import AS_OF, Market, odds_changed, opportunities_updated
from fixtures.api_tiers import OFFERS, SEEN, World, world
from fixtures.closing_messages import closing_line_fixed
from fixtures.sse import Event, streaming

__all__ = ["world"]

pytestmark = pytest.mark.integration

PRICE, LINE = 7.8125, 163.5
"""That are nowhere else: where they are found, a price or a line was told."""
BOARD = (
    Market(quotes=(("alpha", "Harbour City", PRICE), ("beta", "Harbour City", PRICE))),
    Market("player_hits", LINE, quotes=(("alpha", "Over", PRICE),), seconds_old={"alpha": 30.0}),
)
CLOSING = ("player_hits", LINE, "prop", {"Over": (1 / PRICE, (PRICE, PRICE)), "Under": (1 - 1 / PRICE, (1.1, 1.1))})


def without_prices(told: Any) -> Any:
    text = json.dumps(told)
    for number in (PRICE, 1 / PRICE, 1 - 1 / PRICE, LINE):
        assert str(number) not in text, text
    return told


@pytest.mark.parametrize("tier", SEEN)
async def test_markets_and_bookmakers(world: World, tier: str) -> None:
    await world.gateway.tell(odds_changed(*BOARD))
    markets = without_prices(await world.get(tier, "/v1/markets"))["data"]
    # Names, how many and when: of what the tier does not see as well.
    assert [one["market"] for one in markets] == ["h2h", "player_hits"]
    assert [set(one) for one in markets] == [
        {
            "market",
            "period",
            "open_events",
            "open_lines",
            "suspended_lines",
            "open_opportunities",
            "changed_at",
        }
    ] * 2
    assert [(one["open_lines"], one["changed_at"]) for one in markets] == [(1, "2026-04-16T18:00:00Z")] * 2
    bookmakers = without_prices(await world.get(tier, "/v1/bookmakers"))["data"]
    assert [set(one) for one in bookmakers] == [
        {"key", "title", "events", "markets", "newest_update", "age_seconds", "median_age_seconds"}
    ] * 4
    assert (bookmakers[0]["key"], bookmakers[0]["markets"], bookmakers[0]["age_seconds"]) == ("alpha", 2, 30.0)


_OF_ALL = {"h2h": {"take": 3}, "totals": {"take": 1}, "player_hits": {"take": 1}}
COUNTS: dict[str, dict[str, dict[str, int]]] = {
    "anonymous": {"h2h": {"take": 1}},
    "free": {"h2h": {"take": 2}},
    "basic": {"h2h": {"take": 3}},
    "premium": _OF_ALL,
    "admin": _OF_ALL,
}


@pytest.mark.parametrize("tier", SEEN)
async def test_the_opportunities_of_each_market_are_counted_as_they_are_seen(world: World, tier: str) -> None:
    await world.gateway.tell(opportunities_updated(*OFFERS))
    for _ in range(2):
        # Also as it is ready, and another tier's kept answer is not given.
        for one in (tier, "premium"):
            told = (await world.get(one, "/v1/markets"))["data"]
            # A market that no board has is there for its opportunities, and not where none is seen.
            assert {each["market"]: each["open_opportunities"] for each in told} == COUNTS[one]


OF_EVENT = {"payload", "event_id", "sport", "league", "revision", "markets", "as_of"}


async def named(world: World, tier: str) -> list[Event]:
    """The stream's events of a board, and of closing lines, of which one is a prop."""
    async with streaming(world.gateway.client, headers=world.headers(tier)) as stream:
        assert (await stream.event()).data["opportunities"] == []
        await world.gateway.tell(odds_changed(*BOARD))
        await world.gateway.tell(closing_line_fixed(CLOSING, as_of=AS_OF + timedelta(minutes=1)))
        return await stream.events(2)


@pytest.mark.parametrize("tier", ["basic", "premium"])
async def test_what_the_stream_names(world: World, tier: str) -> None:
    """To a tier that sees main lines alone as to one that sees all. One with a delay has no stream."""
    await world.change("basic")
    odds, closing = await named(world, tier)
    assert (odds.name, closing.name) == ("odds.changed", "closing.fixed")
    assert set(without_prices(odds.data)) == OF_EVENT
    assert set(without_prices(closing.data)) == OF_EVENT | {"voided"}
    assert (odds.data["markets"], closing.data["markets"]) == (["h2h", "player_hits"], ["player_hits"])
    assert (odds.data["as_of"], closing.data["as_of"]) == ("2026-04-16T18:00:00Z", "2026-04-16T18:01:00Z")
    # What they lead to is seen by who sees props.
    for where in ("odds", "closing"):
        shown = await world.get(tier, f"/v1/events/made_up:1/{where}")
        assert ("player_hits" in {one["market"] for one in shown["markets"]}) == (tier == "premium")


async def test_a_tier_with_a_delay_has_no_stream_that_could_name_anything(world: World) -> None:
    for tier in ("free", "anonymous"):
        refused = await world.get(tier, "/v1/stream", 401 if tier == "anonymous" else 403)
        assert set(refused) == {"type", "title", "status", "detail", "instance"}
