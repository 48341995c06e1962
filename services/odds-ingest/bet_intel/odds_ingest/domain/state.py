"""The state of an event at its owner, and what one answer makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum

from bet_intel.odds_ingest.domain.quotes import EventOdds, MarketBoard, MarketKey, SportingEvent

GIVEN_UP_AFTER = timedelta(days=14)
GIVEN_UP_AFTER_START = timedelta(days=1)
"""How long an event is kept that no answer shows and none speaks for: its league is not asked for any more, for good or
until its next season. Once it has started, nobody waits for it."""


class MarketStatus(IntEnum):
    OPEN = 1
    SUSPENDED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class MarketState:
    """One market's current board, and the event revision at which its prices or status last changed."""

    board: MarketBoard
    status: MarketStatus
    revision: int


@dataclass(frozen=True, slots=True)
class EventState:
    """What the owner knows of one event as of its newest answer. `revision` only grows; `told_id` is the id that its
    provider uses for it now; `shown_at` is the time of the newest answer that showed it, `as_of` where not given."""

    event: SportingEvent
    revision: int
    as_of: datetime
    markets: Mapping[MarketKey, MarketState] = field(default_factory=dict)
    bookmaker_titles: Mapping[str, str] = field(default_factory=dict)
    told_id: str = ""
    shown_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.shown_at is None:
            object.__setattr__(self, "shown_at", self.as_of)
        if not self.told_id:
            object.__setattr__(self, "told_id", self.event.id)

    @property
    def open(self) -> bool:
        return any(market.status is not MarketStatus.CLOSED for market in self.markets.values())


def next_revision(stored: int, now: datetime) -> int:
    """The revision after `stored`: one more, and at least the wall clock in microseconds, so that an owner restored
    from an older backup, or begun anew, never falls behind what its readers have seen."""
    epoch = datetime.fromtimestamp(0, now.tzinfo)
    return max(stored + 1, (now - epoch) // timedelta(microseconds=1))


def advance(
    state: EventState | None,
    odds: EventOdds,
    as_of: datetime,
    revision: int,
    markets_asked: frozenset[tuple[str, str]] | None = None,
    told_id: str = "",
) -> EventState:
    """The state after a successful answer that showed `odds` of this event.

    What the answer does not contain is withdrawn, where it was asked for by (market, period); None asks for everything.
    A market keeps its revision while its prices stay as they are, and stays the same object where it is as it was.
    """
    known = state.markets if state else {}
    markets = dict(known)
    found = 0
    for key, board in odds.markets.items():
        before = known.get(key)
        found += before is not None
        if before is None or before.status is not MarketStatus.OPEN or not board.offers_the_same(before.board):
            markets[key] = MarketState(board, MarketStatus.OPEN, revision)
        elif before.board.confirmed != board.confirmed:
            markets[key] = MarketState(board, MarketStatus.OPEN, before.revision)
    if found < len(known):
        for key, before in known.items():
            if key not in odds.markets and (markets_asked is None or (key.market, key.period) in markets_asked):
                markets[key] = _closed(before, revision)
    titles = {**state.bookmaker_titles, **odds.bookmaker_titles} if state else dict(odds.bookmaker_titles)
    return EventState(odds.event, revision, as_of, markets, titles, told_id)


def withdraw(state: EventState, as_of: datetime, revision: int) -> EventState:
    """The state after a successful answer that should have shown the event and did not."""
    markets = {key: _closed(market, revision) for key, market in state.markets.items()}
    return replace(state, revision=revision, as_of=as_of, markets=markets)


def pass_time(state: EventState, as_of: datetime, revision: int) -> EventState:
    """The same prices at a later time: nobody answered, yet ages, starts and expiry go on. What nobody has shown for
    too long is gone."""
    limit = GIVEN_UP_AFTER_START if state.event.commence_time <= as_of else GIVEN_UP_AFTER
    if state.shown_at is not None and as_of - state.shown_at > limit:
        return withdraw(state, as_of, revision)
    return replace(state, revision=revision, as_of=as_of)


def _closed(market: MarketState, revision: int) -> MarketState:
    if market.status is MarketStatus.CLOSED:
        return market
    return MarketState(MarketBoard(), MarketStatus.CLOSED, revision)
