"""Messages that are none, say what cannot be, or come too late: what becomes of them, and what an operator sees."""

from collections.abc import AsyncIterator, Callable, MutableMapping
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from bet_intel.ev_engine.app import ODDS_QUEUE
from bet_intel.ev_engine.wire import ODDS_CHANGED
from bet_intel.odds_ingest.domain.quotes import MarketBoard, MarketKey
from bet_intel.shared.inprocess import InProcessBus
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from fixtures.answers import H2H, TOTAL, board, sporting_event
from fixtures.engine import MIGRATIONS, Engine
from fixtures.engines import QUICK
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase
from fixtures.spoilt import pointing_nowhere, shortened, undecodable, uneven
from fixtures.waiting import running

pytestmark = pytest.mark.integration

BOARDS: dict[MarketKey, MarketBoard] = {
    H2H: board({name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")})
}


@dataclass
class Consumer:
    """ev-engine behind a bus; `told` are the log's lines that somebody is to see."""

    engine: Engine
    bus: InProcessBus
    told: list[MutableMapping[str, Any]]

    def counted(self, name: str, **labels: str) -> float | None:
        return self.engine.registry.get_sample_value(name, labels)

    def outcome(self, outcome: str) -> float | None:
        return self.counted("bet_intel_messages_total", queue=ODDS_QUEUE.name, outcome=outcome)

    def ignored(self, reason: str) -> float | None:
        return self.counted("bet_intel_messages_ignored_total", type=ODDS_CHANGED, reason=reason)

    def says(self, event: str) -> list[MutableMapping[str, Any]]:
        return [line for line in self.told if line["event"] == event]


@pytest.fixture
async def consumer(make_database: MakeDatabase) -> AsyncIterator[Consumer]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=4) as database:
        engine = Engine.on(database)
        bus = InProcessBus(Random(1), QUICK, engine.messages)
        bus.subscribe(ODDS_QUEUE, engine.pricing().handle, PostgresDeadLetters(database))
        with capture_logs() as told:
            async with running(bus.run()):
                yield Consumer(engine, bus, told)


@pytest.mark.parametrize(
    "spoil",
    [undecodable, shortened, uneven, pointing_nowhere],
    ids=lambda one: one.__name__,
)
async def test_one_that_cannot_be_read_is_a_dead_letter_and_its_neighbours_are_handled(
    consumer: Consumer, spoil: Callable[[Message], Message]
) -> None:
    bad = spoil(Feed(sporting_event("bad")).shows(0, BOARDS))
    await consumer.bus.publish(Feed().shows(0, BOARDS))
    await consumer.bus.publish(bad)
    await consumer.bus.publish(Feed(sporting_event("2")).shows(0, BOARDS))

    [letter] = await consumer.engine.rows("select id, subject, reason, attempts from dead_letter")
    assert (letter["id"], letter["subject"], letter["attempts"]) == (bad.id, "the_feed:bad", 1)
    assert f"odds.changed.v1 {bad.id} of the_feed:bad cannot be read" in letter["reason"]
    [line] = consumer.says("set aside as a dead letter")
    assert (line["id"], line["subject"], line["log_level"]) == (bad.id, "the_feed:bad", "error")
    assert (consumer.outcome("handled"), consumer.outcome("set_aside")) == (2, 1)
    assert {row["id"] for row in await consumer.engine.rows("select id from event")} == {"the_feed:1", "the_feed:2"}


async def test_a_revision_from_the_past_changes_nothing_and_is_counted(consumer: Consumer) -> None:
    feed = Feed()
    first, second = feed.shows(0, BOARDS), feed.restates(1)
    await consumer.bus.publish(second)
    before = await consumer.engine.rows("select as_of, odds_revision, revision from event")

    await consumer.bus.publish(first)
    await consumer.bus.publish(second)

    assert await consumer.engine.rows("select as_of, odds_revision, revision from event") == before
    assert (consumer.ignored("old_revision"), consumer.outcome("handled")) == (2, 3)
    subjects = [line["subjects"] for line in consumer.says("ignored")]
    assert subjects == [[f"the_feed:1 {first.revision}"], [f"the_feed:1 {second.revision}"]]
    assert await consumer.engine.rows("select * from dead_letter") == []


async def test_a_market_whose_prices_nobody_has_told_is_left_until_they_are(consumer: Consumer) -> None:
    feed = Feed()
    totals = board({name: {"Over": 1.91, "Under": 1.91} for name in ("alpha", "beta", "gamma", "delta")})
    lost = feed.shows(0, {**BOARDS, TOTAL: totals})
    del lost  # on the way
    # Confirms both, and tells the prices of none.
    await consumer.bus.publish(feed.shows(1, {**BOARDS, TOTAL: totals}))

    assert consumer.ignored("unknown_market") == 2
    [line] = consumer.says("ignored")
    assert str(line["subjects"]).count("the_feed:1") == 2
    assert "totals" in str(line["subjects"])
    assert await consumer.engine.rows("select * from dead_letter") == []
    # Whatever was lost is told again within minutes.
    await consumer.bus.publish(feed.restates(2))
    assert consumer.ignored("unknown_market") == 2
    [event] = await consumer.engine.rows("select open from event")
    assert event["open"]
