"""The life of opportunities and boards: from messages to what a client is answered."""

import asyncio
from datetime import timedelta

import pytest

from bet_intel.api import store, wire
from bet_intel.events.v1.provider_status_pb2 import ProviderState
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from fixtures.api_gateway import MIGRATIONS, NOW, Gateway, served
from fixtures.api_messages import (
    AS_OF,
    CLOSED,
    SUSPENDED,
    Market,
    Match,
    Offer,
    odds_changed,
    opportunities_updated,
    provider_status,
    service_heartbeat,
)
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration

LATER = AS_OF + timedelta(minutes=5)
ODDS = "/v1/events/made_up:1/odds"


async def _prices(gateway: Gateway, market: str = "h2h") -> dict[str, float]:
    """Bookmaker → price of the market's first outcome."""
    odds = await gateway.get(ODDS, market=market)
    return {price["bookmaker"]["key"]: price["price"] for price in odds["markets"][0]["outcomes"][0]["prices"]}


async def _ages(gateway: Gateway) -> dict[str, float]:
    odds = await gateway.get(ODDS)
    return {
        price["bookmaker"]["key"]: price["age_seconds"]
        for market in odds["markets"]
        for outcome in market["outcomes"]
        for price in outcome["prices"]
    }


async def _feed(gateway: Gateway) -> list[tuple[int, str]]:
    rows = await gateway.database.fetch("select seq, kind from feed order by seq")
    return [(row["seq"], row["kind"]) for row in rows]


async def test_opportunity_opens_changes_closes_and_opens_again(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer(ev=0.05)))
    (item,) = (await served.get("/v1/opportunities"))["data"]
    assert (item["id"], item["ev"], item["class"], item["price"]) == ("opportunity-1", 0.05, "take", 2.2)

    await served.tell(opportunities_updated(Offer(ev=0.04, price=2.15, class_="marginal"), revision=2, as_of=LATER))
    (item,) = (await served.get("/v1/opportunities"))["data"]
    assert (item["ev"], item["class"], item["price"]) == (0.04, "marginal", 2.15)

    closing = opportunities_updated(revision=3, as_of=LATER, closed={"opportunity-1": "price_moved"})
    await served.tell(closing)
    assert await served.ids() == []
    detail = await served.get("/v1/opportunities/opportunity-1")
    assert (detail["state"], detail["close_reason"]) == ("closed", "price_moved")
    assert detail["closed_at"] == "2026-04-16T18:05:00Z"
    assert detail["working"]["leave_one_out"]["fair_probability"] == 0.48
    assert [bookmaker["title"] for bookmaker in detail["working"]["bookmakers"]] == ["Alpha", "Beta", "Gamma", "Delta"]

    await served.tell(opportunities_updated(Offer(opening=2), revision=4, as_of=LATER))
    detail = await served.get("/v1/opportunities/opportunity-1")
    assert (detail["state"], detail["opening"], detail["closed_at"]) == ("open", 2, None)
    assert await served.ids() == ["opportunity-1"]


async def test_item_says_everything_about_its_price(served: Gateway) -> None:
    await served.tell(odds_changed(Market(), as_of=LATER), opportunities_updated(Offer(market="totals", line=8.5)))
    (item,) = (await served.get("/v1/opportunities"))["data"]
    assert item == {
        "id": "opportunity-1",
        "kind": "ev",
        "class": "take",
        "profile": "consensus",
        "event": {
            "id": "made_up:1",
            "sport": "baseball",
            "league": "baseball_mlb",
            "league_title": "MLB",
            "home": "Harbour City",
            "away": "Riverside",
            "commence_time": "2026-04-16T23:05:00Z",
        },
        "market": {"market": "totals", "period": "full", "line": 8.5, "subject": None, "category": "main"},
        "outcome": "Harbour City",
        "bookmaker": {"key": "alpha", "title": "Alpha"},
        "side": "back",
        "odds_format": "decimal",
        "price": 2.2,
        "net_price": 2.2,
        "limit": None,
        "fair_probability": 0.48,
        "fair_odds": 2.0833,
        "consensus_probability": 0.481,
        "band": {"low": 0.476, "high": 0.486},
        "ev": 0.056,
        "ev_worst": 0.046,
        "ev_per": "stake",
        "push_probability": 0.0,
        "stake_fraction": 0.0125,
        "confidence": None,
        "estimated_half_points": None,
        "dispersion": 0.02,
        "first_seen": "2026-04-16T18:00:00Z",
        "opened_at": "2026-04-16T18:00:00Z",
        "last_seen": "2026-04-16T18:00:00Z",
        "peak": {"ev": 0.056, "at": "2026-04-16T18:00:00Z"},
        "price_age_seconds": 330.0,
        "as_of": "2026-04-16T18:00:00Z",
    }


