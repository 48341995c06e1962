"""Rows of exports: the same as in lists, flat, so that each member is a column."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import OddsFormatName


class ExportedOpportunity(msgspec.Struct, frozen=True):
    """An opportunity, open or closed; its members are described at `Opportunity` and `OpportunityDetail`."""

    id: str
    state: Annotated[str, Meta(description="open or closed.")]
    kind: str
    class_: str = msgspec.field(name="class")
    profile: str
    event_id: str
    sport: str
    league: str
    league_title: str
    home: str | None
    away: str | None
    commence_time: datetime
    market: str
    period: str
    line: float | None
    subject: str | None
    category: str
    outcome: str
    bookmaker: str
    bookmaker_title: str
    side: str
    odds_format: OddsFormatName
    price: float
    net_price: float
    limit: float | None
    fair_probability: float
    fair_odds: float
    consensus_probability: float | None
    band_low: float
    band_high: float
    ev: float
    ev_worst: float
    ev_per: str
    push_probability: float | None
    stake_fraction: float | None
    dispersion: float | None
    opening: int
    first_seen: datetime
    opened_at: datetime
    last_seen: datetime
    peak_ev: float
    peak_at: datetime
    last_update: Annotated[datetime | None, Meta(description="When the bookmaker last confirmed the price.")]
    as_of: datetime
    closed_at: datetime | None
    close_reason: str | None


class ExportedPriceChange(msgspec.Struct, frozen=True):
    """A bookmaker's price from one moment on; its members are described at `PriceChange`."""

    event_id: str
    changed_at: datetime
    market: str
    period: str
    line: float | None
    subject: str | None
    outcome: str
    side: str
    bookmaker: str
    bookmaker_title: str
    odds_format: OddsFormatName
    price: Annotated[float | None, Meta(description="Null, or an empty cell: from here on it is not offered.")]
    limit: float | None
    last_update: datetime | None
    revision: int
    late: bool
