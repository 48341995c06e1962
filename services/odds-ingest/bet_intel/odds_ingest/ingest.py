"""Storing one answer and telling what it changed, in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bet_intel.odds_ingest.domain.identity import Identified, identify
from bet_intel.odds_ingest.domain.quotes import Answer, MarketBoard, Rejection
from bet_intel.odds_ingest.domain.state import EventState, advance, next_revision, pass_time, withdraw
from bet_intel.odds_ingest.store import Store, Stored
from bet_intel.odds_ingest.wire import odds_changed
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Writer
from bet_intel.shared.service_metrics import Hops

_log = structlog.get_logger(__name__)

# Events that an answer does not speak of hear the time from it when they have not heard it for so long.
_TIME_PASSES_AFTER = timedelta(seconds=60)
# How often every board of an event is told again, so that whoever has lost a message is right again.
_RESTATE_EVERY = timedelta(minutes=10)
# Notes of this many events that were said already are kept.
_REMEMBERED = 10_000
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _restates(before: dict[str, Stored], state: EventState) -> bool:
    """Whether source time has come into another restating interval since the event's last answer."""
    earlier = before.get(state.event.id)
    if earlier is None:
        return False
    return (earlier.state.as_of - _EPOCH) // _RESTATE_EVERY != (state.as_of - _EPOCH) // _RESTATE_EVERY


def _is_gone(answer: Answer, identified: Identified, state: EventState) -> bool:
    """Whether an event that the answer does not show is gone: the answer speaks for it, or its id is another match's
    now."""
    return (
        state.event.league in answer.leagues
        or state.told_id in answer.event_ids
        or state.told_id in identified.told_ids.values()
    )


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one answer amounted to."""

    events: int
    prices: int
    changed_markets: int
    changed_prices: int
    withdrawn_events: int
    left_out: tuple[Rejection, ...] = ()
    """Events that are told under another id too."""


class IngestOdds:
    """The owner of the current quotes."""

    def __init__(
        self,
        outbox: Outbox,
        store: Store,
        clock: Callable[[], datetime],
        guard: Callable[[Writer], Awaitable[None]] | None = None,
        hops: Hops | None = None,
        *,
        live: bool = False,
    ) -> None:
        """`guard` refuses the transaction of a process that may not store what it has fetched (any more). `live` says
        that time at the provider goes on with the clock."""
        self._guard = guard
        self._hops = hops
        self._live = live
        self._outbox = outbox
        self._store = store
        self._clock = clock
        self._said: set[Rejection] = set()

    async def answer(self, answer: Answer, source: str) -> Ingested:
        """Store `answer` and the position of `source` after it; publish `odds.changed` for each event it speaks of.

        Its events are told by the ids, sides and names they are known by (`identify`). An event that the database knows
        from a later answer is left as it is. For the provider's other events time
        passes with it.
        """
        told_ids = {odds.event.id for odds in answer.events}
        async with self._outbox.transaction() as unit:
            await self._may_write(unit.connection)
            before = await self._store.lock(
                unit.connection,
                answer.provider,
                told_ids | answer.event_ids,
                answer.leagues,
                left_before=answer.as_of - _TIME_PASSES_AFTER,
            )
            identified = await self._identified(unit.connection, answer, before)
            after = self._after(answer, identified, before)
            others = self._others(answer, identified, before)
            await self._store.save(unit.connection, before, [*after, *others])
            await self._store.save_position(unit.connection, source, answer.position)
            unit.append(*[odds_changed(state, restate=_restates(before, state), live=self._live) for state in after])
            unit.append(*[odds_changed(state, unanswered=True, live=self._live) for state in others])
        if after and self._hops is not None:
            # Of an answer without events nothing goes further, and nobody is to wait for it.
            self._hops.reached("stored", answer.as_of)
        self._say(identified)
        shown = identified.shown
        return Ingested(
            events=len(shown),
            prices=sum(board.size for odds in shown.values() for board in odds.markets.values()),
            changed_markets=sum(
                market.revision == state.revision for state in after for market in state.markets.values()
            ),
            changed_prices=sum(_changed_prices(before.get(state.event.id), state) for state in after),
            withdrawn_events=sum(state.event.id not in shown for state in after),
            left_out=tuple(identified.rejections),
        )

    async def _identified(self, connection: Writer, answer: Answer, before: dict[str, Stored]) -> Identified:
        """Which known events those of the answer are."""
        known = [stored.state for stored in before.values()]
        told_before = {state.told_id for state in known}
        new_in = {odds.event.league for odds in answer.events if odds.event.id not in told_before} - answer.leagues
        others = await self._store.open_events(connection, answer.provider, new_in) if new_in else ()
        return identify(answer.events, known, answer.leagues, others)

    def _say(self, identified: Identified) -> None:
        """Log what was settled, once, although it holds in every answer from now on."""
        for note in identified.notes:
            if note not in self._said:
                _log.warning("identity settled", where=note.where, how=note.reason)
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        self._said.update(identified.notes)

    def _after(self, answer: Answer, identified: Identified, before: dict[str, Stored]) -> list[EventState]:
        now, shown = self._clock(), identified.shown
        after = []
        for id in sorted(shown.keys() | before.keys()):
            state = before[id].state if id in before else None
            if state and state.as_of > answer.as_of:
                continue
            revision = next_revision(state.revision if state else 0, now)
            if id in shown:
                told_id = identified.told_ids[id]
                after.append(advance(state, shown[id], answer.as_of, revision, answer.markets, told_id))
            elif state and state.open and _is_gone(answer, identified, state):
                after.append(withdraw(state, answer.as_of, revision))
        return after

    def _others(self, answer: Answer, identified: Identified, before: dict[str, Stored]) -> list[EventState]:
        now = self._clock()
        return [
            pass_time(stored.state, answer.as_of, next_revision(stored.state.revision, now))
            for id, stored in before.items()
            if id not in identified.shown
            and stored.state.open
            and stored.state.as_of < answer.as_of
            and not _is_gone(answer, identified, stored.state)
        ]

    async def _may_write(self, connection: Writer) -> None:
        if self._guard is not None:
            await self._guard(connection)

    async def tick(self, provider: str, as_of: datetime) -> None:
        """Let time pass for the open events of a provider that does not answer."""
        async with self._outbox.transaction() as unit:
            await self._may_write(unit.connection)
            before = await self._store.lock_open(unit.connection, provider)
            after = [
                pass_time(stored.state, as_of, next_revision(stored.state.revision, self._clock()))
                for stored in before.values()
                if stored.state.as_of < as_of
            ]
            await self._store.save(unit.connection, before, after)
            unit.append(*[odds_changed(state, unanswered=True, live=self._live) for state in after])


def _changed_prices(before: Stored | None, after: EventState) -> int:
    """How many prices of an event that were known before have moved or gone."""
    if before is None:
        return 0
    known = before.state.markets
    return sum(
        _moved(known[key].board, market.board)
        for key, market in after.markets.items()
        if market.revision == after.revision and key in known
    )


def _moved(before: MarketBoard, after: MarketBoard) -> int:
    now = after.offers
    return sum(len(set(offers).difference(now.get(bookmaker, ()))) for bookmaker, offers in before.offers.items())