async def test_working_shows_the_numbers_of_the_message(served: Gateway) -> None:
    await served.tell(opportunities_updated(Offer()))
    working = (await served.get("/v1/opportunities/opportunity-1"))["working"]
    assert (working["method"], working["books_used"], working["dispersion"]) == ("power", 4, 0.03)
    assert (working["odds_revision"], working["pricing_revision"]) == (1, 7)
    assert working["leave_one_out"] == {
        "fair_probability": 0.48,
        "band": {"low": 0.476, "high": 0.486},
        "dispersion": 0.02,
        "books_used": 2,
    }
    (outcome,) = working["outcomes"]
    assert outcome["consensus_probability"] == 0.481
    assert outcome["prices"][0] == {
        "bookmaker": "alpha",
        "title": "Alpha",
        "back": 2.2,
        "lay": None,
        "devigged_probability": 0.48,
        "age_seconds": 30.0,
    }
    assert working["bookmakers"][0] == {
        "bookmaker": "alpha",
        "title": "Alpha",
        "last_update": "2026-04-16T17:59:30Z",
        "age_seconds": 30.0,
        "overround": 0.04,
        "consensus_weight": 0.25,
        "left_out_reason": None,
        "leave_one_out_weight": 0.0,
        "leave_one_out_outlier": False,
        "judged": True,
    }
    assert working["gates"][0] == {"gate": "fresh", "passed": True, "value": 30.0, "bound": 600.0}


async def test_late_and_repeated_sets_change_nothing(served: Gateway) -> None:
    first = opportunities_updated(Offer("old"), revision=1)
    newest = opportunities_updated(Offer("new", ev=0.03), revision=3, as_of=LATER)
    empty = opportunities_updated(revision=2)
    await served.tell(newest, first, empty, newest)
    assert await served.ids() == ["new"]
    assert [kind for _, kind in await _feed(served)] == ["opportunity.opened"]


async def test_life_within_one_batch_is_told_and_kept(served: Gateway) -> None:
    # Published at once, out of order and one of them twice, they reach the projector as one batch.
    messages = [
        opportunities_updated(revision=3, as_of=LATER, closed={"brief": "price_moved"}),
        opportunities_updated(Offer("brief"), revision=1),
        opportunities_updated(Offer("brief", ev=0.07), revision=2),
        opportunities_updated(Offer("brief"), revision=1),
    ]
    async with asyncio.TaskGroup() as group:
        for message in messages:
            group.create_task(served.bus.publish(message))
    assert [kind for _, kind in await _feed(served)] == [
        "opportunity.opened",
        "opportunity.updated",
        "opportunity.closed",
    ]
    detail = await served.get("/v1/opportunities/brief")
    assert (detail["state"], detail["close_reason"], detail["ev"]) == ("closed", "price_moved", 0.07)
    assert await served.ids() == []


async def test_set_that_was_overtaken_closes_as_superseded(served: Gateway) -> None:
    await served.tell(opportunities_updated(Offer()))
    await served.tell(opportunities_updated(revision=3))
    await served.tell(opportunities_updated(revision=2, closed={"opportunity-1": "price_moved"}))
    detail = await served.get("/v1/opportunities/opportunity-1")
    assert (detail["state"], detail["close_reason"]) == ("closed", "superseded")


async def test_boards_are_guarded_market_by_market(served: Gateway) -> None:
    def quotes(price: float) -> list[tuple[str, str, float]]:
        return [("alpha", "Over", price)]

    totals = Market("totals", 8.5, quotes=quotes(1.9))
    await served.tell(odds_changed(Market(quotes=quotes(2.0)), totals, revision=1))
    # Revision 3 changed the totals only; revision 2, which changed both, comes after it.
    await served.tell(
        odds_changed(Market(revision=2), Market("totals", 8.5, quotes=quotes(1.7)), revision=3, as_of=LATER)
    )
    await served.tell(odds_changed(Market(quotes=quotes(2.5)), Market("totals", 8.5, quotes=quotes(1.8)), revision=2))
    assert await _prices(served, "h2h") == {"alpha": 2.5}
    assert await _prices(served, "totals") == {"alpha": 1.7}
    assert (await served.get("/v1/events"))["data"][0]["as_of"] == "2026-04-16T18:05:00Z"


async def test_of_two_boards_in_one_batch_the_newer_stands(served: Gateway) -> None:
    old, new = Market(quotes=[("alpha", "Over", 2.0)]), Market(quotes=[("alpha", "Over", 2.5)])
    await served.tell(odds_changed(new, revision=2, as_of=LATER), odds_changed(old, revision=1))
    assert await _prices(served) == {"alpha": 2.5}


