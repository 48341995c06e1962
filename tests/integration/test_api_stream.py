"""`/v1/stream` on gateways that share one database, by a real HTTP client."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from fixtures.api_gateway import MIGRATIONS, Gateway, gateway_on, served
from fixtures.api_messages import AS_OF, Market, Match, Offer, odds_changed, opportunities_updated
from fixtures.postgres import MakeDatabase
from fixtures.sse import Event, streaming
from fixtures.waiting import until

__all__ = ["served"]

pytestmark = pytest.mark.integration

TENNIS = Match("made_up:2", "tennis", "tennis_atp", "ATP")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two gateways over one database: `first` projects, both serve."""

    first: Gateway
    second: Gateway
    dsn: str

    async def seq(self) -> int:
        seq: int = await self.first.database.fetchval("select seq from feed_position")
        return seq

    async def feed(self) -> list[tuple[str, str]]:
        """Id and kind of every entry."""
        epoch = await self.first.database.fetchval("select epoch from feed_position")
        rows = await self.first.database.fetch("select seq, kind from feed order by seq")
        return [(f"{epoch}-{row['seq']}", row["kind"]) for row in rows]


@asynccontextmanager
async def pair(make_database: MakeDatabase, **settings: Any) -> AsyncIterator[Pair]:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn, **settings) as first, gateway_on(dsn, **settings) as second:
        yield Pair(first, second, dsn)


@pytest.fixture
async def gateways(make_database: MakeDatabase) -> AsyncIterator[Pair]:
    async with pair(make_database, feed_poll_seconds=0.01) as opened:
        yield opened


def ids(events: list[Event]) -> list[str]:
    return [event.data["opportunity"]["id"] for event in events]


async def test_it_begins_with_a_snapshot_and_tells_what_changes(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer()))
    async with streaming(served.client) as stream:
        (snapshot,) = await stream.events(1)
        assert stream.retry == "2000"
        assert (snapshot.name, snapshot.data["reason"]) == ("snapshot", "start")
        assert (snapshot.data["part"], snapshot.data["parts"]) == (1, 1)
        assert snapshot.data["opportunities"] == (await served.get("/v1/opportunities"))["data"]
        later = AS_OF + timedelta(minutes=1)
        await served.tell(
            odds_changed(Market(), revision=2, as_of=later),
            opportunities_updated(Offer(ev=0.07), Offer("opportunity-2", ev=0.03), revision=2, as_of=later),
        )
        odds, updated, opened = await stream.events(3)
        assert (odds.name, odds.data["markets"], odds.data["event_id"]) == ("odds.changed", ["h2h"], "made_up:1")
        assert (updated.name, updated.data["listed"]) == ("opportunity.updated", True)
        assert opened.name == "opportunity.opened"
        # What the stream shows is what the list shows.
        assert [event.data["opportunity"] for event in (updated, opened)] == (await served.get("/v1/opportunities"))[
            "data"
        ]
        await served.tell(opportunities_updated(revision=3, closed={"opportunity-1": "no_ev"}))
        closed = await stream.events(2)
        assert [(each.name, each.data["id"], each.data["close_reason"]) for each in closed] == [
            ("opportunity.closed", "opportunity-1", "no_ev"),
            ("opportunity.closed", "opportunity-2", "superseded"),
        ]


async def test_the_filters_are_those_of_the_list(served: Gateway) -> None:
    await served.tell(odds_changed(Market()), opportunities_updated(Offer(ev=0.03)))
    async with (
        streaming(served.client, min_ev=0.05, type="opportunity.opened,opportunity.updated,opportunity.closed") as high,
        streaming(served.client, sport="tennis") as tennis,
        streaming(served.client, odds_format="american", bookmaker="alpha", type="opportunity.updated") as american,
    ):
        assert (await high.event()).data["opportunities"] == []
        assert (await tennis.event()).data["opportunities"] == []
        assert [one["price"] for one in (await american.event()).data["opportunities"]] == [120]
        revision = 1

        async def offer(*offers: Offer) -> None:
            nonlocal revision
            revision += 1
            await served.tell(opportunities_updated(*offers, revision=revision))

        await offer(Offer(ev=0.04))
        await offer(Offer(ev=0.06))
        await offer(Offer(ev=0.065, price=2.5))
        await offer(Offer(ev=0.02))
        await offer(Offer(ev=0.01))
        await offer()
        await served.tell(odds_changed(Market(), match=TENNIS), opportunities_updated(Offer("set"), match=TENNIS))
        told = await high.events(4)
        assert [(each.name, each.data["listed"], each.data["opportunity"]["ev"]) for each in told[:3]] == [
            ("opportunity.updated", True, 0.06),
            ("opportunity.updated", True, 0.065),
            ("opportunity.updated", False, 0.02),
        ]
        # It closed outside the list of those with 5 %: the next that is told is the one of another sport.
        assert (told[3].name, told[3].data["opportunity"]["id"]) == ("opportunity.opened", "set")
        assert [each.name for each in await tennis.events(2)] == ["odds.changed", "opportunity.opened"]
        assert [each.data["opportunity"]["price"] for each in await american.events(4)] == [120, 120, 150, 120]


