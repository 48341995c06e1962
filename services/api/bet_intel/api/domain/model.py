"""What the read model keeps, in the words of the field. Prices are decimal odds, times aware UTC."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from bet_intel.odds import Split


class MarketKey(NamedTuple):
    """One market of an event. `line` is None where the market has none, `subject` a player or team, or ""."""

    market: str
    period: str
    line: float | None
    subject: str


class EventFacts(msgspec.Struct, frozen=True):
    """One match, or one outright competition (then `home` and `away` are None)."""

    id: str
    provider: str
    sport: str
    league: str
    league_title: str
    home: str | None
    away: str | None
    commence_time: datetime


class Quote(NamedTuple):
    """One bookmaker's decimal odds of an outcome; `side` is "back" or "lay", `limit` the largest stake where known,
    of a lay that of who backs it."""

    bookmaker: str
    outcome: str
    side: str
    price: float
    limit: float | None


class Board(msgspec.Struct, frozen=True):
    """Every bookmaker's prices in one market; `last_updates` maps a bookmaker to µs since the epoch (0 = unknown)."""

    last_updates: dict[str, int]
    quotes: list[Quote]


class MarketFreshness(NamedTuple):
    """When each bookmaker last confirmed its prices in a market: holds for a board of at least `revision`."""

    key: MarketKey
    revision: int
    last_updates: dict[str, int]


class MarketChange(NamedTuple):
    """A market's whole new board."""

    key: MarketKey
    status: str
    revision: int
    board: Board


class OddsUpdate(msgspec.Struct, frozen=True):
    """One answer about one event: the boards that changed, and the freshness of all."""

    event: EventFacts
    as_of: datetime
    revision: int
    closed: bool
    titles: dict[str, str]
    changes: list[MarketChange]
    freshness: list[MarketFreshness]

    @property
    def confirmations(self) -> list[MarketKey]:
        """The markets that are confirmed without a word of their prices."""
        told = {change.key for change in self.changes}
        return [each.key for each in self.freshness if each.key not in told]


class OpenOpportunity(NamedTuple):
    """An open opportunity as its set tells; the fields are the columns of the read model's table, in order."""

    id: str
    event_id: str
    sport: str
    league: str
    commence_time: datetime
    kind: str
    profile: str
    class_: str
    market: str
    period: str
    line: float | None
    subject: str
    category: str
    outcome: str
    bookmaker: str
    side: str
    price: float
    net_price: float
    stake_limit: float | None
    fair: float
    consensus: float | None
    band_low: float
    band_high: float
    ev: float
    ev_worst: float
    dispersion: float | None
    opening: int
    opened_at: datetime
    first_seen: datetime
    last_seen: datetime
    peak_ev: float
    peak_at: datetime
    last_update: datetime | None
    as_of: datetime
    revision: int
    push: float | None = 0.0
    ev_per: str = "stake"
    stake: float | None = None
    confidence: float | None = None
    half_points: float | None = None


class Leg(msgspec.Struct, frozen=True):
    """One bet. `net_price` and `share` of a lay are per unit of, and of, its liability, and `limit` is the largest;
    `fair` that the bet wins. Its stake is a multiple of `step`, a lay's being that of who backs it. `split`: what
    becomes of it where the result is the whole number beside its line; `winning`: how many of the legs win at once.
    `ev` is that of the leg alone, `plausible` what a price of its market may be worth and be no mistake; `left_out`:
    why its bookmaker is not in the consensus, `refused`: why it is refused as a single bet; None where they are not."""

    market: str
    line: float | None
    category: str
    outcome: str
    bookmaker: str
    title: str
    side: str
    price: float
    net_price: float
    limit: float | None
    share: float
    fair: float | None
    last_update: datetime | None
    # Of a set, or a row, from before steps were told it is what stakes were rounded to then.
    step: Decimal = Decimal(1)
    split: Split = Split.NONE
    winning: int = 1
    # Of a set, or a row, from before it was told: nothing.
    ev: float | None = None
    plausible: float | None = None
    band_low: float | None = None
    band_high: float | None = None
    left_out: str | None = None
    refused: str | None = None


class OpenCombination(msgspec.Struct, frozen=True):
    """An open combination as its set tells; the fields, encoded, are the columns of the read model's table."""

    id: str
    event_id: str
    sport: str
    league: str
    commence_time: datetime
    kind: str
    profile: str
    class_: str = msgspec.field(name="class")
    market: str
    period: str
    subject: str
    legs: list[Leg]
    cost: float
    ev: float
    window_low: float | None
    window_high: float | None
    window_probability: float | None
    opening: int
    opened_at: datetime
    first_seen: datetime
    last_seen: datetime
    peak_ev: float
    peak_at: datetime
    as_of: datetime
    revision: int


class OpportunitySet(msgspec.Struct, frozen=True):
    """All open opportunities of one event at one source time, and why those just closed are not among them."""

    event: EventFacts
    as_of: datetime
    revision: int
    titles: dict[str, str]
    opportunities: list[OpenOpportunity]
    close_reasons: dict[str, str]
    body: bytes
    combinations: list[OpenCombination] = []


class Numbers(NamedTuple):
    """What of an opportunity may change while it is open, and its followers are told of."""

    price: float
    fair: float
    ev: float
    class_: str
    category: str


class OpenNow(NamedTuple):
    """An opportunity that the read model holds as open: what a follower's filters look at."""

    event_id: str
    profile: str
    sport: str
    league: str
    commence_time: datetime
    market: str
    bookmaker: str
    numbers: Numbers


class Closing(NamedTuple):
    """An opportunity that is no longer open; `detail` is the working of the last set that held it (JSON)."""

    id: str
    closed_at: datetime
    reason: str
    detail: bytes


class FeedEntry(NamedTuple):
    """A change that followers of the feed are told."""

    kind: str
    event_id: str
    as_of: datetime
    payload: dict[str, Any]


class ProviderReport(NamedTuple):
    """How a source of odds is doing; `total` 0 = endless.

    `quota` names the credits that were told of; `ages` are bookmaker, title, age and norm in seconds; `credits` were
    spent for the refresh that it answers.
    """

    provider: str
    reported_at: datetime
    as_of: datetime | None
    state: str
    error_kind: str
    message: str
    position: int
    total: int
    events: int
    prices: int
    rejections: int
    polled_at: datetime | None
    due_at: datetime | None
    quota: dict[str, int] | None
    ages: list[tuple[str, str, float, float]]
    refresh_id: str
    credits: int


class Heartbeat(NamedTuple):
    """A service's sign of life."""

    service: str
    reported_at: datetime
    version: str
    outbox_depth: int
    outbox_age_seconds: float
    dead_letters: int
