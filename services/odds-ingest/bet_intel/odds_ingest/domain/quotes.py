"""What a bookmaker offers, in the words of the field (normalised, free of any provider's spelling)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple


class Side(IntEnum):
    """Which side of the bet a price is for: `BACK` wins with the outcome, `LAY` wins against it."""

    BACK = 0
    LAY = 1


class MarketKey(NamedTuple):
    """One market of one event.

    `line` is the point of a total, and the *home* side's point of a spread, so that +1.5 of one side and −1.5 of
    the other are one line. `None` where the market has no line. `subject` is a player or a team, or "".
    """

    market: str
    period: str = "full"
    line: float | None = None
    subject: str = ""


def is_spread(market: str) -> bool:
    """Whether the points of home and away in a market are of opposite sign."""
    return "spread" in market


def sport_of(league: str) -> str:
    """The sport of a league: its key begins with it (`soccer_epl`)."""
    return league.partition("_")[0]


class QuoteKey(NamedTuple):
    """One bookmaker's price of one outcome within a market."""

    bookmaker: str
    outcome: str
    side: Side = Side.BACK


class Price(NamedTuple):
    """Decimal odds (> 1, rounded to 4 places) and the largest stake taken at them, where the feed tells."""

    decimal: float
    limit: float | None = None


@lru_cache(maxsize=1 << 16)
def quote_key(bookmaker: str, outcome: str, side: Side = Side.BACK) -> QuoteKey:
    """The same object for the same words, as `price` for the same odds: each poll tells nearly all of them again, and a
    board is compared with the one before by identity first."""
    return QuoteKey(bookmaker, outcome, side)


@lru_cache(maxsize=1 << 16)
def price(decimal: float, limit: float | None = None) -> Price:
    """The same object for the same odds and limit; see `quote_key`."""
    return Price(decimal, limit)


@dataclass(frozen=True, slots=True)
class SportingEvent:
    """One match, or one outright competition (then `home` and `away` are None). `id` carries the provider's name."""

    id: str
    provider: str
    sport: str
    league: str
    league_title: str
    commence_time: datetime
    home: str | None
    away: str | None


@dataclass(slots=True)
class MarketBoard:
    """Every bookmaker's prices in one market, and when each bookmaker last confirmed them (UTC)."""

    prices: dict[QuoteKey, Price] = field(default_factory=dict)
    last_update: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class EventOdds:
    """The whole state of one event in one answer. `bookmaker_titles` maps a bookmaker's key to its display name."""

    event: SportingEvent
    markets: dict[MarketKey, MarketBoard] = field(default_factory=dict)
    bookmaker_titles: dict[str, str] = field(default_factory=dict)


class Rejection(NamedTuple):
    """Something in an answer that could not be read: where it stood, and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One successful answer of a provider.

    It speaks for every event of `leagues` and for the events `event_ids`: one that it does not contain is gone. Of an
    event it contains, it speaks for the markets whose (market, period) is in `markets`, or for all where that is None:
    one that it does not contain is gone, the others stay as they are. `as_of` is when the answer was taken (source
    time, UTC). `position` is where reading goes on after this answer, `due_in` the seconds until the next
    answer is due at the provider's own pace.
    """

    provider: str
    leagues: frozenset[str]
    as_of: datetime
    events: tuple[EventOdds, ...]
    rejections: tuple[Rejection, ...] = ()
    position: int = 0
    due_in: float = 0.0
    event_ids: frozenset[str] = frozenset()
    markets: frozenset[tuple[str, str]] | None = None
