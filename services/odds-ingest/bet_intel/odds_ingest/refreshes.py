"""Refreshes that somebody asked for: kept until the provider.status that answers them is committed."""

import asyncio
from collections.abc import Callable, Sequence

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.poll_store import RefreshRequest
from bet_intel.odds_ingest.wire import refresh_request
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import Clock


class Refreshes:
    """`arrived` is set when there is one more to answer, so that it need not wait for the next look."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self.arrived = asyncio.Event()
        # An earlier run may have left some.
        self.arrived.set()

    async def requested(self, messages: Sequence[Message]) -> None:
        """Handles refresh.requested."""
        requests = [refresh_request(message) for message in messages]
        async with self._database.transaction() as connection:
            await store.add_refreshes(connection, requests)
        self.arrived.set()

    async def pending(self) -> list[RefreshRequest]:
        """Those to be answered, also those that another process has heard of."""
        async with self._database.latest() as connection:
            # Before it is read, so that one that arrives meanwhile is looked up again.
            self.arrived.clear()
            try:
                return await store.pending_refreshes(connection)
            except BaseException:  # also when cancelled: what was not read must be looked up again
                self.arrived.set()
                raise

    async def answer(self, requests: Sequence[RefreshRequest], status: Callable[[str], Message]) -> None:
        """Answer with the status that `status` makes for an id."""
        if not requests:
            return
        try:
            async with self._outbox.transaction() as unit:
                ids = await store.answer_refreshes(unit.connection, [each.id for each in requests], self._clock())
                unit.append(*[status(id) for id in ids])
        except BaseException:  # also when cancelled: those that were not answered must be looked up again
            self.arrived.set()
            raise
