"""Composition root of odds-ingest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bet_intel.odds_ingest.ingest import IngestOdds
from bet_intel.odds_ingest.poll import Pace, Poller
from bet_intel.odds_ingest.providers.port import OddsProvider
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.odds_ingest.store import Store
from bet_intel.odds_ingest.wire import SOURCE
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database, PostgresDeadLetters


@dataclass(frozen=True, slots=True)
class OddsIngest:
    """The running service."""

    outbox: Outbox
    poller: Poller
    position: int
    heart: Heart

    async def run(self) -> None:
        """Publish, beat and poll until cancelled; polling ends with the source."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.outbox.run(), name="odds-ingest outbox")
            group.create_task(self.heart.run(), name="odds-ingest heartbeat")
            group.create_task(self.poller.run(), name="odds-ingest poll")


@asynccontextmanager
async def open_odds_ingest(
    settings: OddsIngestSettings, engines: Engines, provider: OddsProvider, source: str, pace: Pace
) -> AsyncIterator[OddsIngest]:
    """Open odds-ingest on `provider`; `source` names what its position is kept for (one recording, or the provider)."""
    async with Database.open(settings.dsn.get_secret_value(), name=SOURCE, max_size=settings.pool_size) as database:
        outbox = Outbox(database, engines.bus, engines.tasks)
        store = Store()
        async with database.snapshot() as connection:
            position = await store.position(connection, source)
        ingest = IngestOdds(outbox, store, engines.clock)
        poller = Poller(provider, source, position, ingest, engines.bus, pace, engines.clock, engines.monotonic)
        heart = Heart(SOURCE, engines.bus, PostgresDeadLetters(database), outbox.backlog, engines.clock)
        # What an earlier run left unconfirmed goes first.
        await outbox.recover()
        yield OddsIngest(outbox, poller, position, heart)
