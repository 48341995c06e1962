"""Pricing what changed, or is to be priced anew: one set of events, one NumPy pass, one transaction."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from bet_intel.ev_engine.closing_lines import ClosingLines
from bet_intel.ev_engine.domain.boards import BoardUpdate, EventBoards, apply, unknown_markets
from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.pricing import price_side_by_side
from bet_intel.ev_engine.domain.profile import Profile, longest_stale
from bet_intel.ev_engine.expiry_store import silent
from bet_intel.ev_engine.pricing_settings import Profiles
from bet_intel.ev_engine.pricing_store import to_price_anew
from bet_intel.ev_engine.store import Known, PassedSet, Store
from bet_intel.ev_engine.wire import ODDS_CHANGED, board_update
from bet_intel.ev_engine.wire_sets import opportunities_updated
from bet_intel.shared.message_metrics import OLD_REVISION, UNKNOWN_MARKET, MessageMetrics
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox, UnitOfWork
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import Clock, from_us, to_us

_EVENTS_AT_ONCE = 64


class PriceBoards:
    """Handles `odds.changed`, and does the task `ev.calc_batch`."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        store: Store,
        closed_days: DaysOf,
        profiles: Profiles,
        clock: Clock,
        closing_lines: ClosingLines,
        messages: MessageMetrics,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._closing_lines = closing_lines
        self._closed_days = closed_days
        self._store = store
        self._profiles = profiles
        self._clock = clock
        self._messages = messages

    async def handle(self, messages: Sequence[Message]) -> None:
        """Price the events that `messages` speak of and publish their opportunity sets.

        Raises:
            TerminalError: a message does not keep its contract; nothing of the batch is stored then.
        """
        for updates in _passes([board_update(message) for message in messages]):
            await self._pass(updates)

    async def calc_batch(
        self,
        shard: int,
        shards: int,
        pricing_revision: int = 0,
        told_before: int = 0,
        times: Mapping[str, int] | None = None,
        silent_seconds: float = 0.0,
    ) -> None:
        """Price the stored boards of one shard of the events anew: those whose set was priced with settings older than
        `pricing_revision`, or has a revision below `told_before`; or, given `times` (provider: source time in µs since
        the epoch), those that are not told of and whose set is older than that by more than `silent_seconds`, as of
        then. What was done is not done again."""
        if times is not None:
            await self._let_pass((shard, shards), times, timedelta(seconds=silent_seconds))
            return
        after = ""
        while True:
            # What a replica may not have yet must not be passed over.
            async with self._database.latest() as connection:
                found = await to_price_anew(
                    connection, after, (shard, shards), pricing_revision, told_before, _EVENTS_AT_ONCE
                )
            if not found:
                return
            await self._closed_days.prepare(found.values())
            async with self._outbox.transaction() as unit:
                known, profiles = await self._lock(unit, list(found))
                news = [one.boards for one in known.values() if one.boards is not None and one.boards.open]
                await self._price(unit, known, news, profiles)
            after = max(found)

    async def _let_pass(self, shard: tuple[int, int], times: Mapping[str, int], silence: timedelta) -> None:
        at = {provider: from_us(us) for provider, us in times.items()}
        after = ""
        while True:
            async with self._database.latest() as connection:
                stale = longest_stale(await self._profiles.current(connection))
                found = await silent(connection, at, silence, stale, shard, after, _EVENTS_AT_ONCE)
            if not found:
                return
            await self._closed_days.prepare(at[provider] for provider in found.values())
            async with self._outbox.transaction() as unit:
                known, profiles = await self._lock(unit, list(found))
                # It may have been told of since.
                expired = [
                    replace(one.boards, as_of=at[found[id]])
                    for id, one in known.items()
                    if one.boards is not None and one.boards.open and one.boards.as_of < at[found[id]] - silence
                ]
                await self._price(unit, known, expired, profiles)
            after = max(found)

    async def _pass(self, updates: Sequence[BoardUpdate]) -> None:
        await self._closed_days.prepare(update.as_of for update in updates)
        async with self._outbox.transaction() as unit:
            known, profiles = await self._lock(unit, [update.event.id for update in updates])
            await self._store.record_lines(unit.connection, updates, known)
            news = [boards for update in updates if (boards := apply(known[update.event.id].boards, update))]
            await self._price(unit, known, news, profiles, {update.event.id: update for update in updates})
            now = {id: one.boards for id, one in known.items() if one.boards is not None}
            now |= {boards.event.id: boards for boards in news}
            await self._closing_lines.settle(unit, updates, known, now, profiles)
        self._say_ignored(updates, known, {boards.event.id for boards in news})

    def _say_ignored(self, updates: Sequence[BoardUpdate], known: Mapping[str, Known], news: Set[str]) -> None:
        old = [f"{one.event.id} {one.revision}" for one in updates if one.event.id not in news]
        self._messages.ignored(ODDS_CHANGED, OLD_REVISION, old)
        unknown = [
            f"{one.event.id} {one.revision} {' '.join(str(part) for part in key)}"
            for one in updates
            for key in unknown_markets(known[one.event.id].boards, one)
        ]
        self._messages.ignored(ODDS_CHANGED, UNKNOWN_MARKET, unknown)

    async def _lock(self, unit: UnitOfWork, ids: Sequence[str]) -> tuple[dict[str, Known], Sequence[Profile]]:
        locked = await self._store.lock(unit.connection, ids)
        profiles = await self._profiles.current(unit.connection)
        reopen_seconds = max(profile.reopen_seconds for profile in profiles)
        return await self._store.known(unit.connection, locked, reopen_seconds), profiles

    async def _price(
        self,
        unit: UnitOfWork,
        known: Mapping[str, Known],
        news: Sequence[EventBoards],
        profiles: Sequence[Profile],
        told: Mapping[str, BoardUpdate] = MappingProxyType({}),
    ) -> None:
        if not news:
            return
        sets: list[PassedSet] = []
        for side_by_side in price_side_by_side(news, profiles):
            boards = side_by_side[0].boards
            one = known[boards.event.id]
            change = live_on(one.lives, side_by_side)
            revision = self._next_revision(one)
            sets.append(PassedSet(boards, revision, change, told.get(boards.event.id)))
            unit.append(opportunities_updated(side_by_side, change, revision))
        await self._store.save_sets(unit.connection, sets, sum(profile.revision for profile in profiles))

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