async def test_a_board_told_again_heals_a_lost_message(served: Gateway) -> None:
    await served.tell(odds_changed(Market(quotes=[("alpha", "Over", 2.0)]), revision=1))
    told_again = Market(quotes=[("alpha", "Over", 2.5)], revision=2, restated=True)
    await served.tell(odds_changed(told_again, revision=3, as_of=LATER))
    assert await _prices(served) == {"alpha": 2.5}


async def test_confirmation_makes_a_price_younger_not_newer(served: Gateway) -> None:
    await served.tell(odds_changed(Market(seconds_old={"alpha": 30, "beta": 60})))
    assert await _ages(served) == {"alpha": 30.0, "beta": 60.0}
    # Five minutes later: alpha confirmed its price, beta did not.
    confirmed = Market(revision=1, seconds_old={"alpha": 10, "beta": 360})
    await served.tell(odds_changed(confirmed, revision=2, as_of=LATER))
    assert await _ages(served) == {"alpha": 10.0, "beta": 360.0}
    assert await _prices(served) == {"alpha": 2.2, "beta": 2.1}
    await served.tell(odds_changed(Market(revision=1, seconds_old={"alpha": 0}), revision=1, as_of=AS_OF))
    assert await _ages(served) == {"alpha": 10.0, "beta": 360.0}


async def test_confirmation_of_a_board_that_has_not_arrived_is_not_given_to_an_older_one(served: Gateway) -> None:
    await served.tell(odds_changed(Market()))
    await served.tell(odds_changed(Market(revision=2, seconds_old={"alpha": 5}), revision=3, as_of=LATER))
    assert await _ages(served) == {"alpha": 330.0, "beta": 360.0}
    await served.tell(odds_changed(Market(seconds_old={"alpha": 30}), revision=2))
    assert (await _ages(served))["alpha"] == 5.0


async def test_event_closes_with_its_last_market(served: Gateway) -> None:
    await served.tell(odds_changed(Market(), Market("totals", 8.5)))
    await served.tell(odds_changed(Market(status=CLOSED, quotes=()), Market("totals", 8.5, revision=1), revision=2))
    assert [market["market"] for market in (await served.get(ODDS))["markets"]] == ["totals"]
    assert len((await served.get("/v1/events"))["data"]) == 1
    gone = [Market(status=CLOSED, revision=2), Market("totals", 8.5, status=CLOSED, quotes=())]
    await served.tell(odds_changed(*gone, revision=3))
    assert (await served.get("/v1/events"))["data"] == []
    assert [event["id"] for event in (await served.get("/v1/events", status="closed"))["data"]] == ["made_up:1"]
    assert (await served.get("/v1/sports"))["data"] == []


async def test_moved_start_is_shown(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    moved = Match(start=AS_OF + timedelta(days=1))
    await served.tell(
        odds_changed(Market(revision=1), revision=2, match=moved),
        opportunities_updated(Offer(), revision=2, match=moved),
    )
    assert (await served.get("/v1/events"))["data"][0]["commence_time"] == "2026-04-17T18:00:00Z"
    (item,) = (await served.get("/v1/opportunities"))["data"]
    assert item["event"]["commence_time"] == "2026-04-17T18:00:00Z"


async def test_odds_show_consensus_beside_every_price(served: Gateway) -> None:
    totals = Market("totals", 8.5, status=SUSPENDED, quotes=[("beta", "Over", 1.9)])
    await served.tell(odds_changed(Market(), totals), opportunities_updated(Offer(), unpriced=["spreads"]))
    odds = await served.get(ODDS)
    h2h, suspended = odds["markets"]
    assert (h2h["method"], h2h["books_used"], h2h["category"], h2h["not_computable"]) == ("power", 4, "main", None)
    (outcome,) = h2h["outcomes"]
    assert (outcome["consensus_probability"], outcome["consensus_odds"]) == (0.481, 2.079)
    assert outcome["consensus_band"] == {"low": 0.476, "high": 0.486}
    assert outcome["prices"][1] == {
        "bookmaker": {"key": "beta", "title": "Beta"},
        "side": "back",
        "price": 2.1,
        "limit": None,
        "last_update": "2026-04-16T17:59:00Z",
        "age_seconds": 60.0,
    }
    assert (suspended["status"], suspended["not_computable"]) == ("suspended", "not_priced")
    assert suspended["outcomes"][0]["consensus_probability"] is None


async def test_feed_has_no_gap_and_no_unchanged_updates(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer("a"), Offer("b", market="totals")))
    await served.tell(odds_changed(Market(revision=1), revision=2))
    await served.tell(opportunities_updated(Offer("a"), Offer("b", market="totals", ev=0.07), revision=2))
    await served.tell(opportunities_updated(Offer("a"), revision=3))
    feed = await _feed(served)
    assert [seq for seq, _ in feed] == list(range(1, len(feed) + 1))
    assert [kind for _, kind in feed] == [
        "odds.changed",
        "opportunity.opened",
        "opportunity.opened",
        "opportunity.updated",
        "opportunity.closed",
    ]
    status = await served.get("/v1/status")
    assert status["read_model"]["feed"]["seq"] == 5
    assert status["read_model"]["feed"]["epoch"] > 0


