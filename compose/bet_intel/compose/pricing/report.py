"""What `bet-intel price` answers, as JSON has it.

Two numbers with two names: `fair_probability` of an outcome is the consensus of all bookmakers;
`leave_one_out_fair_probability` of a price is what the other bookmakers think, and its EV is taken from that. Odds are
decimal, rounded to 4 places where shown; probabilities are not rounded; EV is per unit staked; null stands for what
could not be computed.
"""

from datetime import datetime

import msgspec


class Band(msgspec.Struct, frozen=True):
    """Lowest and highest fair probability over the devig methods."""

    low: float
    high: float


class Gate(msgspec.Struct, frozen=True):
    gate: str
    passed: bool
    value: float
    bound: float


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One bookmaker's price to back an outcome, or to lay it (`side`). `net_price` is after its commission, of a lay it
    is that of the liability, which the EV is per unit of too.

    `push_probability` is how often the line returns the stake (half of it on a quarter line), 0 where it never does.
    `ev_per` is `stake`, of a lay `liability`, or `standing_stake` where that cannot be known and `push_probability` is
    null.
    """

    bookmaker: str
    title: str
    side: str = "back"
    price: float
    net_price: float
    limit: float | None
    last_update: datetime | None
    age_seconds: float | None
    leave_one_out_fair_probability: float | None
    leave_one_out_fair_odds: float | None
    ev: float | None
    ev_per: str
    push_probability: float | None


class Best(Offer, frozen=True, kw_only=True):
    """The highest net price that is fresh. `class` is `take`, `marginal`, `suspect` or `no_ev`, null where `refused`
    says why a price above fair is none, or where it cannot be judged."""

    class_: str | None = msgspec.field(name="class")
    refused: str | None


class Opportunity(Offer, frozen=True, kw_only=True):
    """A price that passed every gate. Band, books and dispersion are those of the pool without its bookmaker.

    `confidence` is the probability that the price is better than fair; `estimated_half_points` how far the nearest of
    the lines is that it was judged by, null where it was judged by its own. `kelly_fraction` is the whole Kelly stake
    of this price alone; `stake_fraction` the profile's part of it, together with the market's other outcomes and within
    the cap of the event.
    """

    band: Band
    ev_worst: float
    confidence: float
    estimated_half_points: float | None
    kelly_fraction: float
    stake_fraction: float
    class_: str = msgspec.field(name="class")
    books_used: int
    dispersion: float
    gates: list[Gate]
    explanation: list[str]


class Refused(msgspec.Struct, frozen=True):
    """A price that beats its fair price and was refused, or that no other bookmaker gives a fair price for."""

    bookmaker: str
    side: str
    price: float
    ev: float | None
    reason: str
    explanation: list[str]


class NotComputable(msgspec.Struct, frozen=True):
    reason: str
    explanation: str


class Outcome(msgspec.Struct, frozen=True):
    outcome: str
    fair_probability: float | None
    fair_odds: float | None
    band: Band | None
    books_used: int
    best: Best | None
    opportunities: list[Opportunity]
    refused: list[Refused]
    not_computable: NotComputable | None


class Reference(msgspec.Struct, frozen=True):
    """A bookmaker's part in the consensus: its share, or why it has none."""

    bookmaker: str
    title: str
    last_update: datetime | None
    age_seconds: float | None
    overround: float | None
    weight: float
    left_out_reason: str | None


class Line(msgspec.Struct, frozen=True):
    """One line of a market (null where it has none) for one subject: a player, a team, or null."""

    line: float | None
    subject: str | None
    category: str
    books_used: int
    dispersion: float | None
    bookmakers: list[Reference]
    outcomes: list[Outcome]


class Market(msgspec.Struct, frozen=True):
    market: str
    period: str
    lines: list[Line]


class Event(msgspec.Struct, frozen=True):
    id: str
    sport: str
    league: str
    league_title: str
    commence_time: datetime
    home: str | None
    away: str | None
    markets: list[Market]

    @property
    def title(self) -> str:
        return f"{self.home} – {self.away}" if self.home else self.league_title


class Input(msgspec.Struct, frozen=True):
    """Which response was taken. `line` of `lines` of a recording, counted from 1."""

    name: str
    form: str
    line: int | None
    lines: int | None
    taken_at: datetime | None


class Summary(msgspec.Struct, frozen=True):
    """Counts over everything in the response, before `min_ev` and `classes` are applied; `shown` is after."""

    events: int
    prices: int
    lines: int
    lines_priced: int
    not_computable: dict[str, int]
    opportunities: dict[str, int]
    refused: dict[str, int]
    shown: int
    rejections: int


class Rejection(msgspec.Struct, frozen=True):
    """A piece of the response that could not be read."""

    where: str
    reason: str


class Report(msgspec.Struct, frozen=True):
    """`as_of_from` is `as_of`, `captured_at`, `timestamp` or `newest_last_update`."""

    input: Input
    as_of: datetime | None
    as_of_from: str | None
    profile: str
    method: str
    min_ev: float
    classes: list[str]
    summary: Summary
    events: list[Event]
    rejections: list[Rejection]