@pytest.mark.parametrize("seed", range(6))
async def test_a_client_that_leaves_and_comes_back_anywhere_misses_and_repeats_nothing(
    gateways: Pair, seed: int
) -> None:
    rng = random.Random(seed)
    await gateways.first.tell(odds_changed(Market()), opportunities_updated(Offer()))
    begun = await gateways.seq()
    told: list[Event] = []

    async def project() -> None:
        for revision in range(2, 60):
            offers = [Offer(f"opportunity-{n}", ev=rng.randint(10, 90) / 1000) for n in range(rng.randint(0, 8))]
            messages = [opportunities_updated(*offers, revision=revision)]
            if rng.random() < 0.3:
                messages.append(odds_changed(Market(), revision=revision))
            await asyncio.gather(*(gateways.first.bus.publish(message) for message in messages))

    async def follow(last_id: str | None) -> None:
        # Everything is asked for: what the stream says must be the feed itself.
        everything: dict[str, Any] = {"min_ev": -1, "class": "take,marginal,suspect"}
        while True:
            gateway = rng.choice((gateways.first, gateways.second))
            async with streaming(gateway.client, last_id, **everything) as stream:
                for _ in range(rng.randint(0, 12)):
                    event = await stream.event()
                    assert event.name != "snapshot"
                    last_id = event.id
                    if event.name != "heartbeat":
                        told.append(event)
                    if projecting.done() and last_id == (await gateways.feed())[-1][0]:
                        return

    async with asyncio.TaskGroup() as group:
        # The snapshot is taken before anything is projected, and followed from there: another one would be of later.
        async with streaming(gateways.second.client, "none of ours") as stream:
            first = await stream.event()
        assert (first.data["reason"], first.id) == ("unknown_position", (await gateways.feed())[-1][0])
        projecting = group.create_task(project())
        await asyncio.wait_for(follow(first.id), 50)
    assert [(each.id, each.name) for each in told] == (await gateways.feed())[begun:]


async def test_an_id_of_another_numbering_gets_a_snapshot_that_says_so(gateways: Pair) -> None:
    await gateways.first.tell(opportunities_updated(Offer()))
    (last, _) = (await gateways.feed())[-1]
    epoch = int(last.split("-")[0])
    for strange in (f"{epoch - 1}-1", "made up", f"{epoch}-1-1", ""):
        async with streaming(gateways.second.client, strange) as stream:
            event = await stream.event()
            assert (event.name, event.data["reason"], event.id) == ("snapshot", "unknown_position", last)


async def test_a_feed_that_is_made_anew_is_told_to_who_follows(gateways: Pair) -> None:
    await gateways.first.tell(opportunities_updated(Offer()))
    async with streaming(gateways.second.client) as stream:
        begun = await stream.event()
        await gateways.first.database.execute("truncate feed_position, feed, sporting_event cascade")
        await gateways.first.bus.publish(opportunities_updated(Offer("anew"), revision=2))
        event = await stream.event()
        assert (event.name, event.data["reason"]) == ("snapshot", "unknown_position")
        assert [one["id"] for one in event.data["opportunities"]] == ["anew"]
        assert begun.id is not None
        assert event.id == (await gateways.feed())[-1][0]
        assert event.id.split("-")[0] != begun.id.split("-")[0]


async def test_numbers_that_a_promotion_lost_are_not_taken_for_those_that_followers_have_seen(gateways: Pair) -> None:
    """As on a replica that had not received the last entry of the feed when it was promoted."""
    await gateways.first.tell(opportunities_updated(Offer("kept")))
    await gateways.first.tell(opportunities_updated(Offer("kept"), Offer("lost", bookmaker="beta"), revision=2))
    async with streaming(gateways.second.client) as stream:
        begun = await stream.event()
        assert begun.id is not None
        await gateways.first.database.execute(
            """
            with lost as (delete from feed where seq = (select seq from feed_position))
            update feed_position set seq = seq - 1, generation = generation - 1, timeline = timeline + 1
            """
        )
        await gateways.first.bus.publish(opportunities_updated(Offer("anew"), revision=3))
        event = await stream.event()
        assert (event.name, event.data["reason"]) == ("snapshot", "unknown_position")
        assert [one["id"] for one in event.data["opportunities"]] == ["anew"]
    async with streaming(gateways.first.client, begun.id) as stream:
        assert (await stream.event()).data["reason"] == "unknown_position"


async def test_what_is_not_kept_any_more_is_a_snapshot(gateways: Pair) -> None:
    for revision in range(1, 5):
        await gateways.first.tell(opportunities_updated(Offer(ev=0.05 + revision / 1000), revision=revision))
    feed = await gateways.feed()
    await gateways.first.database.execute("delete from feed where seq <= 2")
    # A gateway that has just started knows of the feed only what the database has.
    async with gateway_on(gateways.dsn) as fresh:
        async with streaming(fresh.client, feed[0][0]) as stream:
            assert (await stream.event()).data["reason"] == "too_old"
        async with streaming(fresh.client, feed[1][0]) as stream:
            assert [(each.id, each.name) for each in await stream.events(2)] == feed[2:]
        async with streaming(fresh.client, feed[3][0]) as stream:
            await gateways.first.tell(opportunities_updated(revision=9))
            (closed,) = await stream.events(1)
            assert closed.name == "opportunity.closed"


