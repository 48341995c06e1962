"""ev-engine behind the bus and in front of it: crashes, poison, dead letters; on a real PostgreSQL."""

import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bet_intel.ev_engine.app import EvEngine, open_ev_engine
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds_ingest.domain.quotes import MarketBoard
from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.engines import Engines
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from fixtures.answers import H2H, board, sporting_event
from fixtures.engine import MIGRATIONS, Engine, open_now
from fixtures.engines import QUICK, KeptInMemory
from fixtures.feed import Feed
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}


def better(home: float) -> MarketBoard:
    """Four books at 1.91 each and one that offers `home` on the home side."""
    return board({**FOUR, "soft": {"Away": 1.80, "Home": home}})


@dataclass
class Reader:
    """A consumer of opportunity sets."""

    sets: list[OpportunitiesUpdated] = field(default_factory=list)

    async def read(self, messages: Sequence[Message]) -> None:
        self.sets += [OpportunitiesUpdated.FromString(message.data) for message in messages]

    def newest(self) -> dict[str, set[str]]:
        """The open opportunities of each event in its newest set."""
        ordered = sorted(self.sets, key=lambda one: one.revision)
        return {one.event.id: set(open_now(one)) for one in ordered}


@dataclass
class Running:
    """One run of the service, with the bus it hangs on."""

    service: EvEngine
    bus: InProcessBus
    reader: Reader


@asynccontextmanager
async def run(dsn: str) -> AsyncIterator[Running]:
    bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
    cache, reader = InProcessCache(8, time.monotonic), Reader()
    engines = Engines(bus, tasks, cache, CollectorRegistry(), lambda: datetime.now(UTC), time.monotonic)
    bus.subscribe(Queue("api.opportunities-updated", "opportunities.updated.v1"), reader.read, KeptInMemory())
    async with (
        open_ev_engine(EvEngineSettings(dsn=SecretStr(dsn)), engines) as service,
        running(bus.run(), service.run()),
    ):
        yield Running(service, bus, reader)


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with Database.open(dsn, name="tests", max_size=2) as opened:
        yield opened


async def sets_in_the_outbox(database: Database) -> int:
    """A new service also asks for its state, now and again: such a message may be there at any time."""
    async with database.snapshot() as connection:
        return int(await connection.fetchval("select count(*) from outbox where name = 'opportunities.updated.v1'"))


async def test_boards_come_in_from_the_bus_and_sets_go_out_on_it(dsn: str, database: Database) -> None:
    async with run(dsn) as one:
        await one.bus.publish(Feed().shows(0, {H2H: better(2.06)}))
        assert await one.service.outbox.drained(10)
        assert one.reader.newest() == {"the_feed:1": {"h2h Home soft"}}
        # A price that is better than fair, by `consensus` and `sharp`; a low hold with another's price, by all three.
        assert (await one.service.totals()).open == 2 + 3
        assert await sets_in_the_outbox(database) == 0


async def test_what_was_committed_before_a_crash_is_published_by_the_next_run(dsn: str, database: Database) -> None:
    # A run that ends between commit and publish: nothing takes its rows out of the outbox.
    crashed = Engine.on(database)
    await crashed.pricing().handle([Feed().shows(0, {H2H: better(2.06)})])
    assert await sets_in_the_outbox(database) == 1
    async with run(dsn) as one:
        await until(lambda: one.reader.newest() == {"the_feed:1": {"h2h Home soft"}})
        assert await one.service.outbox.drained(10)
    assert await sets_in_the_outbox(database) == 0


async def test_lives_go_on_over_a_restart(dsn: str) -> None:
    feed = Feed()
    async with run(dsn) as first:
        await first.bus.publish(feed.shows(0, {H2H: better(2.10)}))
        assert await first.service.outbox.drained(10)
    async with run(dsn) as second:
        await second.bus.publish(feed.shows(1, {H2H: better(2.06)}))
        assert await second.service.outbox.drained(10)
    before, after = (open_now(one.reader.sets[-1])["h2h Home soft"] for one in (first, second))
    assert before["id"] == after["id"]
    assert after["peak_ev"] == before["ev"] > after["ev"]


def _undecodable(message: Message) -> Message:
    return replace(message, data=b"\xff\xff\xff")


def _truncated(message: Message) -> Message:
    return replace(message, data=message.data[:-7])


@pytest.mark.parametrize("poison", [_undecodable, _truncated])
async def test_a_poison_message_among_good_ones_is_set_aside_alone(
    dsn: str, database: Database, poison: Callable[[Message], Message]
) -> None:
    feeds = [Feed(sporting_event(str(id))) for id in range(8)]
    messages = [feed.shows(0, {H2H: better(2.06)}) for feed in feeds]
    messages[3] = poison(messages[3])
    async with run(dsn) as one:
        async with running(*(one.bus.publish(message) for message in messages)):
            good = {feed.event.id for feed in feeds} - {messages[3].subject}
            await until(lambda: one.reader.newest().keys() == good)
            await until(lambda: _dead(database))
        assert all(shown == {"h2h Home soft"} for shown in one.reader.newest().values())
    (letter,) = await PostgresDeadLetters(database).kept("ev-engine.odds-changed")
    assert (letter.id, letter.subject, letter.attempts) == (messages[3].id, messages[3].subject, 1)
    assert "cannot be read" in letter.reason


async def _dead(database: Database) -> bool:
    return await PostgresDeadLetters(database).count() == 1
