"""The boards of an event as the engine keeps them, and how an update changes them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.int64]


class MarketStatus(IntEnum):
    OPEN = 1
    SUSPENDED = 2
    CLOSED = 3


class MarketKey(NamedTuple):
    """One market of one event; `line` is the point of a total, the home side's point of a spread."""

    market: str
    period: str
    line: float | None
    subject: str


@dataclass(frozen=True, slots=True)
class SportingEvent:
    id: str
    provider: str
    sport: str
    league: str
    league_title: str
    commence_time: datetime
    home: str
    away: str


@dataclass(frozen=True, slots=True)
class Board:
    """Every bookmaker's prices in one market: o outcomes × b bookmakers, NaN where there is no price.

    `back`, `lay`, `limit` and `lay_limit` are (o, b) decimal odds and largest stakes, of a lay those of who backs it,
    None where nobody tells any; `updated_us` is (b,), microseconds since the epoch in source time. `revision` is the
    event revision at which the prices last changed.
    """

    revision: int
    status: MarketStatus
    outcomes: tuple[str, ...] = ()
    bookmakers: tuple[str, ...] = ()
    back: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    lay: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    limit: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    updated_us: TimeArray = field(default_factory=lambda: np.empty(0, np.int64))
    lay_limit: FloatArray | None = None

    @property
    def priced(self) -> bool:
        return self.status is not MarketStatus.CLOSED and bool(self.outcomes)

    def most_laid(self, outcome: int, bookmaker: int) -> float:
        """The largest liability of a lay, limit·(d − 1), NaN where it is not known."""
        if self.lay_limit is None:
            return math.nan
        # To what limits and prices are told in: a float a hair below a whole step would leave one less.
        liability = self.lay_limit.item(outcome, bookmaker) * (self.lay.item(outcome, bookmaker) - 1.0)
        return round(liability, 6)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A market whose prices did not change: its board revision, and when each bookmaker last confirmed them."""

    revision: int
    updated_us: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BoardUpdate:
    """What one `odds.changed` says of an event. Not `answered`: its provider said nothing, only time has passed.
    `live`: time at the provider goes on with the clock. `body`: as it was told."""

    event: SportingEvent
    as_of: datetime
    revision: int
    titles: Mapping[str, str]
    boards: Mapping[MarketKey, Board]
    confirmations: Mapping[MarketKey, Confirmation]
    answered: bool = True
    live: bool = False
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class EventBoards:
    """Everything the engine knows of an event's prices, as of the newest update it has seen."""

    event: SportingEvent
    as_of: datetime
    odds_revision: int
    titles: Mapping[str, str]
    boards: Mapping[MarketKey, Board]

    @property
    def open(self) -> bool:
        """Whether any market has prices."""
        return any(board.priced for board in self.boards.values())

    def priced(self) -> Iterator[tuple[MarketKey, Board]]:
        return ((key, board) for key, board in self.boards.items() if board.priced)


def apply(state: EventBoards | None, update: BoardUpdate) -> EventBoards | None:
    """The state after `update`, or None where the update tells nothing new.

    Guarded per market: a board replaces an older one only, and a confirmation applies where the stored board is at
    least as new as the one it confirms. So updates may come twice and in any order.
    """
    if state is None:
        return EventBoards(update.event, update.as_of, update.revision, update.titles, dict(update.boards))
    boards = dict(state.boards)
    told = update.revision > state.odds_revision
    for key, board in update.boards.items():
        stored = boards.get(key)
        if stored is None or board.revision > stored.revision:
            boards[key] = board
            told = True
    if not told:
        return None
    is_newest = update.revision > state.odds_revision
    for key, confirmation in update.confirmations.items():
        stored = boards.get(key)
        if stored is not None and stored.revision >= confirmation.revision:
            boards[key] = _confirmed(stored, confirmation, is_newest=is_newest)
    if update.revision < state.odds_revision:
        titles = {**update.titles, **state.titles}
        return EventBoards(state.event, state.as_of, state.odds_revision, titles, boards)
    titles = {**state.titles, **update.titles}
    return EventBoards(update.event, max(state.as_of, update.as_of), update.revision, titles, boards)


def unknown_markets(state: EventBoards | None, update: BoardUpdate) -> list[MarketKey]:
    """What `update` confirms and nobody has told the prices of: it is left until they are, within minutes."""
    known = {**(state.boards if state else {}), **update.boards}
    return [key for key in update.confirmations if key not in known]


def as_candidates(state: EventBoards | None, update: BoardUpdate) -> BoardUpdate:
    """What `update` says of openings and closings, after `state`: with the start that the newest update tells, and with
    every board that it shows where that start is another than before."""
    if state is None or state.event.commence_time == update.event.commence_time:
        return update
    if update.revision < state.odds_revision:
        return replace(update, event=replace(update.event, commence_time=state.event.commence_time))
    applied = apply(state, update)
    return update if applied is None else replace(update, boards=dict(_offered(applied, update)))


def _offered(state: EventBoards, update: BoardUpdate) -> Iterator[tuple[MarketKey, Board]]:
    """The boards of `state` that `update` shows: where it confirms a newer one, which is still on its way, none."""
    for key, board in state.boards.items():
        confirmed = update.confirmations.get(key)
        if key in update.boards or (confirmed is not None and confirmed.revision == board.revision):
            yield key, board


def _confirmed(board: Board, confirmation: Confirmation, *, is_newest: bool) -> Board:
    """The newest update's times stand as they are; a late one's where they are later than what is known."""
    told = np.array([confirmation.updated_us.get(book, 0) for book in board.bookmakers], dtype=np.int64)
    updated = np.where(told > 0, told, board.updated_us) if is_newest else np.maximum(board.updated_us, told)
    return Board(
        board.revision,
        board.status,
        board.outcomes,
        board.bookmakers,
        board.back,
        board.lay,
        board.limit,
        updated,
        board.lay_limit,
    )
