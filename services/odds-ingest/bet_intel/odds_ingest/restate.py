"""Telling the boards of all open events again, for whoever has lost them."""

from collections.abc import Sequence

from bet_intel.odds_ingest.domain.state import EventState
from bet_intel.odds_ingest.store import Store
from bet_intel.odds_ingest.wire import odds_changed
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.resync import ODDS, requested_kinds

_AT_ONCE = 50


class RestateOdds:
    """Handles `resync.requested`."""

    def __init__(self, outbox: Outbox, store: Store, live: str | None = None) -> None:
        """`live` is the provider whose time goes on with the clock, if there is one."""
        self._outbox = outbox
        self._store = store
        self._live = live

    async def requested(self, messages: Sequence[Message]) -> None:
        """Tell every board with the revision and the time it has: who knows it learns nothing new.

        Nobody answered now: that a board still stands at its event's time confirms no closing line.
        """
        if ODDS not in requested_kinds(messages):
            return
        after = ""
        while True:
            async with self._outbox.transaction() as unit:
                states = await self._store.lock_open_after(unit.connection, after, _AT_ONCE)
                unit.append(*[self._told(state) for state in states])
            if len(states) < _AT_ONCE:
                return
            after = states[-1].event.id

    def _told(self, state: EventState) -> Message:
        return odds_changed(state, unanswered=True, restate=True, live=state.event.provider == self._live)