async def test_feed_has_no_gap_when_projectors_work_side_by_side(served: Gateway) -> None:
    matches = [Match(id=f"made_up:{number}") for number in range(20)]
    async with asyncio.TaskGroup() as group:
        for match in matches:
            group.create_task(served.bus.publish(odds_changed(Market(), match=match)))
            group.create_task(served.bus.publish(opportunities_updated(Offer(f"of {match.id}"), match=match)))
    seqs = [seq for seq, _ in await _feed(served)]
    assert seqs == list(range(1, 41))


async def test_undecodable_message_is_set_aside_and_its_neighbours_are_not(served: Gateway) -> None:
    broken = Message(
        id="broken",
        type="opportunities.updated.v1",
        source="tests",
        subject="made_up:2",
        time=AS_OF,
        revision=1,
        data=b"\xff\xff",
    )
    async with asyncio.TaskGroup() as group:
        for message in (opportunities_updated(Offer()), broken, opportunities_updated(Offer("c"), match=Match("x:3"))):
            group.create_task(served.bus.publish(message))
    (letter,) = await served.database.fetch("select queue, id from dead_letter")
    assert (letter["queue"], letter["id"]) == ("api.opportunities-updated", "broken")
    assert set(await served.ids()) == {"opportunity-1", "c"}


async def test_status_shows_the_newest_of_each(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer(), Offer("s", class_="suspect")))
    finished = ProviderState.PROVIDER_STATE_FINISHED
    await served.tell(
        provider_status(NOW - timedelta(seconds=30), position=432, state=finished),
        provider_status(NOW - timedelta(seconds=60), position=400),
        service_heartbeat(NOW - timedelta(seconds=4), outbox_depth=2),
        service_heartbeat(NOW - timedelta(seconds=9), outbox_depth=7),
    )
    status = await served.get("/v1/status")
    (provider,) = status["providers"]
    assert (provider["provider"], provider["state"], provider["age_seconds"]) == ("made_up", "finished", 30.0)
    assert (provider["position"], provider["total"], provider["as_of"]) == (432, 432, "2026-04-16T18:00:00Z")
    assert provider["error_kind"] is None
    services = {service["service"]: service for service in status["services"]}
    assert (services["ev-engine"]["outbox_depth"], services["ev-engine"]["age_seconds"]) == (2, 4.0)
    assert status["read_model"]["open_opportunities"] == {"suspect": 1, "take": 1}
    assert (status["read_model"]["open_events"], status["read_model"]["open_markets"]) == (1, 1)
    assert status["as_of"] == "2026-04-16T18:00:00Z"


async def test_who_waits_for_an_event_that_another_makes_holds_none_meanwhile(make_database: MakeDatabase) -> None:
    """Else the other, who may ask for those next, would wait for him in turn."""
    dsn = await make_database(MIGRATIONS)
    made, there = Match(id="made_up:1"), Match(id="made_up:2")
    sets = [wire.opportunity_set(opportunities_updated(match=match).data) for match in (made, there)]
    making, enough = asyncio.Event(), asyncio.Event()

    async with Database.open(dsn, name="tests") as database:

        async def make() -> None:
            async with database.transaction() as connection:
                await store.lock_sets(connection, sets[:1])
                making.set()
                await enough.wait()

        async def lock_both() -> None:
            async with database.transaction() as connection:
                assert await store.lock_sets(connection, sets) == {made.id: 0, there.id: 0}

        async def waits() -> bool:
            async with database.latest() as connection:
                return bool(await connection.fetchval("select exists (select from pg_locks where not granted)"))

        async with database.transaction() as connection:
            await store.lock_sets(connection, sets[1:])
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(make())
            await making.wait()
            group.create_task(lock_both())
            await until(waits)
            async with database.transaction() as connection:
                free = "select revision from opportunity_set where event_id = $1 for update nowait"
                assert await connection.fetchval(free, there.id) == 0
            enough.set()
