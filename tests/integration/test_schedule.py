"""A provider that is asked league by league, on a real PostgreSQL and bus, in time that passes when it is slept."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bet_intel.events.v1 import demand_observed_pb2, provider_status_pb2, refresh_requested_pb2
from bet_intel.odds_ingest.demand import Demand
from bet_intel.odds_ingest.domain.budget import Budget, Usage
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.poll import Company, Pace
from bet_intel.odds_ingest.poll_store import leagues
from bet_intel.odds_ingest.providers.pollable import PollableProvider, PolledLeague, Told
from bet_intel.odds_ingest.providers.port import (
    AuthError,
    ProviderError,
    QuotaError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.the_odds_api.pollable import PollableOddsApi
from bet_intel.odds_ingest.quota import Quota
from bet_intel.odds_ingest.refreshes import Refreshes
from bet_intel.odds_ingest.schedule import Means, ScheduledPoller
from bet_intel.odds_ingest.store import Store
from bet_intel.odds_ingest.telling import BookmakerAges, Teller
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import to_us
from fixtures.answers import H2H, PROVIDER, board, odds, sporting_event
from fixtures.engines import QUICK, KeptInMemory
from fixtures.fake_odds_api import BASKETBALL, SOCCER, TWO_RESPONSES, fake_odds_api, write
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

NOON = datetime(2026, 4, 16, 12, tzinfo=UTC)
BASEBALL, HOCKEY = "baseball_mlb", "icehockey_nhl"
EVEN = {"alpha": {"Home": 1.9, "Away": 1.9}}
ONE = "0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10"


@dataclass
class Feed:
    """A provider of a few lines. `failures` are raised by the next calls for odds, by league."""

    now: datetime
    events: dict[str, list[datetime]]
    price: int = 2
    plan: int = 500
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    failures: dict[str, list[ProviderError]] = field(default_factory=dict)
    charged: int = 0
    name: str = PROVIDER
    total: int | None = None

    async def leagues(self) -> Told[Sequence[PolledLeague]]:
        return Told([PolledLeague(key, key.partition("_")[0]) for key in self.events], self._usage(0))

    async def starts(self, league: str) -> Told[Sequence[datetime]]:
        return Told(self.events[league], self._usage(0))

    def cost(self, league: str) -> int:
        return self.price

    async def odds(self, league: str) -> Told[Answer]:
        self.asked.append((league, self.now))
        if self.failures.get(league):
            raise self.failures[league].pop(0)
        self.charged += self.price
        event = sporting_event(league, league, self.events[league][0])
        shown = odds({H2H: board(EVEN, self.now)}, event)
        return Told(Answer(self.name, frozenset({league}), self.now, (shown,)), self._usage(self.price))

    def _usage(self, last: int) -> Usage:
        return Usage(last, self.plan - self.charged, self.charged)

    async def aclose(self) -> None:
        """Nothing is held."""

    def times(self, league: str) -> list[datetime]:
        return [at for asked, at in self.asked if asked == league]


@dataclass
class Run:
    poller: ScheduledPoller
    quota: Quota
    bus: InProcessBus
    refreshes: Refreshes
    demand: Demand
    statuses: list[provider_status_pb2.ProviderStatus]
    clock: Feed

    async def until(self, end: datetime) -> None:
        """Let time pass up to `end`, by what the poller sleeps."""
        self.end = end
        self.reached = asyncio.Event()
        task = asyncio.create_task(self.poller.run())
        try:
            async with asyncio.timeout(60):
                waiting = asyncio.create_task(self.reached.wait())
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            if task.done():
                task.result()
        finally:
            task.cancel()

    async def sleep(self, seconds: float) -> None:
        if self.clock.now + timedelta(seconds=seconds) > self.end:
            self.reached.set()
            await asyncio.Event().wait()
        self.clock.now += timedelta(seconds=seconds)

    def answered(self) -> list[provider_status_pb2.ProviderStatus]:
        return [status for status in self.statuses if status.refresh_id]


@asynccontextmanager
async def scheduled(
    dsn: str, provider: PollableProvider, clock: Feed, budget: Budget | None = None
) -> AsyncIterator[Run]:
    statuses: list[provider_status_pb2.ProviderStatus] = []

    async def watch(messages: Sequence[Message]) -> None:
        statuses.extend(provider_status_pb2.ProviderStatus.FromString(message.data) for message in messages)

    async def ignore(_messages: Sequence[Message]) -> None: ...

    async def at_once() -> None: ...

    def now() -> datetime:
        return clock.now

    async with Database.open(dsn, name="tests", max_size=3) as database:
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
        outbox = Outbox(database, bus, tasks)
        refreshes, demand = Refreshes(database, outbox, now), Demand()
        for name, type_, handler in (
            ("api.odds-changed", "odds.changed.v1", ignore),
            ("api.provider-status", "provider.status.v1", watch),
            ("odds-ingest.refresh-requested", "refresh.requested.v1", refreshes.requested),
            ("odds-ingest.demand-observed", "demand.observed.v1", demand.observed),
        ):
            bus.subscribe(Queue(name, type_), handler, KeptInMemory())
        teller = Teller(provider.name, None, bus, refreshes, now)
        company = Company(teller, refreshes, await BookmakerAges.load(database, provider.name, lambda: 0.0))
        quota = Quota(database, provider.name, budget or Budget(), now)
        means = Means(database, IngestOdds(outbox, Store(), now), quota, demand, company)
        runs: list[Run] = []

        async def sleep(seconds: float) -> None:
            await runs[0].sleep(seconds)

        poller = ScheduledPoller(provider, "live", 0, means, Pace(at_once, lambda _: None), now, sleep)
        runs.append(Run(poller, quota, bus, refreshes, demand, statuses, clock))
        async with running(bus.run(), outbox.run()):
            yield runs[0]


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def feed(price: int = 2, plan: int = 500) -> Feed:
    return Feed(NOON, {BASEBALL: [hours(4), hours(60)], HOCKEY: [hours(50)]}, price, plan)


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


async def test_near_events_are_looked_at_often_and_far_ones_rarely(dsn: str) -> None:
    given = feed(price=0)
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(4.5))
    counted = Counter(league for league, _ in given.asked)
    assert counted[BASEBALL] > 4 * counted[HOCKEY] > 0
    before_start = [at for at in given.times(BASEBALL) if at < hours(4)]
    gaps = [later - sooner for sooner, later in pairwise(before_start)]
    assert gaps[-1] < gaps[0] / 3
    # A minute, four times as long because nobody asks, twice as long because no price moves.
    assert gaps[-1] == timedelta(minutes=8)


async def test_the_budget_of_the_day_is_kept_and_told(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(month=400, day=9)) as run:
        await run.until(hours(11.9))
        state = await run.quota.state()
        assert given.charged == state.spent_day == 8
        last = run.statuses[-1].credit_state
        assert (last.spent_day, last.left_day, last.left_month, last.provider_remaining) == (8, 1, 392, 492)
        await run.until(hours(20))
        assert 8 < given.charged <= 17
    assert Counter(league for league, at in given.asked if at < hours(12))[BASEBALL] >= 3


async def test_a_restart_asks_for_nothing_that_was_just_asked_for(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.01))
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.05))
    assert len(given.asked) == 2


async def test_what_somebody_looks_at_is_asked_for_more_often(dsn: str) -> None:
    given = Feed(NOON, {BASEBALL: [hours(30)], HOCKEY: [hours(30)]}, price=0)
    body = demand_observed_pb2.DemandObserved(at_us=to_us(NOON + timedelta(days=1)), sports=["icehockey"])
    async with scheduled(dsn, given, given) as run:
        # Somebody keeps looking at hockey: here, in one message from the end of it.
        await run.bus.publish(Message("1", "demand.observed.v1", "api", "g", NOON, 0, body.SerializeToString()))
        await run.until(hours(12))
    counted = Counter(league for league, _ in given.asked)
    assert counted[HOCKEY] > 2.5 * counted[BASEBALL]


def requested(**wanted: list[str]) -> Message:
    body = refresh_requested_pb2.RefreshRequested(id=ONE, at_us=to_us(NOON), **wanted)
    return Message(ONE, "refresh.requested.v1", "api", ONE, NOON, 0, body.SerializeToString())


async def test_a_refresh_asks_for_what_was_named_and_tells_what_it_cost(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(day=70)) as run:
        await run.until(hours(0.01))
        await run.bus.publish(requested(leagues=[HOCKEY]))
        await run.until(hours(0.02))
        await until(lambda: len(run.answered()) == 1)
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY, HOCKEY]
    (status,) = run.answered()
    assert (status.refresh_id, status.error_kind, status.credits) == (ONE, "", 2)
    assert (status.credit_state.spent_day, status.credit_state.left_day) == (6, 64)


@pytest.mark.parametrize(
    ("day", "wanted", "failure", "kind"),
    [
        (5, {"leagues": [BASEBALL, HOCKEY]}, None, "quota"),
        (50, {"leagues": ["tennis_atp"]}, None, "validation"),
        (50, {"sports": ["baseball"]}, TransientProviderError("status 503"), "transient"),
    ],
)
async def test_a_refresh_that_is_not_possible_says_why(
    dsn: str, day: int, wanted: dict[str, list[str]], failure: ProviderError | None, kind: str
) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(day=day)) as run:
        await run.until(hours(0.01))
        given.failures[BASEBALL] = [failure] if failure else []
        await run.bus.publish(requested(**wanted))
        await run.until(hours(0.02))
        await until(lambda: len(run.answered()) == 1)
    assert run.answered()[0].error_kind == kind
    assert run.answered()[0].message


async def test_a_wrong_key_ends_the_asking(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = [AuthError("wrong key")]
    async with scheduled(dsn, given, given, Budget(day=10)) as run:
        await run.until(hours(1))
        assert isinstance(run.poller.failure, AuthError)
        assert run.poller.ended.is_set()
        # It cost nothing.
        assert (await run.quota.state()).left.day == 10
    assert len(given.asked) == 1


async def test_a_call_that_is_refused_as_wrong_is_not_made_again(dsn: str) -> None:
    given = feed(price=0)
    given.failures[BASEBALL] = [RefusedRequestError("no such market")]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(30))
    assert len(given.times(BASEBALL)) == 1
    assert len(given.times(HOCKEY)) > 1


async def test_a_lost_answer_keeps_its_credits_and_is_not_asked_for_at_once(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = [TransientProviderError("half a body")]
    async with scheduled(dsn, given, given, Budget(day=100)) as run:
        await run.until(hours(0.05))
        state = await run.quota.state()
        assert (state.spent_day, state.left.day) == (2, 96)
        assert run.statuses[0].error_kind == "transient"
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]


async def test_spent_credits_pause_the_asking_until_the_provider_has_some_again(dsn: str) -> None:
    given = feed()
    given.failures[HOCKEY] = [QuotaError("spent", retry_after=600.0)]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.45))
        assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]
        assert run.statuses[-1].error_kind == "quota"
        assert (await run.quota.state()).left.provider == 0
        # The next look at the fixtures is free, and tells of what was bought meanwhile.
        await run.until(hours(3))
        assert len(given.asked) > 2
        assert run.statuses[-1].error_kind == ""


async def test_a_new_month_is_planned_with_what_the_provider_gives_for_it(dsn: str) -> None:
    eve = datetime(2026, 4, 30, 23, 50, tzinfo=UTC)
    given = Feed(eve, {BASEBALL: [eve + timedelta(minutes=40)], HOCKEY: [eve + timedelta(minutes=50)]}, 2, 60)
    body = demand_observed_pb2.DemandObserved(at_us=to_us(eve + timedelta(hours=1)), everything=True)
    async with scheduled(dsn, given, given) as run:
        await run.bus.publish(Message("1", "demand.observed.v1", "api", "g", eve, 0, body.SerializeToString()))
        await run.until(eve + timedelta(minutes=9.9))
        before = given.charged
        given.plan = before + 60
        await run.until(eve + timedelta(minutes=60))
    # 60 credits over the 31 days of May are 2 on the first.
    assert given.charged - before <= 2


async def test_two_workers_never_ask_for_the_same_twice(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as one, scheduled(dsn, given, given) as other:
        await asyncio.gather(one.until(hours(0.02)), other.until(hours(0.02)))
    assert sorted(league for league, _ in given.asked) == [BASEBALL, HOCKEY]
    async with Database.open(dsn, name="tests") as database, database.snapshot() as connection:
        assert set(await leagues(connection, PROVIDER)) == {BASEBALL, HOCKEY}


async def test_the_odds_api_over_http_is_asked_league_by_league(dsn: str, tmp_path: Path) -> None:
    async with fake_odds_api([write(tmp_path / "tape.jsonl.gz", *TWO_RESPONSES)]) as stand:
        provider = PollableOddsApi(stand.settings(), lambda: NOON, stand.ticker)
        stand.opened.append(provider)
        assert isinstance(provider, PollableProvider)
        told = await provider.leagues()
        assert {(league.key, league.sport) for league in told.value} == {(SOCCER, "soccer"), (BASKETBALL, "basketball")}
        assert told.usage == Usage(0, 500, 0)
        assert len((await provider.starts(SOCCER)).value) == 2
        answer = await provider.odds(SOCCER)
        assert answer.usage == Usage(provider.cost(SOCCER), 494, 6)
        assert {each.event.league for each in answer.value.events} == {SOCCER}
        # The recording is of January: its clock is what is polled by.
        clock = Feed(answer.value.as_of - timedelta(hours=1), {})
        async with scheduled(dsn, provider, clock, Budget(month=100)) as run:
            await run.bus.publish(requested())
            await run.until(clock.now + timedelta(minutes=1))
            await until(lambda: len(run.answered()) == 1)
            state = await run.quota.state()
        assert run.answered()[0].error_kind == ""
        assert (state.spent_month, state.report and state.report.remaining) == (12, 482)
