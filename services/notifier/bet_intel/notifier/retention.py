"""What the notifier keeps, and for how long.

Last sets are as old as source time says; alerts, deliveries and dead letters as the clock says. What is known of an
open opportunity stays, however old it is, so that nobody is told of it twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial

import structlog

from bet_intel.notifier import retention_store as store
from bet_intel.notifier.delivery_store import DELIVERIES
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.notifier.subscription_store import delete_marks
from bet_intel.shared.postgres import Database
from bet_intel.shared.retention import Kept, delete_old, first_day_kept, forget_dead_letters, source_time, turn_over

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NotifierRetention:
    """`run_once` may be called by any number of processes at once."""

    database: Database
    settings: NotifierSettings

    async def run_once(self, now: datetime) -> None:
        """Drop what is too old at `now`, and make the partitions of the days that come."""
        async with self.database.latest() as connection:
            newest = await store.newest_source_time(connection)
        days = timedelta(days=self.settings.events_retention)
        at = await source_time(self.database, now, newest)
        if at is not None:
            await delete_old(self.database, partial(store.delete_sets, before=at - days), "opportunity sets")
        await delete_old(self.database, partial(store.delete_alerted, before=now - days), "alerts")
        await delete_old(self.database, partial(delete_marks, before=now - days), "marks of deleted subscriptions")
        await self._deliveries(now)
        await forget_dead_letters(self.database, now, self.settings.dead_letters_retention)

    async def _deliveries(self, now: datetime) -> None:
        days = self.settings.deliveries_retention
        before = datetime.combine(first_day_kept(now, days), time.min, UTC)
        async with self.database.latest() as connection:
            pending = await store.count_pending(connection, before)
        if pending:
            _log.warning("pending deliveries are too old and are dropped: they will never be sent", number=pending)
        await turn_over(self.database, Kept(DELIVERIES, days), now)
