"""What each tier sees, in every way out."""

from datetime import timedelta

import pytest

from bet_intel.events.v1.subscription_changed_pb2 import SubscriptionStatus
from fixtures.api_accounts import ACCOUNTS, OPERATOR, ask
from fixtures.api_messages import AS_OF, START, Market, Offer, odds_changed, opportunities_updated
from fixtures.api_tiers import OFFERS, QUARTER, SEEN, World, world
from fixtures.closing_messages import closing_line_fixed, h2h
from fixtures.sse import streaming
from fixtures.waiting import until

__all__ = ["world"]

pytestmark = pytest.mark.integration

EVENT = "/v1/events/made_up:1"


@pytest.mark.parametrize("tier", SEEN)
async def test_opportunities(world: World, tier: str) -> None:
    await world.gateway.tell(opportunities_updated(*OFFERS))
    listed = await world.get(tier, "/v1/opportunities")
    assert {one["id"] for one in listed["data"]} == SEEN[tier]
    # Another tier's kept answer is not given.
    again = await world.get("premium", "/v1/opportunities")
    assert {one["id"] for one in again["data"]} == SEEN["premium"]
    for one in OFFERS:
        await world.get(tier, f"/v1/opportunities/{one.id}", 200 if one.id in SEEN[tier] else 404)
    (sport,) = (await world.get(tier, "/v1/sports"))["data"]
    assert sport["open_opportunities"] == {"take": len(SEEN[tier])}
    counted = (await world.get(tier, "/v1/status"))["read_model"]
    assert counted["open_opportunities"] == {"take": len(SEEN[tier])}
    assert (counted["closed_opportunities"] is None) == (tier not in ("premium", "admin"))


async def test_what_comes_of_age_is_seen(world: World) -> None:
    await world.gateway.tell(opportunities_updated(Offer()))
    assert (await world.get("free", "/v1/opportunities"))["data"] == []
    later = AS_OF + timedelta(minutes=5)
    await world.gateway.tell(opportunities_updated(Offer(seen=timedelta(minutes=5)), revision=2, as_of=later))
    assert len((await world.get("free", "/v1/opportunities"))["data"]) == 1
    assert (await world.get("anonymous", "/v1/opportunities"))["data"] == []


@pytest.mark.parametrize("tier", SEEN)
async def test_a_working_is_as_delayed_as_its_board(world: World, tier: str) -> None:
    """Both opportunities were first seen long ago; of the one the market has just moved."""
    stands, moved = OFFERS[0], Offer("moved main", market="spreads", line=-1.5, seen=QUARTER)
    quotes = (("beta", "Harbour City", 2.1),)
    before = AS_OF - timedelta(minutes=16)
    await world.gateway.tell(odds_changed(Market(quotes=quotes), Market("spreads", -1.5, quotes=quotes), as_of=before))
    newer = Market("spreads", -1.5, quotes=(("beta", "Harbour City", 2.3),))
    await world.gateway.tell(odds_changed(newer, Market(revision=1), revision=2))
    await world.gateway.tell(opportunities_updated(stands, moved, revision=2))
    delayed = tier in ("anonymous", "free")

    async def told(id: str) -> tuple[bool, bool, str | None]:
        one = await world.get(tier, f"/v1/opportunities/{id}")
        sentences = " ".join(one["explanation"])
        return one["working"] is not None, "Alpha" in sentences, one["working_withheld"]

    assert await told(stands.id) == (True, True, None)
    assert await told(moved.id) == ((False, False, "delayed") if delayed else (True, True, None))

    # Its last set is as new as its end; a quarter of an hour later nothing in it is.
    later = AS_OF + timedelta(seconds=1)
    await world.gateway.tell(opportunities_updated(stands, revision=3, as_of=later, closed={moved.id: "price_moved"}))
    assert await told(moved.id) == ((False, False, "delayed") if delayed else (True, True, None))
    await world.gateway.tell(opportunities_updated(stands, revision=4, as_of=later + QUARTER))
    assert await told(moved.id) == (True, True, None)


