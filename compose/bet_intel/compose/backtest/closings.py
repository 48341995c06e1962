"""What stood at the start of the events of a recording, by the rule that the engine closes markets by.

An event starts when the newest answer that shows it says, which may be after it has begun: feeds correct starts at the
first pitch. So the starts are asked of the whole recording before anything is held against them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, SportingEvent
from bet_intel.ev_engine.domain.closing import BookPrices, Candidate, Prices, closing_markets
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import FloatArray
from bet_intel.odds_ingest.domain.quotes import Answer


class Starts(NamedTuple):
    """The start, as told last, of every event that had started when the recordings end, by its id, and how many had
    not: how those stood at their start nobody knows."""

    by_event: Mapping[str, datetime]
    not_started: int


def starts(answers: Iterable[Answer]) -> Starts:
    """Of all events in `answers`, which come in the order of their times."""
    told: dict[str, datetime] = {}
    end: datetime | None = None
    for answer in answers:
        end = answer.as_of
        told.update((odds.event.id, odds.event.commence_time) for odds in answer.events)
    begun = {id: start for id, start in told.items() if end is not None and start < end}
    return Starts(begun, len(told) - len(begun))


class _Seen(NamedTuple):
    as_of: datetime
    board: Board
    withdrawn: datetime | None = None


@dataclass
class Closings:
    """The newest board of each market at or before the start of its event, and which were withdrawn after it."""

    starts: Mapping[str, datetime]
    _events: dict[str, SportingEvent] = field(default_factory=dict)
    _lines: defaultdict[str, dict[MarketKey, _Seen]] = field(default_factory=lambda: defaultdict(dict))
    _waiting: set[str] = field(default_factory=set)
    """Events seen that have not started yet."""

    def awaits(self, event_id: str, as_of: datetime) -> bool:
        """Whether the event starts at `as_of` or later; an event that never did is none."""
        return event_id in self.starts and as_of <= self.starts[event_id]

    def shown(self, boards: EventBoards) -> None:
        """All that an answer tells of an event that is awaited: what it does not tell is withdrawn."""
        id = boards.event.id
        self._events[id] = replace(boards.event, commence_time=self.starts[id])
        self._waiting.add(id)
        told = dict(boards.priced())
        self._withdraw(id, told.keys(), boards.as_of)
        self._lines[id].update((key, _Seen(boards.as_of, board)) for key, board in told.items())

    def passed(self, answer: Answer) -> None:
        """Withdraw what an answer speaks for and does not show."""
        shown = {odds.event.id for odds in answer.events}
        self._waiting = {id for id in self._waiting if self.awaits(id, answer.as_of)}
        for id in self._waiting - shown:
            if self._events[id].league in answer.leagues:
                self._withdraw(id, frozenset(), answer.as_of)

    def _withdraw(self, event_id: str, kept: Set[MarketKey], as_of: datetime) -> None:
        lines = self._lines[event_id]
        for key, seen in lines.items():
            if key not in kept and seen.withdrawn is None:
                lines[key] = seen._replace(withdrawn=as_of)

    def outcomes(self, event_id: str, key: MarketKey) -> tuple[str, ...]:
        """Those of the newest board."""
        return self._lines[event_id][key].board.outcomes

    def priced(self, profile: Profile) -> dict[tuple[str, MarketKey], PricedMarket]:
        """Every market that closed, by event, as `profile` prices it."""
        return {
            (id, closed.market.key): closed.market
            for id, lines in self._lines.items()
            for closed in closing_markets(self._events[id], [_candidate(*line) for line in lines.items()], profile)
        }


def _candidate(key: MarketKey, seen: _Seen) -> Candidate:
    board = seen.board
    books = {
        book: BookPrices(
            int(board.updated_us[place]),
            *(_prices(board, side[:, place]) for side in (board.back, board.lay, board.limit)),
        )
        for place, book in enumerate(board.bookmakers)
    }
    return Candidate(key, seen.as_of, books, seen.withdrawn)


def _prices(board: Board, column: FloatArray) -> Prices:
    return {
        outcome: float(number) for outcome, number in zip(board.outcomes, column, strict=True) if not np.isnan(number)
    }
