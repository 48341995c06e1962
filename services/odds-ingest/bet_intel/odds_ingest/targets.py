"""What may be asked for now: every league in season, and events near their start one by one."""

import enum
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bet_intel.odds_ingest.demand import Demand
from bet_intel.odds_ingest.domain.plan import Target
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.fixtures import Fixtures
from bet_intel.odds_ingest.poll_store import Polled, TargetId
from bet_intel.odds_ingest.providers.pollable import PollableProvider, PolledLeague, Told

EVERY_EVENT = "*"
"""In place of an event's id: all events of a league."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that may be made: what it costs at most, and when what it is about starts."""

    id: TargetId
    sport: str
    cost: int
    starts: Sequence[datetime]

    @property
    def key(self) -> str:
        """Its name in a plan."""
        return f"{self.id.league}/{self.id.event}" if self.id.event else self.id.league

    async def of(self, provider: PollableProvider) -> Told[Answer]:
        if self.id.event:
            return await provider.event_odds(*self.id)
        return await provider.odds(self.id.league)


class Asked(enum.Enum):
    """What became of a target that was to be asked for by a task."""

    ANSWERED = "answered"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """It has been asked for since the task was made, or was done before."""
    LEFT_ALONE = "left_alone"
    """The provider rests: the plan has it asked for again."""
    NOT_POLLED = "not_polled"
    NO_CREDITS = "no_credits"


def asks(provider: PollableProvider, fixtures: Fixtures, refused: Container[TargetId], now: datetime) -> dict[str, Ask]:
    """The calls that may be made, by their key; none of those that were `refused` as wrong."""
    found: dict[str, Ask] = {}
    for league in fixtures.leagues:
        if TargetId(league.key) not in refused:
            whole = Ask(TargetId(league.key), league.sport, provider.cost(league.key), fixtures.starts(league.key))
            found[whole.key] = whole
        if TargetId(league.key, EVERY_EVENT) not in refused:
            found |= {each.key: each for each in _of_events(provider, fixtures, league, now)}
    return found


def _of_events(provider: PollableProvider, fixtures: Fixtures, league: PolledLeague, now: datetime) -> Iterator[Ask]:
    cost = provider.event_cost(league.key)
    if cost is None:
        return
    for event in fixtures.events.get(league.key, ()):
        if now < event.starts <= now + provider.event_within:
            yield Ask(TargetId(league.key, event.id), league.sport, cost, (event.starts,))


def target(ask: Ask, polled: Mapping[TargetId, Polled], demand: Demand) -> Target:
    """What the plan asks about a call."""
    known = polled.get(ask.id, Polled())
    asked_for_at = demand.asked_for_at(ask.id.league, ask.sport)
    return Target(ask.key, ask.cost, ask.starts, known.polled_at, asked_for_at, known.changes_per_hour)