@pytest.mark.parametrize("tier", SEEN)
async def test_why_a_price_is_none_is_told_of_what_is_seen(world: World, tier: str) -> None:
    board = Market(quotes=(("alpha", "Harbour City", 2.2),))
    await world.gateway.tell(odds_changed(board, as_of=AS_OF - timedelta(minutes=10)), opportunities_updated(*OFFERS))
    explain = f"{EVENT}/explain?bookmaker=alpha&outcome="
    # The board has stood for ten minutes: longer than a free tier's delay.
    await world.get(tier, f"{explain}Harbour City", 404 if tier == "anonymous" else 200)
    alternate = f"{explain}Over&market=totals&line=7.5"
    await world.get(tier, alternate, 200 if tier in ("premium", "admin") else 404)
    # A set of odds that have not arrived here may show prices that are new.
    await world.gateway.tell(opportunities_updated(*OFFERS, revision=2))
    for ahead in (f"{explain}Harbour City", "/v1/opportunities/old main"):
        shown = await world.gateway.client.get(ahead, headers=world.headers(tier))
        withheld = shown.status_code == 404 or shown.json()["working"] is None
        assert withheld == (tier in ("anonymous", "free")), ahead


@pytest.mark.parametrize("tier", SEEN)
async def test_boards(world: World, tier: str) -> None:
    main = Market(quotes=(("alpha", "Harbour City", 2.2), ("beta", "Harbour City", 2.1)))
    other = Market("totals", 7.5, quotes=(("alpha", "Over", 2.0),))
    await world.gateway.tell(odds_changed(main, other, as_of=AS_OF - timedelta(minutes=10)))
    moved = Market(quotes=(("alpha", "Harbour City", 2.3), ("beta", "Harbour City", 2.1)))
    await world.gateway.tell(odds_changed(moved, revision=2), opportunities_updated(*OFFERS))
    told = await world.get(tier, f"{EVENT}/odds")
    markets = {one["market"]: one for one in told["markets"]}
    sees_all = tier in ("premium", "admin")
    assert set(markets) == ({"h2h", "totals"} if sees_all else {"h2h"})
    (home,) = markets["h2h"]["outcomes"]
    prices = {one["bookmaker"]["key"]: one["price"] for one in home["prices"]}
    if tier == "anonymous":
        assert prices == {}
    elif tier == "free":
        # Of alpha's price, which is new, nothing is told; nor of a consensus that it went into.
        assert prices == {"beta": 2.1}
    else:
        assert prices == {"alpha": 2.3, "beta": 2.1}
    delayed = tier in ("anonymous", "free")
    assert (home["consensus_probability"] is None) == delayed
    assert (markets["h2h"]["not_computable"] == "delayed") == delayed


@pytest.mark.parametrize("tier", SEEN)
async def test_history_and_streams_are_of_the_tiers_that_have_them(world: World, tier: str) -> None:
    await world.gateway.tell(odds_changed(Market()))
    has_them = tier in ("premium", "admin")
    refusal = 401 if tier == "anonymous" else 403
    await world.get(tier, f"{EVENT}/history", 200 if has_them else refusal)
    if has_them:
        async with streaming(world.gateway.client, headers=world.headers(tier)) as stream:
            assert (await stream.event()).name == "snapshot"
    else:
        await world.get(tier, "/v1/stream", refusal)


@pytest.mark.parametrize("tier", SEEN)
async def test_closing_lines_and_what_they_say_of_bets(world: World, tier: str) -> None:
    alternate = ("totals", 7.5, "alternate", {"Over": (0.5, (1.9, 1.9)), "Under": (0.5, (1.9, 1.9))})
    await world.gateway.tell(odds_changed(Market()), closing_line_fixed(h2h(), alternate))
    sees_all, delayed = tier in ("premium", "admin"), tier in ("anonymous", "free")
    told = await world.get(tier, f"{EVENT}/closing", 404 if delayed else 200)
    if not delayed:
        assert {one["market"] for one in told["markets"]} == ({"h2h", "totals"} if sees_all else {"h2h"})
    if tier == "anonymous":
        return
    headers = world.headers(tier)
    for market, line, outcome in (("h2h", None, "home"), ("totals", 7.5, "Over")):
        bet = {"event_id": "made_up:1", "bookmaker": "alpha", "market": market, "outcome": outcome, "price": 2.2}
        made = await ask(
            world.gateway, "POST", "/v1/bets", headers, json=bet | {"stake": "10"} | ({"line": line} if line else {})
        )
        assert made.status_code == 201, made.text
        shown = sees_all or (market == "h2h" and not delayed)
        for clv in (made.json()["clv"], (await world.get(tier, f"/v1/bets/{made.json()['id']}"))["clv"]):
            assert (clv["no_vig"] is not None, clv["reason"]) == (shown, None if shown else "not_of_your_tier")
    total = (await world.get(tier, "/v1/clv"))["total"]
    assert (total["bets"], total["no_vig_bets"]) == (2, 2 if sees_all else 0 if delayed else 1)
    assert START > AS_OF


