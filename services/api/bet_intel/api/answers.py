"""What the gateway answers. The structures are the contract: the OpenAPI document is made from them.

Times are ISO-8601 in UTC. Probabilities and EV (per unit staked) are not rounded. `price`, `net_price` and `fair_odds`
are in the format that `odds_format` names: decimal odds with at most 4 places, or American odds as integers.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.domain.pricing import PricingSettings
from bet_intel.api.domain.subscriptions import Rule, WebhookAddress
from bet_intel.api.domain.working import Band, FairOutcome, PriceWorking, Probability, Working

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
    net_price: Annotated[float, Meta(description="Odds after the bookmaker's commission.")]
    limit: Annotated[float | None, Meta(description="Largest stake taken, where the feed tells.")]
    fair_probability: Annotated[
        Probability, Meta(description="Leave-one-out: pooled from every bookmaker but the one judged.")
    ]
    fair_odds: Annotated[float, Meta(description="1 / fair_probability in the format asked for.")]
    consensus_probability: Annotated[
        float | None,
        Meta(description="Pooled from all bookmakers, the one judged included; EV is not taken from it."),
    ]
    band: Annotated[Band, Meta(description="Of fair_probability, over devig methods.")]
    ev: Annotated[float, Meta(description="Expected value per unit of ev_per: 0.05 is +5 %.")]
    ev_worst: Annotated[float, Meta(description="EV at the low end of the band.")]
    ev_per: Annotated[
        str,
        Meta(
            description="stake; or standing_stake where the line may return the stake and no other line tells how often"
        ),
    ]
    push_probability: Annotated[
        float | None,
        Meta(description="How often the line returns the stake (half of it on a quarter line); null = not known."),
    ]
    stake_fraction: Annotated[
        float | None,
        Meta(description="Share of the bankroll to stake: a part of the Kelly stake, within the cap of the event."),
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
    working: Working


class CombinationLeg(msgspec.Struct, frozen=True, kw_only=True):
    """One bet of several. Of a lay, `net_price`, `share` and `stake` are those of its liability."""

    market: MarketRef
    outcome: str
    bookmaker: Bookmaker
    side: Annotated[str, Meta(description="back or lay.")]
    price: Annotated[float, Meta(description="Odds on offer.")]
    net_price: Annotated[float, Meta(description="Odds after the bookmaker's commission.")]
    limit: Annotated[float | None, Meta(description="Largest stake taken, where the feed tells.")]
    share: Annotated[float, Meta(description="Of the whole stake, exactly.")]
    stake: Annotated[Decimal, Meta(description="Of the stake asked for, rounded to the step.")]
    profit: Annotated[Decimal, Meta(description="What all legs together win or lose when only this one wins.")]
    fair_probability: Annotated[
        float | None, Meta(description="That the bet wins, by the bookmakers but this one; null where none can say.")
    ]
    last_update: datetime | None
    age_seconds: Annotated[float | None, Meta(description="Newest source time of the event minus last_update.")]


class Window(msgspec.Struct, frozen=True):
    """Where both legs of a middle win: of the total, or of the home side's margin."""

    low: float
    high: float
    probability: float
    profit: Annotated[Decimal, Meta(description="What both legs win together.")]


class PlacedStakes(msgspec.Struct, frozen=True):
    """The stakes after rounding and limits."""

    total: Decimal
    step: Decimal
    worst_profit: Annotated[Decimal, Meta(description="The least that is won, or the most that is lost (below 0).")]


class Combination(msgspec.Struct, frozen=True, kw_only=True):
    """Bets that are worth more together."""

    id: str
    kind: Annotated[str, Meta(description="arbitrage, low_hold or middle.")]
    class_: Annotated[str, Meta(description="take, marginal, no_ev or suspect.")] = msgspec.field(name="class")
    profile: str
    event: EventRef
    odds_format: OddsFormatName
    cost: Annotated[float, Meta(description="Sum of the legs' inverse net prices: below 1 it is an arbitrage.")]
    ev: Annotated[float, Meta(description="Per unit staked in all, before rounding; certain but of a middle.")]
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


class PriceExplanation(msgspec.Struct, frozen=True):
    """Why a price is an opportunity, or is none."""

    event_id: str
    explanation: Annotated[list[str], Meta(description="In sentences.")]
    working: PriceWorking
    as_of: AsOf


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
    limit: Annotated[float | None, Meta(description="Largest stake taken, where the feed tells.")]
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
    limit: Annotated[float | None, Meta(description="Largest stake taken then, where the feed tells.")]
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


class Credits(msgspec.Struct, frozen=True):
    """Credits of a provider in this UTC day and month, as of the last poll; null = no bound, or never told."""

    spent_day: int
    spent_month: int
    left_day: Annotated[int | None, Meta(description="Of the budget, reserved credits taken off.")] = None
    left_month: Annotated[int | None, Meta(description="Of the budget, reserved credits taken off.")] = None
    provider_remaining: Annotated[int | None, Meta(description="What the provider last said is left.")] = None
    provider_used: Annotated[int | None, Meta(description="What the provider last said was used.")] = None


