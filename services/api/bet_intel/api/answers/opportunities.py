"""Single prices that pay more than their fair price, and why a price does or does not."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import AsOf, Bookmaker, EventRef, MarketRef, NextCursor, OddsFormatName, Peak
from bet_intel.api.domain.working import Band, PriceWorking, Probability, Working


class Opportunity(msgspec.Struct, frozen=True):
    """A price that pays more than its fair price: one bookmaker's offer, judged against all the others."""

    id: str
    kind: str
    class_: Annotated[str, Meta(description="take, marginal or suspect.")] = msgspec.field(name="class")
    profile: Annotated[str, Meta(description="The pricing profile that judged it.")]
    event: EventRef
    market: MarketRef
    outcome: str
    bookmaker: Bookmaker
    side: Annotated[str, Meta(description="back or lay.")]
    odds_format: OddsFormatName
    price: Annotated[float, Meta(description="Odds on offer.")]
    net_price: Annotated[
        float, Meta(description="Odds after the bookmaker's commission; of a lay those of its liability.")
    ]
    limit: Annotated[
        float | None, Meta(description="Largest stake taken, of a lay its liability, where the feed tells.")
    ]
    fair_probability: Annotated[
        Probability, Meta(description="Of the outcome, leave-one-out: pooled from every bookmaker but the one judged.")
    ]
    fair_odds: Annotated[float, Meta(description="1 / fair_probability in the format asked for.")]
    consensus_probability: Annotated[
        float | None,
        Meta(description="Pooled from all bookmakers, the one judged included; EV is not taken from it."),
    ]
    band: Annotated[Band, Meta(description="Of fair_probability, over devig methods.")]
    ev: Annotated[float, Meta(description="Expected value per unit of ev_per: 0.05 is +5 %.")]
    ev_worst: Annotated[
        float, Meta(description="EV at the end of the band that is worse for the bet: of a lay the high one.")
    ]
    ev_per: Annotated[
        str,
        Meta(
            description="stake, of a lay liability; or standing_stake where the line may return the stake and no other "
            "line tells how often"
        ),
    ]
    push_probability: Annotated[
        float | None,
        Meta(description="How often the line returns the stake (half of it on a quarter line); null = not known."),
    ]
    stake_fraction: Annotated[
        float | None,
        Meta(
            description="Share of the bankroll to stake, of a lay as liability: a part of the Kelly stake, within the "
            "cap of the event."
        ),
    ]
    confidence: Annotated[
        float | None,
        Meta(
            description="Probability that the price is better than fair, by how far the other bookmakers, the methods "
            "and the lines it was judged by disagree."
        ),
    ]
    estimated_half_points: Annotated[
        float | None,
        Meta(
            description="Too few others price this line: it was judged by other lines, the nearest so many half points "
            "away. Null: by its own."
        ),
    ]
    dispersion: Annotated[float | None, Meta(description="Disagreement of the other bookmakers, in log-odds.")]
    first_seen: datetime
    opened_at: Annotated[datetime, Meta(description="Source time of its present opening, which may not be its first.")]
    last_seen: datetime
    peak: Peak
    price_age_seconds: Annotated[
        float | None,
        Meta(
            description="Newest source time of the event minus the bookmaker's last confirmation of the price; the "
            "working measures to its own as_of, which may be one answer behind while an answer is taken in."
        ),
    ]
    as_of: Annotated[datetime, Meta(description="Source time it was last judged at.")]


class OpportunityList(msgspec.Struct, frozen=True):
    data: list[Opportunity]
    next_cursor: NextCursor
    as_of: AsOf


class OpportunityDetail(Opportunity, frozen=True, kw_only=True):
    """An opportunity, open or closed, with the whole working of the set that last held it."""

    state: Annotated[str, Meta(description="open or closed.")]
    opening: Annotated[int, Meta(description="1 at first, one more at each re-opening.")]
    closed_at: datetime | None
    close_reason: str | None
    explanation: Annotated[list[str], Meta(description="The working in sentences, with decimal odds.")]
    working: Annotated[Working | None, Meta(description="null where it is withheld.")]
    working_withheld: Annotated[
        str | None,
        Meta(description="delayed: a price of its market is newer than your tier's delay. null where there is one."),
    ] = None


class PriceExplanation(msgspec.Struct, frozen=True):
    """Why a price is an opportunity, or is none."""

    event_id: str
    explanation: Annotated[list[str], Meta(description="In sentences, with decimal odds.")]
    odds_format: Annotated[str, Meta(description="Format of the odds in the working: decimal or american.")]
    working: PriceWorking
    as_of: AsOf
