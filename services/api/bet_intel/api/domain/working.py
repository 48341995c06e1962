"""The working behind a price's judgement: what went in, what came out, and who said what.

Probabilities lie in (0, 1); EV is per unit staked; prices are decimal odds unless American ones were
asked for. Null stands where a number could not be computed or is not known.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

DELAYED = "delayed"
"""Why something is not told: prices went into it that the caller's tier does not see yet."""

EstimatedLines = Annotated[list[float], Meta(description="The lines that it was judged by, where not by its own.")]
ByTheWorseEnd = Annotated[bool, Meta(description="The profile judges by the end of the band that is worse.")]
Probability = Annotated[float, Meta(description="Probability between 0 and 1, not rounded.")]


class Band(msgspec.Struct, frozen=True):
    """Lowest and highest fair probability over the devig methods."""

    low: float | None
    high: float | None


class BookmakerPrice(msgspec.Struct, frozen=True):
    """A bookmaker's prices of one outcome, and the probability its complete market gives the outcome without margin."""

    bookmaker: str
    title: str
    back: float | None
    lay: float | None
    devigged_probability: float | None
    age_seconds: Annotated[float | None, Meta(description="Source time of the set minus its last confirmation.")]


class OutcomeWorking(msgspec.Struct, frozen=True):
    """One outcome of the market: the consensus over all bookmakers, and every price that was on offer."""

    outcome: str
    consensus_probability: float | None
    consensus_band: Band
    prices: list[BookmakerPrice]


class BookmakerWorking(msgspec.Struct, frozen=True):
    """A bookmaker's part in the two pools of the market."""

    bookmaker: str
    title: str
    last_update: Annotated[datetime | None, Meta(description="When it last confirmed its prices.")]
    age_seconds: Annotated[float | None, Meta(description="Source time of the set minus last_update.")]
    overround: Annotated[float | None, Meta(description="Sum of its implied probabilities minus 1.")]
    consensus_weight: Annotated[float, Meta(description="Share of the consensus pool, 0 where left out.")]
    left_out_reason: Annotated[str | None, Meta(description="Why it is not in the consensus pool.")]
    leave_one_out_weight: Annotated[
        float,
        Meta(description="Share of the pool this opportunity was judged against, which leaves out the judged."),
    ]
    leave_one_out_outlier: Annotated[bool, Meta(description="Left out of that pool as an outlier.")]
    judged: Annotated[bool, Meta(description="Whether the opportunity is a price of this bookmaker.")]


class LeaveOneOut(msgspec.Struct, frozen=True):
    """The pool without the judged bookmaker."""

    fair_probability: Probability
    band: Band
    dispersion: Annotated[float | None, Meta(description="Median absolute deviation of log-odds.")]
    books_used: int


class Gate(msgspec.Struct, frozen=True):
    """A named rule's verdict, in the order the rules were asked."""

    gate: str
    passed: bool
    value: Annotated[float | None, Meta(description="What was measured.")]
    bound: Annotated[float | None, Meta(description="What it was held against.")]

    @classmethod
    def of_ev(cls, ev: float | None) -> "list[Gate]":
        """What a price fails that does not beat its fair price: the engine says nothing of its other gates."""
        return [] if ev is None or ev > 0.0 else [cls("ev_positive", False, ev, 0.0)]


class Working(msgspec.Struct, frozen=True):
    """Everything that led to one opportunity, as the engine told it."""

    as_of: Annotated[datetime, Meta(description="Source time that ages and starts were judged against.")]
    odds_revision: int
    pricing_revision: int
    method: Annotated[str, Meta(description="Devig method.")]
    books_used: Annotated[int, Meta(description="Bookmakers in the consensus.")]
    dispersion: Annotated[float | None, Meta(description="Median absolute deviation of the books' log-odds.")]
    leave_one_out: LeaveOneOut
    outcomes: list[OutcomeWorking]
    bookmakers: list[BookmakerWorking]
    gates: list[Gate]
    estimated_lines: EstimatedLines = []
    worst_case: ByTheWorseEnd = False


class FairOutcome(msgspec.Struct, frozen=True):
    """The consensus of an outcome over all bookmakers, without the prices behind it."""

    outcome: str
    consensus_probability: float | None
    consensus_band: Band


class FairMarket(msgspec.Struct, frozen=True):
    """A market's fair prices, or the reason why there are none."""

    category: str
    method: str
    books_used: int
    dispersion: float | None
    not_computable: Annotated[str | None, Meta(description="Why there is no fair price; null where there is one.")]
    outcomes: list[FairOutcome]


class PriceWorking(msgspec.Struct, frozen=True, kw_only=True):
    """One bookmaker's price as a profile judged it, whether it is an opportunity or not."""

    event: str
    away: Annotated[
        str | None, Meta(description="The away side: its point of a spread is the opposite of line, the home side's.")
    ] = None
    profile: str
    market: str
    period: str
    line: float | None
    subject: str | None
    outcome: str
    bookmaker: str
    title: str
    side: Annotated[str, Meta(description="back or lay.")] = "back"
    price: float | None
    net_price: Annotated[
        float | None, Meta(description="After the bookmaker's commission; of a lay per unit of liability.")
    ]
    age_seconds: float | None
    verdict: Annotated[
        str,
        Meta(
            description="opportunity, refused (by a gate), no_ev, or not_judged: nobody gives it a fair price, or it "
            "is of another market under the same name."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it is no opportunity.")]
    class_: Annotated[str | None, Meta(description="Of an opportunity.")] = msgspec.field(name="class")
    fair_probability: Annotated[
        float | None, Meta(description="What it is judged by: leave-one-out, by worst_case the worse end of its band.")
    ]
    consensus_probability: float | None
    band: Annotated[Band, Meta(description="Leave-one-out; of the consensus where no other bookmaker is pooled.")]
    ev: float | None
    ev_worst: float | None
    ev_per: Annotated[
        str, Meta(description="stake, of a lay liability; or standing_stake on a line that may return it, not counted.")
    ] = "stake"
    push_probability: Annotated[
        float | None, Meta(description="How often the line returns the stake; null = not known.")
    ] = 0.0
    confidence: Annotated[float | None, Meta(description="Of an opportunity: that the price is better than fair.")] = (
        None
    )
    estimated_half_points: Annotated[
        float | None, Meta(description="Judged by other lines, the nearest so far away; null: by its own.")
    ] = None
    estimated_lines: EstimatedLines = []
    worst_case: ByTheWorseEnd = False
    as_of: datetime
    method: str
    books_used: Annotated[int, Meta(description="Bookmakers in the consensus.")]
    dispersion: float | None
    outcomes: list[OutcomeWorking]
    bookmakers: list[BookmakerWorking]
    gates: Annotated[list[Gate], Meta(description="All that were asked; of a price with no_ev that is ev_positive.")]
