"""What the gateway keeps, and for how long.

Line history, closed opportunities and closed events are as old as source time says; the feed and dead letters as the
clock says. Open opportunities and open events stay, however old they are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bet_intel.api import audit_store, closing_store, read_model, usage_store
from bet_intel.api import retention_store as store
from bet_intel.api.account_store import delete_dead_keys
from bet_intel.api.closed_store import CLOSED
from bet_intel.api.history_store import HISTORY, delete_quiet
from bet_intel.api.settings import ApiSettings
from bet_intel.api.store import FEED
from bet_intel.api.subscription_store import delete_deliveries
from bet_intel.shared.postgres import Database
from bet_intel.shared.retention import Kept, delete_old, first_day_kept, forget_dead_letters, source_time, turn_over

_QUIET = timedelta(hours=1)
"""For so long a board may come late. Where limits are told, most polls tell one that changed no price."""
_DEAD_KEYS = 30
"""Days for which a key that has ended is still shown."""


@dataclass(frozen=True, slots=True)
class ReadModelRetention:
    """`run_once` may be called by any number of processes at once."""

    database: Database
    settings: ApiSettings

    async def run_once(self, now: datetime) -> None:
        """Drop what is too old at `now`, and make the partitions of the days that come."""
        async with self.database.latest() as connection:
            newest = (await read_model.position(connection)).as_of
        at = await source_time(self.database, now, newest)
        if at is not None:
            await turn_over(self.database, Kept(HISTORY, self.settings.history_retention), at)
            await self._closed_opportunities(at)
            before = at - timedelta(days=self.settings.events_retention)
            await delete_old(self.database, partial(store.delete_events, before=before), "events")
            before = at - _QUIET
            await delete_old(self.database, partial(delete_quiet, before=before), "boards without a change")
            before = at - timedelta(days=self.settings.closings_retention)
            await delete_old(self.database, partial(closing_store.delete_old, before=before), "closing lines")
        before = now - timedelta(days=self.settings.deliveries_retention)
        await delete_old(self.database, partial(delete_deliveries, before=before), "deliveries")
        await delete_old(self.database, partial(delete_dead_keys, before=now - timedelta(days=_DEAD_KEYS)), "keys")
        before = now - timedelta(days=self.settings.audit_retention)
        await delete_old(self.database, partial(audit_store.delete_old, before=before), "audit entries")
        day = (now - timedelta(days=self.settings.usage_retention)).date()
        await delete_old(self.database, partial(usage_store.delete_old, before=day), "usage")
        await self._feed(now)
        await forget_dead_letters(self.database, now, self.settings.dead_letters_retention)

    async def _closed_opportunities(self, at: datetime) -> None:
        days = self.settings.opportunities_retention
        await turn_over(self.database, Kept(CLOSED, days), at)
        # Afterwards: a crash in between leaves counts of days that are gone, which the next run finds.
        async with self.database.transaction() as connection:
            await store.forget_counts(connection, first_day_kept(at, days))

    async def _feed(self, now: datetime) -> None:
        days = self.settings.feed_retention
        # Before: who is told that it can go on must find every entry.
        async with self.database.transaction() as connection:
            await store.move_feed_start(connection, first_day_kept(now, days))
        await turn_over(self.database, Kept(FEED, days), now)
