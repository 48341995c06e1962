"""Opportunities of several legs."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import AsOf, Bookmaker, EventRef, MarketRef, NextCursor, OddsFormatName, Peak
from bet_intel.api.domain.working import Band


class CombinationLeg(msgspec.Struct, frozen=True, kw_only=True):
    """One bet of several. Of a lay, `net_price`, `share` and `stake` are those of its liability."""

    market: MarketRef
    outcome: str
    bookmaker: Bookmaker
    side: Annotated[str, Meta(description="back or lay.")]
    price: Annotated[float, Meta(description="Odds on offer.")]
    net_price: Annotated[float, Meta(description="Odds after the bookmaker's commission.")]
    limit: Annotated[
        float | None, Meta(description="Largest stake taken, of a lay its liability, where the feed tells.")
    ]
    share: Annotated[float, Meta(description="Of the whole stake, exactly.")]
    step: Annotated[
        Decimal,
        Meta(description="What the stake is a multiple of, of a lay that of who backs it: the bookmaker's, or `step`."),
    ]
    stake: Annotated[
        Decimal | None, Meta(description="Of the stake asked for, rounded to the step; of a lay at d, to d − 1 steps.")
    ]
    profit: Annotated[
        Decimal | None,
        Meta(
            description="What all legs together win or lose when this one wins: alone, or where several always win "
            "beside those that return least."
        ),
    ]
    fair_probability: Annotated[
        float | None, Meta(description="That the bet wins, by the bookmakers but this one; null where none can say.")
    ]
    band: Annotated[Band, Meta(description="Of fair_probability, over the devig methods.")]
    ev: Annotated[
        float | None,
        Meta(description="Of the leg alone, against fair_probability; null where nobody says what is fair."),
    ]
    plausible_ev: Annotated[
        float | None, Meta(description="The highest EV that a price of its market has which is no mistake.")
    ]
    left_out_reason: Annotated[str | None, Meta(description="Why its bookmaker is not in the consensus of its market.")]
    refused_reason: Annotated[
        str | None,
        Meta(description="Why the price is refused as a single bet; null: it is not, or worth no more than its cost."),
    ]
    explain: Annotated[str, Meta(description="Path of everything behind its price (`explainPrice`).")]
    last_update: datetime | None
    age_seconds: Annotated[float | None, Meta(description="Newest source time of the event minus last_update.")]


class Window(msgspec.Struct, frozen=True):
    """Where both legs of a middle win in full: of the total, or of the home side's margin."""

    low: float
    high: float
    probability: float
    profit: Annotated[Decimal | None, Meta(description="What both legs win together.")]


class PlacedStakes(msgspec.Struct, frozen=True):
    """The stakes after rounding and limits. Where these leave nothing to place on a leg, `reason` says why, and what is
    staked, won and lost is null, here and of the legs."""

    total: Decimal | None
    step: Annotated[Decimal, Meta(description="The coarsest of the legs.")]
    worst_profit: Annotated[
        Decimal | None,
        Meta(
            description="The least that is won at any result, or the most that is lost (below 0): 0 where a whole line "
            "returns the stakes, on a quarter line half of what a leg wins."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why a leg has no stake; null where every leg has one.")]


class Combination(msgspec.Struct, frozen=True, kw_only=True):
    """Bets that are worth more together."""

    id: str
    kind: Annotated[str, Meta(description="arbitrage, low_hold or middle.")]
    class_: Annotated[str, Meta(description="take, marginal, no_ev or suspect.")] = msgspec.field(name="class")
    profile: str
    event: EventRef
    odds_format: OddsFormatName
    cost: Annotated[
        float,
        Meta(description="Sum of the legs' inverse net prices, by how many of them win: below 1 it is an arbitrage."),
    ]
    ev: Annotated[
        float,
        Meta(
            description="Per unit staked in all, before rounding; of a line that returns stakes times the part that "
            "stands, where that is known. Certain but of a middle and of such a line."
        ),
    ]
    window: Annotated[Window | None, Meta(description="Of a middle.")]
    legs: list[CombinationLeg]
    stakes: PlacedStakes
    opening: Annotated[int, Meta(description="1 at first, one more at each re-opening.")]
    first_seen: datetime
    opened_at: datetime
    last_seen: datetime
    peak: Peak
    as_of: Annotated[datetime, Meta(description="Source time it was last judged at.")]
    explanation: Annotated[list[str], Meta(description="The same in sentences.")]


class CombinationList(msgspec.Struct, frozen=True):
    data: list[Combination]
    next_cursor: NextCursor
    as_of: AsOf
