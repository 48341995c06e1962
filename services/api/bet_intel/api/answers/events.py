"""Events, their prices now and before, the bookmakers that price them, sports and leagues."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import AsOf, Bookmaker, EventRef, NextCursor, OddsFormatName
from bet_intel.api.domain.working import FairOutcome


class Event(EventRef, frozen=True, kw_only=True):
    """A match or an outright competition."""

    provider: str
    status: Annotated[str, Meta(description="open, or closed once none of its markets is offered any more.")]
    as_of: Annotated[datetime, Meta(description="Source time of the newest answer about it.")]


class EventList(msgspec.Struct, frozen=True):
    data: list[Event]
    next_cursor: NextCursor
    as_of: AsOf


class Price(msgspec.Struct, frozen=True):
    """One bookmaker's odds of an outcome."""

    bookmaker: Bookmaker
    side: Annotated[str, Meta(description="back or lay.")]
    price: float
    limit: Annotated[
        float | None, Meta(description="Largest stake taken, of a lay that of who backs it, where the feed tells.")
    ]
    last_update: Annotated[datetime | None, Meta(description="When the bookmaker last confirmed it.")]
    age_seconds: Annotated[float | None, Meta(description="Source time of the event minus last_update.")]


class OutcomeOdds(FairOutcome, frozen=True, kw_only=True):
    """An outcome's consensus over all bookmakers, and every price of it."""

    consensus_odds: Annotated[float | None, Meta(description="1 / consensus_probability in the format asked for.")]
    prices: list[Price]


class MarketOdds(msgspec.Struct, frozen=True):
    """A market's board, with its consensus or the reason why there is none."""

    market: str
    period: str
    line: float | None
    subject: str | None
    category: str | None
    status: Annotated[str, Meta(description="open or suspended.")]
    changed_at: Annotated[datetime, Meta(description="Source time at which a price or the status last changed.")]
    method: Annotated[str | None, Meta(description="Devig method of the consensus.")]
    books_used: int
    dispersion: float | None
    not_computable: Annotated[
        str | None, Meta(description="Why there is no consensus; `not_priced` until the market has been priced once.")
    ]
    outcomes: list[OutcomeOdds]


class EventOdds(msgspec.Struct, frozen=True):
    """Every price of an event's markets; closed markets are left out."""

    event: Event
    profile: str
    odds_format: OddsFormatName
    priced_as_of: Annotated[datetime | None, Meta(description="Source time the consensus was made at.")]
    markets: list[MarketOdds]
    as_of: AsOf


class PriceChange(msgspec.Struct, frozen=True):
    """A bookmaker's price from one moment on, until its next entry for the same outcome of the same market."""

    changed_at: Annotated[datetime, Meta(description="Source time of the answer that had it first.")]
    market: str
    period: str
    line: float | None
    subject: str | None
    outcome: str
    side: Annotated[str, Meta(description="back or lay.")]
    bookmaker: Bookmaker
    price: Annotated[float | None, Meta(description="Null: from here on it is not offered.")]
    limit: Annotated[
        float | None, Meta(description="Largest stake taken then, of a lay that of who backs it, where the feed tells.")
    ]
    last_update: Annotated[datetime | None, Meta(description="When the bookmaker had confirmed it.")]
    revision: Annotated[int, Meta(description="Revision of the event that had it first.")]
    late: Annotated[
        bool,
        Meta(description="Entered after newer prices of its market: this answer, or the one before it, came late."),
    ]


class EventHistory(msgspec.Struct, frozen=True):
    """How the prices of an event have changed, the oldest change first."""

    event_id: str
    odds_format: OddsFormatName
    data: list[PriceChange]
    next_cursor: NextCursor
    as_of: AsOf


class BookmakerState(Bookmaker, frozen=True, kw_only=True):
    """What a bookmaker prices now. Ages are in source time."""

    events: Annotated[int, Meta(description="Open events of which it prices a market.")]
    markets: Annotated[int, Meta(description="Markets it prices; each line is one.")]
    newest_update: Annotated[datetime | None, Meta(description="Its newest confirmation of any of these prices.")]
    age_seconds: Annotated[float | None, Meta(description="as_of minus newest_update.")]
    median_age_seconds: Annotated[
        float | None, Meta(description="Over its markets: source time of the event minus its confirmation.")
    ]


class BookmakerList(msgspec.Struct, frozen=True):
    data: list[BookmakerState]
    next_cursor: NextCursor
    as_of: AsOf


class MarketState(msgspec.Struct, frozen=True):
    """A kind of market in one period, over all open events."""

    market: str
    period: str
    open_events: Annotated[int, Meta(description="Open events that have it.")]
    open_lines: Annotated[int, Meta(description="Markets of that kind; each line and subject is one.")]
    suspended_lines: Annotated[int, Meta(description="Of them, those that are suspended.")]
    open_opportunities: Annotated[
        dict[str, int], Meta(description="Open opportunities of the profile by class, whatever their EV.")
    ]
    changed_at: Annotated[datetime | None, Meta(description="Source time at which a price or status last changed.")]


class MarketList(msgspec.Struct, frozen=True):
    data: list[MarketState]
    next_cursor: NextCursor
    as_of: AsOf


class LeagueCounts(msgspec.Struct, frozen=True):
    league: str
    title: str
    open_events: int
    open_opportunities: Annotated[
        dict[str, int], Meta(description="Open opportunities of the consensus profile by class, whatever their EV.")
    ]


class SportCounts(msgspec.Struct, frozen=True):
    sport: str
    open_events: int
    open_opportunities: dict[str, int]
    leagues: list[LeagueCounts]


class SportList(msgspec.Struct, frozen=True):
    data: list[SportCounts]
    next_cursor: NextCursor
    as_of: AsOf
