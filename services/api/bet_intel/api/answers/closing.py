"""What the gateway answers of closing lines; the conventions are those of `answers`."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import Bookmaker, EventRef, OddsFormatName
from bet_intel.api.domain.working import Band


class ClosingPriceOdds(msgspec.Struct, frozen=True):
    """A bookmaker's last prices of an outcome, null where it offered none."""

    bookmaker: Bookmaker
    back: float | None
    lay: float | None


class ClosingOutcomeOdds(msgspec.Struct, frozen=True):
    """An outcome's consensus over all bookmakers at the start, and its last prices."""

    outcome: str
    consensus_probability: float | None
    consensus_odds: Annotated[float | None, Meta(description="1 / consensus_probability in the format asked for.")]
    consensus_band: Band
    prices: list[ClosingPriceOdds]


class ClosingMarketOdds(msgspec.Struct, frozen=True):
    """A market as it closed."""

    market: str
    period: str
    line: float | None
    subject: str | None
    category: Annotated[str, Meta(description="main, alternate, prop or outright.")]
    as_of: Annotated[datetime, Meta(description="Source time of the newest answer at or before the start.")]
    method: Annotated[str, Meta(description="Devig method of the consensus.")]
    books_used: int
    not_computable: Annotated[
        str | None, Meta(description="Why there is no consensus; not_offered: nor a closing line.")
    ]
    outcomes: list[ClosingOutcomeOdds]


class EventClosing(msgspec.Struct, frozen=True):
    """The closing lines of an event."""

    event: EventRef
    profile: str
    odds_format: OddsFormatName
    fixed_at: Annotated[datetime, Meta(description="Source time at which it was known that the event had started.")]
    revision: int
    voided: Annotated[bool, Meta(description="The start has moved: there are none until it has come.")]
    markets: list[ClosingMarketOdds]
