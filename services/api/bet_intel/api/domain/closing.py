"""Closing lines, in the words of the field. Prices are decimal odds, times aware UTC."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from bet_intel.api.domain.model import EventFacts, MarketKey


class ClosingPrice(NamedTuple):
    """A bookmaker's last prices of an outcome."""

    bookmaker: str
    back: float | None
    lay: float | None


class ClosingOutcome(NamedTuple):
    """An outcome's consensus over all bookmakers at the start, None where there is none, with its band over methods."""

    outcome: str
    consensus: float | None
    band_low: float | None
    band_high: float | None
    prices: list[ClosingPrice]


class ClosingMarket(NamedTuple):
    """A market as one profile saw it close, as of the newest answer that showed it; `reason` says why there is no
    consensus, "" where there is one."""

    key: MarketKey
    profile: str
    method: str
    category: str
    reason: str
    as_of: datetime
    books_used: int
    outcomes: list[ClosingOutcome]


class ClosingLines(msgspec.Struct, frozen=True):
    """All closing lines of an event; none where they are `voided`. `body` is what was told."""

    event: EventFacts
    as_of: datetime
    revision: int
    voided: bool
    pricing_revision: int
    titles: dict[str, str]
    markets: list[ClosingMarket]
    body: bytes
