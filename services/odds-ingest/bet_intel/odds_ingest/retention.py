"""What odds-ingest keeps, and for how long.

Open events are what it owns and stay, however old they are. Closed ones are as old as source time says; dead letters
and accounts as the clock says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bet_intel.odds_ingest import retention_store as store
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.shared.postgres import Database
from bet_intel.shared.retention import delete_old, forget_dead_letters, source_time


@dataclass(frozen=True, slots=True)
class IngestRetention:
    """`run_once` may be called by any number of processes at once."""

    database: Database
    settings: OddsIngestSettings

    async def run_once(self, now: datetime) -> None:
        """Delete what is too old at `now`."""
        async with self.database.latest() as connection:
            newest = await store.newest_source_time(connection)
        at = await source_time(self.database, now, newest)
        if at is not None:
            before = at - timedelta(days=self.settings.events_retention)
            await delete_old(self.database, partial(store.delete_events, before=before), "events")
        async with self.database.transaction() as connection:
            await store.delete_records(connection, now)
        await forget_dead_letters(self.database, now, self.settings.dead_letters_retention)
