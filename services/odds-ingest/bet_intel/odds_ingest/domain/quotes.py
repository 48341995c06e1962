"""What a bookmaker offers, in the words of the field (normalised, free of any provider's spelling)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, Self


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


class Offer(NamedTuple):
    """A bookmaker's price of one outcome, beside the names of what it is for."""

    outcome: str
    side: Side
    decimal: float
    limit: float | None = None


Offers = tuple[Offer, ...]
"""What one bookmaker offers in a market, in the order of outcomes and sides."""


def offers_of(prices: Mapping[tuple[str, Side], Price]) -> Offers:
    """Prices by outcome and side as offers: the same object for the same prices. Each poll tells nearly all of them
    again, and a board is compared with the one before by identity first."""
    return same_offers(tuple(Offer(outcome, side, *price) for (outcome, side), price in sorted(prices.items())))


@lru_cache(maxsize=1 << 16)
def same_offers(offers: Offers) -> Offers:
    """The object that stands for all that are equal."""
    return offers


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


@dataclass(frozen=True, slots=True)
class MarketBoard:
    """What every bookmaker offers in one market, and when each last confirmed it (UTC).

    Three tuples in the order of the bookmakers' names: nearly every board is as it was in the poll before, and tuples
    of the same objects are equal without anybody looking at these.
    """

    bookmakers: tuple[str, ...] = ()
    offered: tuple[Offers, ...] = ()
    confirmed: tuple[datetime, ...] = ()

    @classmethod
    def by_bookmaker(cls, offers: Mapping[str, Offers], last_update: Mapping[str, datetime]) -> Self:
        """From two mappings with the same bookmakers."""
        names = tuple(sorted(offers))
        return cls(names, tuple([offers[name] for name in names]), tuple([last_update[name] for name in names]))

    @classmethod
    def of(cls, prices: Mapping[QuoteKey, Price], last_update: Mapping[str, datetime]) -> Self:
        """From single prices and the time at which each bookmaker confirmed its own."""
        by_book: dict[str, dict[tuple[str, Side], Price]] = {bookmaker: {} for bookmaker in last_update}
        for (bookmaker, outcome, side), price in prices.items():
            by_book[bookmaker][outcome, side] = price
        return cls.by_bookmaker({bookmaker: offers_of(told) for bookmaker, told in by_book.items()}, last_update)

    @property
    def offers(self) -> Mapping[str, Offers]:
        return dict(zip(self.bookmakers, self.offered, strict=True))

    @property
    def last_update(self) -> Mapping[str, datetime]:
        return dict(zip(self.bookmakers, self.confirmed, strict=True))

    def offers_the_same(self, other: Self) -> bool:
        return self.offered == other.offered and self.bookmakers == other.bookmakers

    @property
    def prices(self) -> Mapping[QuoteKey, Price]:
        """Every single price, for who looks for one; to go through all, the offers are quicker."""
        return {
            QuoteKey(bookmaker, offer.outcome, offer.side): Price(offer.decimal, offer.limit)
            for bookmaker, offers in zip(self.bookmakers, self.offered, strict=True)
            for offer in offers
        }

    @property
    def size(self) -> int:
        """How many prices there are."""
        return sum(map(len, self.offered))


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
