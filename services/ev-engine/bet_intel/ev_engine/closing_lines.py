"""Closing lines: told when an event has started in source time, again when they change, void when it has not after all.

What is told depends on the candidates alone (ADR 12), so that a late board or another start leads to what would have
been told at once had it come in time.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from bet_intel.ev_engine import closing_store
from bet_intel.ev_engine.closing_store import Told
from bet_intel.ev_engine.domain.boards import BoardUpdate, EventBoards
from bet_intel.ev_engine.domain.closing import closing_markets, unclosed_markets
from bet_intel.ev_engine.domain.profile import CONSENSUS, Profile
from bet_intel.ev_engine.pricing_settings import Profiles
from bet_intel.ev_engine.store import Known, Store
from bet_intel.ev_engine.wire_closing import digest, fixed, told, told_again, voided
from bet_intel.events.v1.closing_line_fixed_pb2 import ClosingLineFixed
from bet_intel.shared.messaging import Message, UnavailableError
from bet_intel.shared.outbox import Outbox, UnitOfWork
from bet_intel.shared.postgres import Database
from bet_intel.shared.resync import CLOSINGS, requested_kinds
from bet_intel.shared.times import Clock, to_us

_AT_ONCE = 64
_EVERY = 30.0

_log = structlog.get_logger(__name__)


class ClosingLines:
    """`settle` belongs to a pass of the engine; `sweep` sees to what no pass comes by any more."""

    def __init__(self, database: Database, outbox: Outbox, store: Store, profiles: Profiles, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._store = store
        self._profiles = profiles
        self._clock = clock

    async def settle(
        self,
        unit: UnitOfWork,
        updates: Sequence[BoardUpdate],
        known: Mapping[str, Known],
        now: Mapping[str, EventBoards],
        profiles: Sequence[Profile],
    ) -> None:
        """Tell what `updates` change in closing lines. `known` is from before them, `now` from after; the candidates
        are recorded, and the events' rows locked."""
        concerned = {
            update.event.id: update
            for update in updates
            if _has_started(now[update.event.id])
            or _has_moved(known[update.event.id].boards, now[update.event.id])
            or _is_overtaken(known[update.event.id].boards, update)
        }
        if not concerned:
            return
        last = await closing_store.last_told(unit.connection, concerned)
        changed = [
            (now[id], _source_time(now[id], last.get(id)))
            for id, update in concerned.items()
            if _may_change(known[id].boards, now[id], last.get(id), update)
        ]
        await self._tell(unit, changed, last, _consensus(profiles))
        # By the service's source time and not by their own: as if the sweep had told them.
        ahead = [(boards, at) for boards, at in changed if at > boards.event.commence_time and not _has_started(boards)]
        if ahead:
            await _note_swept(unit, ahead)
        seen = [id for id, told in last.items() if told.swept_of is not None and _has_started(now[id])]
        if seen:
            await closing_store.leave_to_passes(unit.connection, seen)

    async def run(self) -> None:
        """Sweep now and again, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.sweep()
            except UnavailableError as error:
                _log.warning("closing lines not looked for", reason=str(error))

    async def sweep(self) -> None:
        """Tell the closing lines of events that were told of last before their start; again where they have been told
        of since, and still not of after it."""
        after = ""
        while True:
            async with self._database.latest() as connection:
                found = await closing_store.started(connection, after, _AT_ONCE)
            if not found:
                return
            after = max(found)
            async with self._outbox.transaction() as unit:
                locked = await self._store.lock(unit.connection, list(found))
                profiles = await self._profiles.current(unit.connection)
                known = await self._store.known(unit.connection, locked, reopen_seconds=0)
                boards = [one.boards for one in known.values() if one.boards is not None]
                # One that has moved meanwhile is told of by its pass.
                events = [(one, found[one.event.id]) for one in boards if one.event.commence_time < found[one.event.id]]
                last = await closing_store.last_told(unit.connection, found)
                await self._tell(unit, events, last, _consensus(profiles))
                await _note_swept(unit, events)

    async def requested(self, messages: Sequence[Message]) -> None:
        """Handles `resync.requested`: tells what was told, with the revisions it has."""
        if CLOSINGS not in requested_kinds(messages):
            return
        after = ""
        while True:
            async with self._outbox.transaction() as unit:
                rows = await closing_store.page(unit.connection, after, _AT_ONCE)
                unit.append(*[told_again(row.event_id, row.as_of, row.revision, row.body) for row in rows])
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].event_id

    async def _tell(
        self,
        unit: UnitOfWork,
        events: Sequence[tuple[EventBoards, datetime]],
        last: Mapping[str, Told],
        profile: Profile,
    ) -> None:
        has_started = [boards.event.id for boards, at in events if at > boards.event.commence_time]
        candidates = await closing_store.candidates(unit.connection, has_started) if has_started else {}
        news = []
        for boards, at in events:
            event = boards.event
            if at > event.commence_time:
                lines = candidates.get(event.id, [])
                markets, unclosed = closing_markets(event, lines, profile), unclosed_markets(event, lines)
                body = fixed(event, boards.titles, markets, unclosed, profile)
            else:
                body = voided(event)
            before = last.get(event.id)
            if before is None or before.digest != digest(body):
                news.append((event.id, event.commence_time, at, body))
        if news:
            await closing_store.put(unit.connection, list(self._told(unit, news, last)))

    def _told(
        self,
        unit: UnitOfWork,
        news: Iterable[tuple[str, datetime, datetime, ClosingLineFixed]],
        last: Mapping[str, Told],
    ) -> Iterable[Told]:
        for id, starts, at, body in news:
            content = digest(body)
            revision = max(last[id].revision + 1 if id in last else 1, to_us(self._clock()))
            message = told(body, at, revision)
            unit.append(message)
            yield Told(id, revision, starts, body.voided, content, at, message.data)


async def _note_swept(unit: UnitOfWork, events: Sequence[tuple[EventBoards, datetime]]) -> None:
    await closing_store.note_swept(unit.connection, {boards.event.id: boards.odds_revision for boards, _ in events})


def _consensus(profiles: Sequence[Profile]) -> Profile:
    """A closing line is what everybody thought, in no operator's particular way."""
    return next(profile for profile in profiles if profile.name == CONSENSUS)


def _has_started(boards: EventBoards) -> bool:
    return boards.as_of > boards.event.commence_time


def _has_moved(before: EventBoards | None, now: EventBoards) -> bool:
    return before is not None and before.event.commence_time != now.event.commence_time


def _is_overtaken(before: EventBoards | None, update: BoardUpdate) -> bool:
    """Whether a newer update came before `update`, so that it may have changed a candidate and nothing else."""
    return before is not None and update.revision < before.odds_revision


def _source_time(now: EventBoards, last: Told | None) -> datetime:
    """Of the event; that of the whole service where the sweep told of it at a later one."""
    return now.as_of if last is None else max(now.as_of, last.as_of)


def _may_change(before: EventBoards | None, now: EventBoards, last: Told | None, update: BoardUpdate) -> bool:
    """Whether what was told may not be what is to be told, now that `update` has come."""
    if not _has_started(now):
        return last is not None and not last.voided
    if last is None or last.voided or last.starts != now.event.commence_time:
        return True
    was_missed = last.swept_of is not None and before is not None and last.swept_of < before.odds_revision
    return was_missed or update.as_of <= now.event.commence_time
