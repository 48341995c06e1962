"""What the engine thinks of one sporting event, as far as an alert speaks of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Side(IntEnum):
    """Which side of the bet a price is for: `BACK` wins with the outcome, `LAY` wins against it."""

    BACK = 0
    LAY = 1


@dataclass(frozen=True, slots=True)
class SportingEvent:
    """One match, or one outright competition (then `home` and `away` are ""). `commence_time` is aware, in UTC."""

    id: str
    sport: str
    league: str
    league_title: str
    commence_time: datetime
    home: str
    away: str


EV = "ev"
"""The kind of opportunity that is one price."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One bet of several; `share` is that of the whole stake, a lay's being its liability."""

    outcome: str
    line: float | None
    side: Side
    bookmaker: str
    bookmaker_title: str
    price: float
    share: float


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A price that is worth more than it costs, in one of its openings; or bets that are worth more together.

    Of another `kind` than `ev` there are `legs`: outcome, side, bookmaker and price are those of the first, and `fair`
    is the probability that it wins, or 0 where nobody can say. `line` is the point of a total, the home side's point of
    a spread, None where the market has none. `price` is in decimal odds, `fair` the leave-one-out probability, `ev` per
    unit staked. `categories` are those of the markets of its bets (main, alternate, prop, outright); `first_seen` is a
    source time. `opening` counts from 1 and grows by one whenever the opportunity opens again.
    """

    id: str
    opening: int
    profile: str
    class_: str
    market: str
    period: str
    line: float | None
    subject: str
    outcome: str
    side: Side
    bookmaker: str
    bookmaker_title: str
    price: float
    fair: float
    ev: float
    kind: str = EV
    legs: tuple[Leg, ...] = ()
    categories: frozenset[str] = frozenset()
    first_seen: datetime | None = None

    @property
    def bookmakers(self) -> frozenset[str]:
        return frozenset({self.bookmaker, *(leg.bookmaker for leg in self.legs)})


@dataclass(frozen=True, slots=True)
class OpportunitySet:
    """Every open opportunity of an event at the engine's `revision`, judged at the source time `as_of`."""

    event: SportingEvent
    revision: int
    as_of: datetime
    opportunities: tuple[Opportunity, ...]