async def test_an_id_that_is_ahead_of_this_gateways_database_waits(gateways: Pair) -> None:
    await gateways.first.tell(opportunities_updated(Offer()))
    (last, _) = (await gateways.feed())[-1]
    epoch, seq = last.split("-")
    async with streaming(gateways.second.client, f"{epoch}-{int(seq) + 1}") as stream:
        await gateways.first.tell(opportunities_updated(Offer(ev=0.06), revision=2))
        await gateways.first.tell(opportunities_updated(Offer(ev=0.07), revision=3))
        # The first of the two was known already.
        (event,) = await stream.events(1)
        assert (event.name, event.data["opportunity"]["ev"]) == ("opportunity.updated", 0.07)


async def test_a_reader_who_is_too_slow_is_told(make_database: MakeDatabase) -> None:
    async with pair(make_database, feed_kept=3) as gateways:
        gateway = gateways.first
        await gateway.tell(opportunities_updated(Offer()))
        async with streaming(gateway.client) as stream:
            begun = await stream.event()
            await gateway.tell(opportunities_updated(Offer(ev=0.06), revision=2))
            (event,) = await stream.events(1)
            assert event.name == "opportunity.updated"
            many = [Offer(f"opportunity-{n}") for n in range(20)]
            # One set with more news than is kept for anybody.
            await gateway.tell(opportunities_updated(*many, revision=3))
            (snapshot,) = await stream.events(1)
            assert (snapshot.name, snapshot.data["reason"]) == ("snapshot", "too_slow")
            assert len(snapshot.data["opportunities"]) == 20
        metrics = (await gateway.client.get("/metrics")).text
        assert 'bet_intel_api_stream_snapshots_total{reason="too_slow"} 1.0' in metrics
        # Who comes back reads it from the database.
        async with streaming(gateway.client, begun.id) as stream:
            assert len(await stream.events(20)) == 20


async def test_heartbeats_carry_the_id_past_what_is_filtered_out(make_database: MakeDatabase) -> None:
    async with pair(make_database, stream_heartbeat_seconds=0.05) as gateways:
        gateway = gateways.first
        async with streaming(gateway.client, sport="tennis") as stream:
            assert (await stream.event()).name == "snapshot"
            await gateway.tell(odds_changed(Market()), opportunities_updated(Offer()))
            (last, _) = (await gateways.feed())[-1]
            event = await stream.event()
            while event.id != last:
                assert event.name == "heartbeat"
                event = await stream.event()
            assert event.data == {"as_of": "2026-04-16T18:00:00Z"}


async def test_it_comes_in_parts(served: Gateway) -> None:
    many = [Offer(f"opportunity-{n}", ev=0.02 + n / 10000) for n in range(450)]
    await served.tell(opportunities_updated(*many))
    async with streaming(served.client) as stream:
        parts = await stream.events(3)
    assert [(each.data["part"], each.data["parts"], each.id is None) for each in parts] == [
        (1, 3, True),
        (2, 3, True),
        (3, 3, False),
    ]
    assert len({one["id"] for each in parts for one in each.data["opportunities"]}) == 450


async def test_it_ends_when_the_gateway_stops(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    loop = asyncio.get_running_loop()
    leaving = asyncio.Event()
    stopping = 0.0

    async with asyncio.TaskGroup() as group, gateway_on(dsn) as gateway:

        async def follow() -> None:
            async with streaming(gateway.client) as stream:
                await stream.event()
                leaving.set()
                with pytest.raises(EOFError):
                    await stream.event()

        following = group.create_task(follow())
        await leaving.wait()
        stopping = loop.time()
        gateway.api.drain()
        await following
    assert loop.time() - stopping < 3


async def test_a_gateway_takes_only_so_many(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), stream_followers=1) as gateway:
        async with streaming(gateway.client) as stream:
            await stream.event()
            refused = await gateway.client.get("/v1/stream")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")

        async def there_is_room() -> bool:
            async with gateway.client.stream("GET", "/v1/stream") as response:
                return response.status_code == 200

        await until(there_is_room)


@pytest.mark.parametrize("question", ["sort=ev", "type=heartbeat", "min_ev=x", "limit=5"])
async def test_a_question_that_cannot_be_answered_is_a_problem(served: Gateway, question: str) -> None:
    await served.problem(f"/v1/stream?{question}", 400)


async def test_head_opens_no_stream(served: Gateway) -> None:
    answer = await served.client.head("/v1/stream")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_the_document_tells_of_it(served: Gateway) -> None:
    document = await served.get("/openapi.json")
    operation = document["paths"]["/v1/stream"]["get"]
    assert "Last-Event-ID" in [each["name"] for each in operation["parameters"]]
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    assert {"OpportunitySnapshot", "Followed", "OpportunityGone", "OddsMoved"} <= document["components"][
        "schemas"
    ].keys()
    assert json.dumps(document)
