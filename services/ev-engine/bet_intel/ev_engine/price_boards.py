"""Pricing what changed: one message set, one NumPy pass, one transaction."""

from collections.abc import Iterator, Sequence

from bet_intel.ev_engine.domain.boards import BoardUpdate, apply
from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.store import Known, PassedSet, Store
from bet_intel.ev_engine.wire import board_update, opportunities_updated
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.times import Clock, to_us


class PriceBoards:
    """Handles `odds.changed`."""

    def __init__(self, outbox: Outbox, store: Store, closed_days: DaysOf, profile: Profile, clock: Clock) -> None:
        self._outbox = outbox
        self._closed_days = closed_days
        self._store = store
        self._profile = profile
        self._clock = clock

    async def handle(self, messages: Sequence[Message]) -> None:
        """Price the events that `messages` speak of and publish their opportunity sets.

        Raises:
            TerminalError: a message does not keep its contract; nothing of the batch is stored then.
        """
        for updates in _passes([board_update(message) for message in messages]):
            await self._pass(updates)

    async def _pass(self, updates: Sequence[BoardUpdate]) -> None:
        await self._closed_days.prepare(update.as_of for update in updates)
        async with self._outbox.transaction() as unit:
            ids = [update.event.id for update in updates]
            known = await self._store.lock(unit.connection, ids, self._profile.reopen_seconds)
            await self._store.record_lines(unit.connection, updates, known)
            news = [boards for update in updates if (boards := apply(known[update.event.id].boards, update))]
            if not news:
                return
            sets: list[PassedSet] = []
            for priced in price(news, self._profile):
                one = known[priced.boards.event.id]
                change = live_on(one.lives, priced, self._profile.reopen_seconds)
                revision = self._next_revision(one)
                sets.append(PassedSet(priced.boards, revision, change))
                unit.append(opportunities_updated(priced, change, revision))
            await self._store.save_sets(unit.connection, sets)

    def _next_revision(self, known: Known) -> int:
        return max(known.revision + 1, to_us(self._clock()))


def _passes(updates: Sequence[BoardUpdate]) -> Iterator[list[BoardUpdate]]:
    """Cut a batch wherever an event comes again, so that each of its states is priced in its turn."""
    one: dict[str, BoardUpdate] = {}
    for update in updates:
        if update.event.id in one:
            yield list(one.values())
            one = {}
        one[update.event.id] = update
    if one:
        yield list(one.values())
