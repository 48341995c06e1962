"""A consumer as `python -m bet_intel.ev_engine consume` starts it, and messages that are none or come too late."""

import asyncio
import json
import urllib.request
from dataclasses import replace
from typing import Any

import aio_pika
import asyncpg
import pytest

from bet_intel.ev_engine.app import ODDS_QUEUE
from bet_intel.ev_engine.wire import ODDS_CHANGED
from bet_intel.ev_engine.wire_sets import OPPORTUNITIES_UPDATED
from bet_intel.shared.messaging import Queue
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.envelope import to_amqp
from bet_intel.shared.rabbitmq.topology import dead_queue
from fixtures.answers import H2H, board, sporting_event
from fixtures.engine import MIGRATIONS
from fixtures.engines import KeptInMemory, connector
from fixtures.feed import Feed
from fixtures.outgoing_amqp import for_driver
from fixtures.postgres import MakeDatabase
from fixtures.processes import Process, process
from fixtures.servers import Vhost
from fixtures.spoilt import shortened, undecodable
from fixtures.waiting import until

pytestmark = pytest.mark.integration

EV_ENGINE = "bet_intel.ev_engine"
BOARDS = {H2H: board({name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")})}


async def metrics(started: Process) -> str:
    found = started.says(r"http://127\.0\.0\.1:(\d+)/metrics")
    assert found is not None, started.said
    with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{found[1]}/metrics") as answer:
        text: str = answer.read().decode()
    return text


def lines(started: Process, event: str) -> list[dict[str, Any]]:
    """What its log says of `event`."""
    told = [json.loads(line) for line in started.said if line.startswith("{")]
    return [line for line in told if line["event"] == event]


async def _nobody(_messages: object) -> None:
    pass


async def test_each_is_kept_or_ignored_by_rule_counted_and_said_once_with_its_ids(
    vhost: Vhost, make_database: MakeDatabase
) -> None:
    dsn = await make_database(MIGRATIONS)
    settings = {
        "BET_INTEL_BROKER_URL": vhost.url,
        "BET_INTEL_EV_ENGINE_DSN": dsn,
        "BET_INTEL_METRICS_PORT": "0",
    }
    async with process(EV_ENGINE, "migrate", settings) as migrating:
        assert await migrating.wait() == 0, migrating.said
    bus = RabbitBus(connector(vhost.url))
    bus.subscribe(Queue("tests.sets", OPPORTUNITIES_UPDATED), _nobody, KeptInMemory())
    await bus.declare()  # so that what the engine tells has a place to go
    feed = Feed()
    old, newer = feed.shows(0, BOARDS), feed.restates(1)
    garbage = undecodable(Feed(sporting_event("garbage")).shows(0, BOARDS))
    short = shortened(Feed(sporting_event("short")).shows(0, BOARDS))
    unknown = replace(Feed(sporting_event("unknown")).shows(0, BOARDS), type="odds.changed.v7")

    async with process(EV_ENGINE, "consume", settings) as consumer:
        for one in (newer, garbage, short, old):
            await bus.publish(one)
        connection = await aio_pika.connect(vhost.url)
        async with connection, connection.channel() as channel:
            for raw in (for_driver(to_amqp(unknown)), aio_pika.Message(b"?", message_id="alien")):
                await channel.default_exchange.publish(raw, ODDS_QUEUE.name)
            await bus.publish(Feed(sporting_event("2")).shows(0, BOARDS))

            database = await asyncpg.connect(dsn)

            async def all_judged() -> bool:
                kept: int = await database.fetchval("select count(*) from dead_letter")
                priced: int = await database.fetchval("select count(*) from event")
                dead = await channel.declare_queue(dead_queue(ODDS_QUEUE.name), passive=True)
                said = len(lines(consumer, "ignored")) == 1
                return said and (kept, priced, dead.declaration_result.message_count) == (3, 2, 1)

            await until(all_judged, timeout=60)
            [alien] = [await (await channel.get_queue(dead_queue(ODDS_QUEUE.name))).get()]

        samples = {
            f'bet_intel_messages_total{{outcome="{outcome}",queue="{ODDS_QUEUE.name}"}} {number}.0'
            for outcome, number in (("handled", 3), ("set_aside", 3), ("refused", 1))
        } | {f'bet_intel_messages_ignored_total{{reason="old_revision",type="{ODDS_CHANGED}"}} 1.0'}

        async def all_counted() -> bool:
            return samples <= set((await metrics(consumer)).splitlines())

        await until(all_counted)

        letters = {row["id"]: row["reason"] for row in await database.fetch("select id, reason from dead_letter")}
        assert letters.keys() == {garbage.id, short.id, unknown.id}
        assert "odds.changed.v7" in letters[unknown.id]
        events = {row["id"] for row in await database.fetch("select id from event")}
        await database.close()
        assert events == {"the_feed:1", "the_feed:2"}
        assert alien.message_id == "alien"

        said = sorted((line["id"], line["subject"]) for line in lines(consumer, "set aside as a dead letter"))
        assert said == sorted((one.id, one.subject) for one in (garbage, short, unknown))
        assert [line["id"] for line in lines(consumer, "no event of ours, left to the dead queue")] == ["alien"]
        [ignored] = lines(consumer, "ignored")
        assert (ignored["reason"], ignored["subjects"]) == ("old_revision", [f"the_feed:1 {old.revision}"])
        assert await consumer.stop() == 0
    await bus.close()
