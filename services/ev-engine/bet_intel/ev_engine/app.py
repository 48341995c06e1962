"""Composition root of ev-engine."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bet_intel.ev_engine.closing_lines import ClosingLines
from bet_intel.ev_engine.expiry import ExpirySweep
from bet_intel.ev_engine.price_boards import PriceBoards
from bet_intel.ev_engine.pricing_settings import (
    CALC_BATCH,
    EV_CALCULATION,
    Profiles,
    TakeSettings,
    TellSetsAgain,
)
from bet_intel.ev_engine.pricing_store import has_no_events, has_no_settings
from bet_intel.ev_engine.retention import EngineRetention
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.ev_engine.store import CLOSED, Store, Totals
from bet_intel.ev_engine.wire import ODDS_CHANGED, SOURCE
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from bet_intel.shared.resync import ODDS, PRICING, Resync
from bet_intel.shared.retention import keep
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.ticker import Ticker, periodically

ODDS_QUEUE = Queue("ev-engine.odds-changed", ODDS_CHANGED, batch=64)
SETTINGS_QUEUE = Queue("ev-engine.pricing-settings-changed", "pricing.settings.changed.v1")
RESYNC_QUEUE = Queue("ev-engine.resync-requested", "resync.requested.v1")


@dataclass(frozen=True, slots=True)
class EvEngine:
    """The running service."""

    outbox: Outbox
    heart: Heart
    database: Database
    store: Store
    ticker: Ticker
    retention: EngineRetention
    resync: Resync

    async def totals(self) -> Totals:
        """How many opportunities opened and closed so far."""
        async with self.database.snapshot() as connection:
            return await self.store.totals(connection)

    async def run(self) -> None:
        """Publish and beat until cancelled; boards are priced as the bus delivers them."""
        async with TaskGroup() as group:
            group.create_task(self.outbox.run(sweeps=False), name="ev-engine outbox")
            group.create_task(self.heart.run(), name="ev-engine heartbeat")
            group.create_task(self.ticker.run(), name="ev-engine ticker")
            group.create_task(self.resync.run(), name="ev-engine resync")


@asynccontextmanager
async def open_ev_engine(settings: EvEngineSettings, engines: Engines) -> AsyncIterator[EvEngine]:
    """Open ev-engine and subscribe it to the bus."""
    dsn, options = settings.dsn.get_secret_value(), settings.database(migrations_of("bet_intel.ev_engine"))
    async with Database.open(dsn, name=SOURCE, options=options, metrics=engines.pools) as database:
        dead_letters = PostgresDeadLetters(database)
        outbox = Outbox(database, engines.bus, engines.tasks)
        store = Store()
        profiles = Profiles(settings.profiles())
        closing_lines = ClosingLines(database, outbox, store, profiles, engines.clock)
        days = DaysOf(database, CLOSED)
        pricing = PriceBoards(database, outbox, store, days, profiles, engines.clock, closing_lines, engines.messages)
        engines.bus.subscribe(ODDS_QUEUE, engines.hops.after("priced", pricing.handle), dead_letters)
        take_settings = TakeSettings(outbox, settings.calc_shards, engines.messages)
        engines.bus.subscribe(SETTINGS_QUEUE, take_settings.handle, dead_letters)
        engines.tasks.register(
            EV_CALCULATION, {CALC_BATCH: pricing.calc_batch}, dead_letters, settings.calc_concurrency
        )
        tell_again = TellSetsAgain(outbox, settings.calc_shards)

        async def requested(messages: Sequence[Message]) -> None:
            await tell_again.requested(messages)
            await closing_lines.requested(messages)

        engines.bus.subscribe(RESYNC_QUEUE, requested, dead_letters)
        kinds = {ODDS: has_no_events, PRICING: has_no_settings}
        resync = Resync(SOURCE, database, outbox, kinds, engines.clock, settings.resync_seconds)
        heart = Heart(SOURCE, engines.bus, dead_letters, outbox.backlog, engines.clock, engines.outboxes)
        # What an earlier run left unconfirmed goes first.
        await outbox.recover()
        retention = EngineRetention(database, settings)
        ticker = Ticker(SOURCE, database, metrics=engines.tickers)
        ticker.add("ev-engine sweeper", outbox.sweep)
        ticker.add("ev-engine closing lines", closing_lines.run)
        ticker.add("ev-engine retention", lambda: keep(retention, engines.clock))
        silence = timedelta(seconds=settings.silent_seconds)
        expiry = ExpirySweep(
            database, outbox, ticker, profiles, engines.monotonic, shards=settings.calc_shards, silence=silence
        )
        ticker.add("ev-engine expiry", periodically(settings.sweep_seconds, "expiry sweep", expiry.look))
        yield EvEngine(outbox, heart, database, store, ticker, retention, resync)


__all__ = ["EvEngine", "Totals", "open_ev_engine"]
