"""What the engine keeps, and for how long; all of it as old as source time says, dead letters as the clock says.

Open opportunities and the events they belong to stay, however old they are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bet_intel.ev_engine import earlier_line_store, later_update_store
from bet_intel.ev_engine import retention_store as store
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.ev_engine.store import CLOSED
from bet_intel.shared.postgres import Database
from bet_intel.shared.retention import Kept, delete_old, forget_dead_letters, source_time, turn_over

_STARTS_MOVE = timedelta(days=1)
"""To no longer ago than that: what stood before is not asked for."""


@dataclass(frozen=True, slots=True)
class EngineRetention:
    """`run_once` may be called by any number of processes at once."""

    database: Database
    settings: EvEngineSettings

    async def run_once(self, now: datetime) -> None:
        """Drop what is too old at `now`, and make the partitions of the days that come."""
        async with self.database.latest() as connection:
            newest = await store.newest_source_time(connection)
        at = await source_time(self.database, now, newest)
        if at is not None:
            before = at - timedelta(days=self.settings.events_retention)
            await delete_old(self.database, partial(store.delete_events, before=before), "events")
            moved = at - _STARTS_MOVE
            await delete_old(self.database, partial(earlier_line_store.delete_old, before=moved), "earlier lines")
            await delete_old(self.database, partial(later_update_store.delete_old, before=moved), "later updates")
            await turn_over(self.database, Kept(CLOSED, self.settings.lives_retention), at)
        await forget_dead_letters(self.database, now, self.settings.dead_letters_retention)