class BookmakerAge(msgspec.Struct, frozen=True):
    """How old a bookmaker's prices were in the newest answer that held them, and usually are."""

    bookmaker: Bookmaker
    age_seconds: Annotated[float, Meta(description="Median over its markets of source time minus last update.")]
    norm_seconds: Annotated[float, Meta(description="Running median of its ages.")]


class ProviderState(msgspec.Struct, frozen=True):
    """How a source of odds is doing."""

    provider: str
    state: str
    reported_at: datetime
    age_seconds: Annotated[float, Meta(description="Wall clock now minus reported_at.")]
    as_of: Annotated[datetime | None, Meta(description="Source time of its newest answer.")]
    position: Annotated[int, Meta(description="Answers read of a recording.")]
    total: Annotated[int | None, Meta(description="Answers the recording holds; null where it has no end.")]
    events: int
    prices: int
    rejections: Annotated[int, Meta(description="Pieces of the newest answer that could not be read.")]
    error_kind: Annotated[str | None, Meta(description="auth, quota, rate, validation or transient.")]
    message: str | None
    last_poll: Annotated[datetime | None, Meta(description="When it was last asked, whether it answered or not.")]
    next_poll: Annotated[datetime | None, Meta(description="When it is to be asked next, as planned at the last poll.")]
    credits: Annotated[Credits | None, Meta(description="Null where asking costs nothing.")]
    bookmakers: Annotated[list[BookmakerAge], Meta(description="How old each bookmaker's prices are.")]


class Subscription(Rule, frozen=True, kw_only=True):
    """Who is told of which opportunities, and where."""

    id: str
    status: Annotated[str, Meta(description="active, paused, or disabled because its receiver is gone.")]
    disabled_reason: str | None
    webhook: WebhookAddress
    revision: int
    created_at: datetime
    updated_at: datetime


class CreatedSubscription(Subscription, frozen=True, kw_only=True):
    secret: Annotated[str, Meta(description="Signs every message. It is shown here alone: keep it.")]


class SubscriptionList(msgspec.Struct, frozen=True):
    data: list[Subscription]
    next_cursor: NextCursor


class Delivery(msgspec.Struct, frozen=True):
    """One message, and what has become of it."""

    id: Annotated[str, Meta(description="Also its webhook-id, however often it is sent.")]
    kind: Annotated[str, Meta(description="alert or test.")]
    opportunity_id: str | None
    event_id: str | None
    opening: Annotated[int, Meta(description="Of the opportunity.")]
    level: Annotated[int, Meta(description="1 at the first alert of an opening, one more with each realert_step.")]
    state: Annotated[str, Meta(description="pending, delivered, failed, or skipped because there was nothing to tell.")]
    attempts: int
    reason: Annotated[str | None, Meta(description="Why it failed or was skipped, or why the last attempt did.")]
    response_status: Annotated[int | None, Meta(description="HTTP status of the receiver's last answer.")]
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None


class DeliveryList(msgspec.Struct, frozen=True):
    data: list[Delivery]
    next_cursor: NextCursor


class DeliveryAccepted(msgspec.Struct, frozen=True):
    delivery_id: str


class PricingDocument(msgspec.Struct, frozen=True):
    """A pricing profile, as it is now."""

    profile: str
    revision: Annotated[int, Meta(description="0 before it was ever set; only grows.")]
    updated_at: datetime | None
    settings: PricingSettings


class Refresh(msgspec.Struct, frozen=True):
    """A refresh that was asked for, and what came of it."""

    id: str
    state: Annotated[str, Meta(description="pending, done (newer odds were told) or failed.")]
    sports: Annotated[Sequence[str], Meta(description="Asked for; everything where leagues is empty too.")]
    leagues: Sequence[str]
    requested_at: datetime
    completed_at: datetime | None = None
    provider: str | None = None
    as_of: Annotated[datetime | None, Meta(description="Source time of the provider's newest answer.")] = None
    credits: Annotated[int | None, Meta(description="Credits of the provider that it cost at most.")] = None
    error_kind: Annotated[str | None, Meta(description="auth, quota, rate, validation or transient.")] = None
    message: str | None = None


class ServiceState(msgspec.Struct, frozen=True):
    """A service's newest sign of life."""

    service: str
    version: str
    reported_at: datetime
    age_seconds: Annotated[float, Meta(description="Wall clock now minus reported_at.")]
    outbox_depth: Annotated[int, Meta(description="Messages committed and not yet confirmed.")]
    outbox_age_seconds: float
    dead_letters: Annotated[int, Meta(description="Messages and tasks set aside because handling them kept failing.")]


class FeedState(msgspec.Struct, frozen=True):
    epoch: int
    seq: int


class ReadModelState(msgspec.Struct, frozen=True):
    """What the gateway holds."""

    open_events: int
    open_markets: int
    open_opportunities: Annotated[dict[str, int], Meta(description="By class, over all profiles.")]
    closed_opportunities: int
    feed: FeedState


class Status(msgspec.Struct, frozen=True):
    providers: list[ProviderState]
    services: list[ServiceState]
    read_model: ReadModelState
    as_of: AsOf


class Probe(msgspec.Struct, frozen=True):
    status: str


class Index(msgspec.Struct, frozen=True):
    name: str
    openapi: str
    opportunities: str
    stream: str
    status: str
