"""Storing one answer and telling what it changed, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bet_intel.odds_ingest.domain.quotes import Answer, EventOdds
from bet_intel.odds_ingest.domain.state import EventState, advance, next_revision, pass_time, withdraw
from bet_intel.odds_ingest.store import Store, Stored
from bet_intel.odds_ingest.wire import odds_changed
from bet_intel.shared.outbox import Outbox

# Events that an answer does not speak of hear the time from it when they have not heard it for so long.
_TIME_PASSES_AFTER = timedelta(seconds=60)
# How often every board of an event is told again, so that whoever has lost a message is right again.
_RESTATE_EVERY = timedelta(minutes=10)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _restates(before: dict[str, Stored], state: EventState) -> bool:
    """Whether source time has come into another restating interval since the event's last answer."""
    earlier = before.get(state.event.id)
    if earlier is None:
        return False
    return (earlier.state.as_of - _EPOCH) // _RESTATE_EVERY != (state.as_of - _EPOCH) // _RESTATE_EVERY


def _speaks_for(answer: Answer, state: EventState) -> bool:
    """Whether an event that the answer does not show is gone."""
    return state.event.league in answer.leagues or state.event.id in answer.event_ids


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one answer amounted to."""

    events: int
    prices: int
    changed_markets: int
    changed_prices: int
    withdrawn_events: int


class IngestOdds:
    """The owner of the current quotes."""

    def __init__(self, outbox: Outbox, store: Store, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._store = store
        self._clock = clock

    async def answer(self, answer: Answer, source: str) -> Ingested:
        """Store `answer` and the position of `source` after it; publish `odds.changed` for each event it speaks of.

        An event that the database knows from a later answer is left as it is. For the provider's other events time
        passes with it.
        """
        shown = {odds.event.id: odds for odds in answer.events}
        async with self._outbox.transaction() as unit:
            before = await self._store.lock(
                unit.connection,
                answer.provider,
                shown.keys() | answer.event_ids,
                answer.leagues,
                left_before=answer.as_of - _TIME_PASSES_AFTER,
            )
            after = self._after(answer, shown, before)
            others = self._others(answer, shown, before)
            await self._store.save(unit.connection, before, [*after, *others])
            await self._store.save_position(unit.connection, source, answer.position)
            unit.append(*[odds_changed(state, restate=_restates(before, state)) for state in after])
            unit.append(*[odds_changed(state, unanswered=True) for state in others])
        return Ingested(
            events=len(shown),
            prices=sum(len(board.prices) for odds in answer.events for board in odds.markets.values()),
            changed_markets=sum(
                market.revision == state.revision for state in after for market in state.markets.values()
            ),
            changed_prices=sum(_changed_prices(before.get(state.event.id), state) for state in after),
            withdrawn_events=sum(state.event.id not in shown for state in after),
        )

    def _after(self, answer: Answer, shown: dict[str, EventOdds], before: dict[str, Stored]) -> list[EventState]:
        now = self._clock()
        after = []
        for id in sorted(shown.keys() | before.keys()):
            state = before[id].state if id in before else None
            if state and (state.as_of > answer.as_of or not (id in shown or _speaks_for(answer, state))):
                continue
            revision = next_revision(state.revision if state else 0, now)
            if id in shown:
                after.append(advance(state, shown[id], answer.as_of, revision, answer.markets))
            elif state:
                after.append(withdraw(state, answer.as_of, revision))
        return after

    def _others(self, answer: Answer, shown: dict[str, EventOdds], before: dict[str, Stored]) -> list[EventState]:
        now = self._clock()
        return [
            pass_time(stored.state, answer.as_of, next_revision(stored.state.revision, now))
            for id, stored in before.items()
            if id not in shown and not _speaks_for(answer, stored.state)
        ]

    async def tick(self, provider: str, as_of: datetime) -> None:
        """Let time pass for the open events of a provider that does not answer."""
        async with self._outbox.transaction() as unit:
            before = await self._store.lock_open(unit.connection, provider)
            after = [
                pass_time(stored.state, as_of, next_revision(stored.state.revision, self._clock()))
                for stored in before.values()
                if stored.state.as_of < as_of
            ]
            await self._store.save(unit.connection, before, after)
            unit.append(*[odds_changed(state, unanswered=True) for state in after])


def _changed_prices(before: Stored | None, after: EventState) -> int:
    """How many prices of an event that were known before have moved or gone."""
    if before is None:
        return 0
    return sum(
        market.board.prices.get(quote) != price
        for key, market in after.markets.items()
        if market.revision == after.revision and key in before.state.markets
        for quote, price in before.state.markets[key].board.prices.items()
    )
