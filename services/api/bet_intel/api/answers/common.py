"""What several answers hold."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

AsOf = Annotated[datetime | None, Meta(description="Newest source time of the read model; null before the first odds.")]
NextCursor = Annotated[str | None, Meta(description="Give it as `cursor` for the next page; null on the last.")]
OddsFormatName = Annotated[str, Meta(description="Format of the odds in this item: decimal or american.")]


class EventRef(msgspec.Struct, frozen=True):
    """The event an opportunity belongs to. `home` and `away` are null in an outright competition."""

    id: str
    sport: str
    league: str
    league_title: str
    home: str | None
    away: str | None
    commence_time: datetime


class MarketRef(msgspec.Struct, frozen=True):
    """A market: `line` is the total's point or the home side's spread, `subject` a player or team."""

    market: str
    period: str
    line: float | None
    subject: str | None
    category: Annotated[str, Meta(description="main, alternate, prop or outright.")]


class Bookmaker(msgspec.Struct, frozen=True):
    key: str
    title: str


class Peak(msgspec.Struct, frozen=True):
    """The best EV the opportunity has had."""

    ev: float
    at: datetime
