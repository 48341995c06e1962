"""What each tier sees of arbitrage, low holds and middles, in every way out: by the categories of all their legs, and
by when they were first seen."""

from datetime import timedelta

import pytest

from fixtures.api_accounts import OPERATOR, ask
from fixtures.api_messages import Market, Match, odds_changed
from fixtures.api_tiers import SEEN, World, world
from fixtures.combination_messages import ARBITRAGE, LOW_HOLD, LOWER, UPPER, Engine
from fixtures.engine_boards import AS_OF, H2H, line
from fixtures.sse import Stream, streaming

__all__ = ["world"]

pytestmark = pytest.mark.integration

Seen = tuple[str, str, float | None]
"""Kind, market and line of the first leg."""
PLAYER = "J. Doe"
MARKETS = {
    H2H: ARBITRAGE,
    line("spreads", 1.5): LOW_HOLD,
    line("player_hits", 0.5, PLAYER): ARBITRAGE,
    line("player_hits", 1.5, PLAYER): LOW_HOLD,
    # Of the two lines one is the main one: a middle has never two of them.
    line("totals", 8.5): LOWER,
    line("totals", 9.5): UPPER,
}
MAIN: set[Seen] = {("arbitrage", "h2h", None), ("low_hold", "spreads", 1.5), ("arbitrage", "totals", 8.5)}
ALTERNATE: set[Seen] = {("arbitrage", "totals", 9.5), ("middle", "totals", 8.5)}
PROPS: set[Seen] = {("arbitrage", "player_hits", 0.5), ("low_hold", "player_hits", 1.5)}
EVERY_KIND = ",".join(
    f"{kind}.{what}" for kind in ("arbitrage", "low_hold", "middle") for what in ("opened", "updated", "closed")
)
SEES = {"anonymous": MAIN, "free": MAIN, "basic": MAIN} | dict.fromkeys(("premium", "admin"), MAIN | ALTERNATE | PROPS)
AFTER = {"anonymous": 15, "free": 5, "basic": 0, "premium": 0, "admin": 0}
"""Minutes of source time."""


def which(combination: dict[str, object]) -> Seen:
    leg = combination["legs"][0]["market"]  # type: ignore[index]  # it is JSON
    return str(combination["kind"]), leg["market"], leg["line"]


async def listed(world: World, tier: str) -> set[Seen]:
    paths = ("/v1/arbitrage", "/v1/low-holds", "/v1/middles")
    return {which(one) for path in paths for one in (await world.get(tier, path))["data"]}


@pytest.mark.parametrize("tier", SEEN)
async def test_lists(world: World, tier: str) -> None:
    await world.gateway.tell(Engine().tells(MARKETS))
    for minutes in (0, 4, 5, 14, 15):
        # What else is told makes source time go on.
        later = AS_OF + timedelta(minutes=minutes)
        await world.gateway.tell(odds_changed(Market(), match=Match("other"), as_of=later, revision=1 + minutes))
        assert await listed(world, tier) == (SEES[tier] if minutes >= AFTER[tier] else set()), minutes
        # Another tier's kept answer is not given.
        assert await listed(world, "premium") == SEES["premium"]


async def test_a_tier_of_more_categories_sees_what_has_legs_of_both(world: World) -> None:
    await world.gateway.tell(Engine().tells(MARKETS))
    await world.change("basic", categories=["main", "alternate"])
    assert await listed(world, "basic") == MAIN | ALTERNATE
    await world.change("basic", categories=["alternate"])
    assert await listed(world, "basic") == {("arbitrage", "totals", 9.5)}


@pytest.mark.parametrize(
    ("categories", "seen"), [(["main"], MAIN), (["main", "alternate"], MAIN | ALTERNATE), ([], SEES["premium"])]
)
async def test_the_stream_tells_of_those_that_the_lists_have(
    world: World, categories: list[str], seen: set[Seen]
) -> None:
    await world.change("basic", categories=categories)
    engine = Engine()
    await world.gateway.tell(engine.tells({}))
    headers = world.headers("basic")
    async with streaming(world.gateway.client, headers=headers, type=EVERY_KIND) as early:
        assert (await early.event()).data["combinations"] == []
        await world.gateway.tell(engine.tells(MARKETS))
        assert await told(early, len(seen), "opened") == seen
        async with world.gateway.client.stream("GET", f"/v1/stream?type={EVERY_KIND}", headers=headers) as second:
            assert second.status_code == 429
        # What closes, closes for those who saw it.
        await world.gateway.tell(engine.tells({}))
        closed = [await early.event() for _ in seen]
        assert {one.name.partition(".")[2] for one in closed} == {"closed"}
        await world.gateway.tell(engine.tells(MARKETS))
        # Nothing of what is not seen came in between.
        assert await told(early, len(seen), "opened") == seen
    async with streaming(world.gateway.client, headers=headers, type=EVERY_KIND) as late:
        (snapshot,) = await late.events(1)
        assert {which(one) for one in snapshot.data["combinations"]} == seen == await listed(world, "basic")


async def told(stream: Stream, count: int, what: str) -> set[Seen]:
    events = await stream.events(count)
    assert {one.name.partition(".")[2] for one in events} == {what}
    return {which(one.data) for one in events}


@pytest.mark.parametrize("tier", SEEN)
async def test_exports_are_of_the_tiers_that_see_all(world: World, tier: str) -> None:
    """They hold no combinations; of prices and opportunities everything, so that no other tier can be given them."""
    await world.gateway.tell(Engine().tells(MARKETS))
    for name in ("opportunities", "history"):
        answer = await world.gateway.client.get(
            f"/v1/exports/{name}",
            params={"format": "ndjson", "min_ev": -1} if name == "opportunities" else {},
            headers=world.headers(tier),
        )
        has_them = tier in ("premium", "admin")
        assert answer.status_code == (200 if has_them else 401 if tier == "anonymous" else 403), answer.text
        if name == "opportunities":
            assert ('"category":"prop"' in answer.text) == has_them
            assert '"kind":"ev"' in answer.text or not has_them
            assert '"arbitrage"' not in answer.text
    for fault in ({"features": ["exports"]}, {"features": ["history"]}, {"delay_seconds": 300}):
        body = {"requests_per_minute": 1, "categories": ["main"], "delay_seconds": 0, "features": [], "streams": 1}
        path = "/v1/admin/tiers/basic"
        refused = await ask(world.gateway, "PUT", path, OPERATOR, json=body | {"subscriptions": 1} | fault)
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-body"), fault