async def test_a_stream_of_some_categories_tells_of_them_alone(world: World) -> None:
    await world.change("basic")
    await world.gateway.tell(opportunities_updated(OFFERS[2], OFFERS[3]))
    async with streaming(world.gateway.client, headers=world.headers("basic")) as stream:
        snapshot = await stream.event()
        assert [one["id"] for one in snapshot.data["opportunities"]] == ["new main"]
        # One stream is what the tier has.
        second = await world.gateway.client.get("/v1/stream", headers=world.headers("basic"))
        assert (second.status_code, second.json()["type"]) == (429, "/problems/no-place")
        assert int(second.headers["retry-after"]) > 0
        await world.gateway.tell(opportunities_updated(revision=2, as_of=AS_OF + timedelta(minutes=1)))
        (closed,) = await stream.events(1)
        assert (closed.name, closed.data["id"]) == ("opportunity.closed", "new main")


async def test_a_revoked_key_ends_its_streams(world: World) -> None:
    owner = world.holders["premium"]
    async with streaming(world.gateway.client, headers=owner.headers) as stream:
        await stream.event()
        gone = await ask(world.gateway, "DELETE", f"{ACCOUNTS}/{owner.account}/keys/{owner.key_id}", OPERATOR)
        assert gone.status_code == 204
        with pytest.raises(EOFError):
            await stream.events(1000)


async def test_subscriptions_follow_their_account(world: World) -> None:
    owner = world.holders["free"]
    hook = {"webhook": {"url": "https://hooks.example.com/x"}}
    made = await ask(world.gateway, "POST", "/v1/subscriptions", owner.headers, json=hook)
    assert made.status_code == 201, made.text
    await until(lambda: len(world.heard.changes) == 1)
    told = world.heard.changes[0]
    assert (told.account, list(told.categories), told.delay_us) == (owner.account, ["main"], 300_000_000)
    full = await ask(world.gateway, "POST", "/v1/subscriptions", owner.headers, json=hook)
    assert full.status_code == 403

    where = f"{ACCOUNTS}/{owner.account}"
    await ask(world.gateway, "PUT", where, OPERATOR, json={"name": "x", "tier": "premium"})
    await until(lambda: len(world.heard.changes) == 2)
    told = world.heard.changes[1]
    assert (list(told.categories), told.delay_us) == ([], 0)
    assert told.revision > world.heard.changes[0].revision

    tier = (await world.get("premium", "/v1/tiers"))["data"][3]
    body = {name: value for name, value in tier.items() if name != "name"}
    body |= {"categories": ["main", "prop"], "features": []}
    changed = await ask(world.gateway, "PUT", "/v1/admin/tiers/premium", OPERATOR, json=body)
    assert changed.status_code == 200, changed.text
    await until(lambda: len(world.heard.changes) == 3)
    assert sorted(world.heard.changes[2].categories) == ["main", "prop"]

    await ask(world.gateway, "DELETE", where, OPERATOR)
    await until(lambda: len(world.heard.changes) == 4)
    last = world.heard.changes[3]
    assert (last.status, last.webhook.url) == (SubscriptionStatus.SUBSCRIPTION_STATUS_DELETED, "")
    assert last.revision > world.heard.changes[2].revision
    assert await world.gateway.database.fetchval("select count(*) from subscription") == 0
