"""Events that are not told of any more: time passes for them all the same, in source time."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bet_intel.ev_engine.expiry import ExpirySweep
from bet_intel.ev_engine.wire import SOURCE
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds_ingest.domain.quotes import MarketBoard, MarketKey
from bet_intel.shared.postgres import Database
from bet_intel.shared.ticker import NotLeadingError, Ticker
from bet_intel.shared.times import from_us
from fixtures.answers import H2H, START, board, minutes, sporting_event
from fixtures.engine import MIGRATIONS, Engine, closed_now, open_now
from fixtures.feed import Feed
from fixtures.outgoing import outgoing_tasks
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}
BETTER: dict[MarketKey, MarketBoard] = {H2H: board({**FOUR, "soft": {"Away": 1.80, "Home": 2.06}})}
LOOKS_APART = 60.0


class Sweeper:
    """The leader's duty, on a monotonic clock that the test moves."""

    def __init__(self, engine: Engine, ticker: Ticker) -> None:
        self.engine = engine
        self.now = 1000.0
        self._sweep = ExpirySweep(
            engine.database,
            engine.outbox,
            ticker,
            engine.profiles,
            lambda: self.now,
            shards=3,
            silence=timedelta(minutes=3),
        )

    async def looks(self, times: int = 1) -> list[OpportunitiesUpdated]:
        """Look so many times, a minute apart; the sets that came of it."""
        for _ in range(times):
            await self._sweep.look()
            self.now += LOOKS_APART
            for task in await outgoing_tasks(self.engine.database):
                assert (task.queue, task.actor) == ("ev_calculation", "ev.calc_batch")
                await self.engine.pricing().calc_batch(**task.arguments)
                # Twice is once.
                before = len(await self.engine.rows("select * from outbox"))
                await self.engine.pricing().calc_batch(**task.arguments)
                assert len(await self.engine.rows("select * from outbox")) == before
        return await self.engine.told()


@pytest.fixture
async def engine(make_database: MakeDatabase) -> AsyncIterator[Engine]:
    async with Database.open(await make_database(MIGRATIONS), name="tests", max_size=4) as database:
        yield Engine.on(database)


@pytest.fixture
async def sweeper(engine: Engine) -> AsyncIterator[Sweeper]:
    ticker = Ticker(SOURCE, engine.database)
    async with running(ticker.run()):
        await until(lambda: ticker.epoch is not None)
        yield Sweeper(engine, ticker)


def times(told: list[OpportunitiesUpdated]) -> list[datetime]:
    return [from_us(one.as_of_us) for one in told]


async def test_an_event_that_its_provider_goes_on_without_ends_in_source_time(engine: Engine, sweeper: Sweeper) -> None:
    silent, other = Feed(), Feed(sporting_event("2"))
    first, _ = await engine.handles(silent.shows(0, BETTER), other.shows(0, BETTER))
    assert await sweeper.looks(3) == []

    await engine.handles(other.shows(9, BETTER))
    assert await sweeper.looks() == [], "what was told of that time may still be on its way"
    [at_nine] = await sweeper.looks()
    assert (at_nine.event.id, times([at_nine])) == (silent.event.id, [minutes(9)])
    assert "h2h Home soft" in open_now(at_nine), "nine minutes are not too old"
    assert (at_nine.odds_revision, at_nine.revision > first.revision) == (first.odds_revision, True)

    await engine.handles(other.shows(13, BETTER))
    [at_thirteen] = await sweeper.looks(2)
    assert times([at_thirteen]) == [minutes(13)]
    assert closed_now(at_thirteen)[open_now(first)["h2h Home soft"]["id"]] == "reference_stale"
    assert open_now(at_thirteen) == {}

    # When it is told of again, it goes on from there.
    [again] = await engine.handles(silent.shows(14, BETTER))
    assert (open_now(again)["h2h Home soft"]["opening"], times([again])) == (2, [minutes(14)])


async def test_where_all_is_stale_it_is_left_alone(engine: Engine, sweeper: Sweeper) -> None:
    other = Feed(sporting_event("2"))
    await engine.handles(Feed().shows(0, BETTER), other.shows(0, BETTER))
    told = []
    for hour in range(1, 6):
        await engine.handles(other.shows(60 * hour, BETTER))
        told += await sweeper.looks(3)
    assert times(told) == [minutes(60)]


async def test_a_live_feed_that_goes_silent_ends_though_nothing_is_told(engine: Engine, sweeper: Sweeper) -> None:
    feed = Feed(live=True)
    [first] = await engine.handles(feed.shows(0, BETTER))

    told = await sweeper.looks(30)

    # Seen at the first look, it has gone on for four minutes at the fifth.
    assert times(told) == [minutes(number) for number in range(4, 24, 4)]
    id = open_now(first)["h2h Home soft"]["id"]
    [closing] = [one for one in told if id in closed_now(one)]
    assert (times([closing]), closed_now(closing)[id]) == ([minutes(12)], "reference_stale")
    assert await engine.rows("select * from opportunity") == []


async def test_with_the_start_it_ends_as_started(engine: Engine, sweeper: Sweeper) -> None:
    feed = Feed(live=True)
    before = (START - minutes(0)).total_seconds() / 60 - 2
    [first] = await engine.handles(feed.shows(before, BETTER))

    told = await sweeper.looks(6)

    assert closed_now(told[0])[open_now(first)["h2h Home soft"]["id"]] == "event_started"


async def test_the_time_of_a_recording_ends_with_it(engine: Engine, sweeper: Sweeper) -> None:
    await engine.handles(Feed().shows(0, BETTER))
    assert await sweeper.looks(100) == []
    assert len(await engine.rows("select * from opportunity")) > 0


async def test_while_it_is_told_of_nothing_is_swept(engine: Engine, sweeper: Sweeper) -> None:
    feed = Feed(live=True)
    for minute in range(10):
        await engine.handles(feed.shows(minute, BETTER) if minute == 0 else feed.waits(minute))
        assert await sweeper.looks() == []


async def test_who_leads_no_more_has_nothing_expire(engine: Engine) -> None:
    await engine.handles(Feed(live=True).shows(0, BETTER))
    sweeper = Sweeper(engine, Ticker(SOURCE, engine.database))
    with pytest.raises(NotLeadingError):
        await sweeper.looks(10)
    assert await engine.rows("select * from outbox where kind = 'task'") == []
