"""Storing one answer and telling what it changed, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bet_intel.odds_ingest.domain.quotes import Answer, EventOdds
from bet_intel.odds_ingest.domain.state import EventState, advance, next_revision, pass_time, withdraw
from bet_intel.odds_ingest.store import Store, Stored
from bet_intel.odds_ingest.wire import odds_changed
from bet_intel.shared.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one answer amounted to."""

    events: int
    prices: int
    changed_markets: int
    withdrawn_events: int


class IngestOdds:
    """The owner of the current quotes."""

    def __init__(self, outbox: Outbox, store: Store, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._store = store
        self._clock = clock

    async def answer(self, answer: Answer, source: str) -> Ingested:
        """Store `answer` and the position of `source` after it; publish `odds.changed` for each event it speaks of.

        An event that the database knows from a later answer is left as it is.
        """
        shown = {odds.event.id: odds for odds in answer.events}
        async with self._outbox.transaction() as unit:
            before = await self._store.lock(unit.connection, answer.provider, shown, answer.leagues)
            after = self._after(answer, shown, before)
            await self._store.save(unit.connection, before, after)
            await self._store.save_position(unit.connection, source, answer.position)
            unit.append(*[odds_changed(state) for state in after])
        return Ingested(
            events=len(shown),
            prices=sum(len(board.prices) for odds in answer.events for board in odds.markets.values()),
            changed_markets=sum(
                market.revision == state.revision for state in after for market in state.markets.values()
            ),
            withdrawn_events=sum(state.event.id not in shown for state in after),
        )

    def _after(self, answer: Answer, shown: dict[str, EventOdds], before: dict[str, Stored]) -> list[EventState]:
        now = self._clock()
        after = []
        for id in sorted(shown.keys() | before.keys()):
            state = before[id].state if id in before else None
            if state and state.as_of > answer.as_of:
                continue
            revision = next_revision(state.revision if state else 0, now)
            if id in shown:
                after.append(advance(state, shown[id], answer.as_of, revision))
            elif state:
                after.append(withdraw(state, answer.as_of, revision))
        return after

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
