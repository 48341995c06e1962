"""Composition root of odds-ingest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry

from bet_intel.odds_ingest.demand import Demand
from bet_intel.odds_ingest.domain.budget import Budget
from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.means import Means
from bet_intel.odds_ingest.poll import Company, Pace, Poller
from bet_intel.odds_ingest.providers.call_metrics import CallMetrics, Measured
from bet_intel.odds_ingest.providers.pollable import PollableProvider
from bet_intel.odds_ingest.providers.port import OddsProvider, ProviderError
from bet_intel.odds_ingest.quota import Quota
from bet_intel.odds_ingest.refreshes import Refreshes
from bet_intel.odds_ingest.restate import RestateOdds
from bet_intel.odds_ingest.retention import IngestRetention
from bet_intel.odds_ingest.schedule import ScheduledPoller
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.odds_ingest.store import Store
from bet_intel.odds_ingest.tasks import DATA_REFRESH, RefreshMetrics, RefreshTasks
from bet_intel.odds_ingest.telling import BookmakerAges, Teller
from bet_intel.odds_ingest.wire import SOURCE
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.messaging import Queue
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from bet_intel.shared.retention import keep
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.tasks import Actor
from bet_intel.shared.ticker import Ticker

_RECORDED = "a recording is played as it was taken: there is nothing newer to ask for"
_ENDED = "this source is not read any more: "


class Polling(Protocol):
    """What reads a provider. `ended` is set with the source, or with a `failure`."""

    ended: asyncio.Event
    failure: ProviderError | None

    def go_on_from(self, position: int) -> None: ...

    async def run(self) -> None: ...

    async def pass_time(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OddsIngest:
    """The running service."""

    outbox: Outbox
    poller: Polling
    position: int
    heart: Heart
    teller: Teller
    is_recording: bool
    ticker: Ticker
    sweeper: Ticker
    reload: Callable[[], Awaitable[int]]
    retention: IngestRetention

    async def run(self) -> None:
        """Publish and beat until cancelled; sweep and poll where this process leads. Polling ends with the source."""
        self.ticker.add("odds-ingest poll", self._poll)
        async with TaskGroup() as group:
            group.create_task(self.outbox.run(sweeps=False), name="odds-ingest outbox")
            group.create_task(self.heart.run(), name="odds-ingest heartbeat")
            group.create_task(self.ticker.run(), name="odds-ingest ticker")
            group.create_task(self.sweeper.run(), name="odds-ingest sweeper")
            if self.is_recording:
                group.create_task(self.teller.refuse(_RECORDED), name="odds-ingest refreshes")

    async def run_telling(self) -> None:
        """Publish and beat until cancelled: a worker's part, which asks only for what it is given as a task."""
        async with TaskGroup() as group:
            group.create_task(self.outbox.run(sweeps=False), name="odds-ingest outbox")
            group.create_task(self.heart.run(), name="odds-ingest heartbeat")
            group.create_task(self.sweeper.run(), name="odds-ingest sweeper")

    async def _poll(self) -> None:
        if not self.poller.ended.is_set():
            self.poller.go_on_from(await self.reload())
            await self.poller.run()
        if not self.is_recording:
            async with TaskGroup() as group:
                group.create_task(self.teller.refuse(f"{_ENDED}{self.poller.failure}"))
                group.create_task(self.poller.pass_time())


@asynccontextmanager
async def open_odds_ingest(
    settings: OddsIngestSettings,
    engines: Engines,
    provider: OddsProvider | PollableProvider,
    source: str,
    pace: Pace,
) -> AsyncIterator[OddsIngest]:
    """Open odds-ingest on `provider`; `source` names what its position is kept for (one recording, or the provider)."""
    dsn, options = settings.dsn.get_secret_value(), settings.database(migrations_of("bet_intel.odds_ingest"))
    async with Database.open(dsn, name=SOURCE, options=options, metrics=engines.pools) as database:
        outbox = Outbox(database, engines.bus, engines.tasks)
        dead_letters = PostgresDeadLetters(database)
        store = Store()

        async def stored_position() -> int:
            async with database.latest() as connection:
                return await store.position(connection, source)

        position = await stored_position()
        ticker = Ticker(SOURCE, database, metrics=engines.tickers)
        # One that is asked target by target is asked for what is offered now.
        is_live = isinstance(provider, PollableProvider) or provider.is_live
        ingest = IngestOdds(outbox, store, engines.clock, ticker.guard, engines.hops, live=is_live)
        refreshes, demand = Refreshes(database, outbox, engines.clock), Demand()
        subscribe = engines.bus.subscribe
        subscribe(Queue("odds-ingest.refresh-requested", "refresh.requested.v1"), refreshes.requested, dead_letters)
        restate = RestateOdds(outbox, store, provider.name if is_live else None)
        subscribe(Queue("odds-ingest.resync-requested", "resync.requested.v1"), restate.requested, dead_letters)
        subscribe(Queue("odds-ingest.demand-observed", "demand.observed.v1"), demand.observed, dead_letters)
        teller = Teller(provider.name, provider.total, engines.bus, refreshes, engines.clock)
        ages = await BookmakerAges.load(database, provider.name, engines.monotonic)
        company = Company(teller, refreshes, ages)
        poller: Polling
        actors: Mapping[str, Actor] = {}
        refreshed = RefreshMetrics()
        if isinstance(provider, PollableProvider):
            budget = Budget(settings.quota_month, settings.quota_day)
            quota = Quota(database, provider.name, budget, engines.clock)
            asked = IngestOdds(outbox, store, engines.clock, hops=engines.hops, live=is_live)
            means = Means(database, ingest, quota, demand, company, asked)
            tasks = RefreshTasks(outbox, provider.name, engines.clock, refreshed)
            scheduled = ScheduledPoller(provider, source, position, means, pace, engines.clock, dispatch=tasks.dispatch)
            actors = tasks.actors(scheduled)
            poller = scheduled
        else:
            poller = Poller(provider, source, position, ingest, company, pace, engines.clock, engines.monotonic)
        engines.tasks.register(DATA_REFRESH, actors, dead_letters, settings.concurrency)
        heart = Heart(SOURCE, engines.bus, dead_letters, outbox.backlog, engines.clock, engines.outboxes)
        # What an earlier run left unconfirmed goes first.
        await outbox.recover()
        retention = IngestRetention(database, settings)
        # Of its own: workers sweep as well, and do not poll.
        sweeper = Ticker(f"{SOURCE} sweeper", database, metrics=engines.tickers)
        sweeper.add("odds-ingest sweeper", outbox.sweep)
        ticker.add("odds-ingest retention", lambda: keep(retention, engines.clock))
        is_recording = provider.total is not None
        with _shown(provider, refreshed, engines.registry):
            yield OddsIngest(
                outbox, poller, position, heart, teller, is_recording, ticker, sweeper, stored_position, retention
            )


@contextmanager
def _shown(provider: object, refreshed: RefreshMetrics, registry: CollectorRegistry) -> Generator[None]:
    """Show what is counted of tasks, and of the provider's calls where it makes any."""
    shown: list[RefreshMetrics | CallMetrics] = [refreshed]
    if isinstance(provider, Measured):
        shown.append(provider.call_metrics)
    for metrics in shown:
        metrics.register(registry)
    try:
        yield
    finally:
        for metrics in shown:
            metrics.unregister(registry)
