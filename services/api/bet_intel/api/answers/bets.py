"""What the gateway takes and answers about bets. Money is a decimal number as text, so that no digit is lost."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import NextCursor, OddsFormatName
from bet_intel.api.domain.calculator import Format, Written

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Money = Annotated[Decimal, Meta(description='With at most 4 places: "12.50".')]
Time = (
    Annotated[datetime, Meta(tz=True, description="ISO-8601 with a zone, or seconds since 1970.")]
    | Annotated[float, Meta(ge=0, le=253_402_300_000)]
)
Line = Annotated[float, Meta(ge=-100_000, le=100_000)]


class BetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A bet that was placed, to back an outcome or to lay it: `placed_at` by default now. Its event is named by
    `event_id`, or by league, teams and `commence_time`, within 12 hours of which it is looked for, also where there is
    none of that id. `odds_format` is that of `price`."""

    bookmaker: Annotated[str, Meta(min_length=1, max_length=200, description="Key of the bookmaker.")]
    market: Annotated[str, Meta(min_length=1, max_length=200, description="h2h, spreads, totals, …")]
    outcome: Annotated[
        str, Meta(min_length=1, max_length=200, description="As the board names it; home and away stand for the teams.")
    ]
    price: Written
    odds_format: Format = "decimal"
    stake: Annotated[Decimal, Meta(description='Of a lay that of who backs it; at most 4 places: "12.50".')]
    side: Literal["back", "lay"] = "back"
    returned: Annotated[
        Decimal | None,
        Meta(description="What came back, the stake included; of a lay its liability, stake × (price − 1)."),
    ] = None
    placed_at: Time | None = None
    period: Name = "full"
    line: Annotated[
        Line | None, Meta(description="A total's point, the home side's point of a spread; h2h has none.")
    ] = None
    subject: Annotated[str, Meta(max_length=200, description="Player or team of a market about one.")] = ""
    event_id: Name | None = None
    sport: Name | None = None
    league: Annotated[Name | None, Meta(description="Its key or its title.")] = None
    home: Name | None = None
    away: Name | None = None
    commence_time: Time | None = None
    reference: Annotated[
        Name | None,
        Meta(
            description="A name of your own: two bets never have the same. Sent again with it, the bet takes "
            "`returned` and `note` where it has none."
        ),
    ] = None
    note: Annotated[str, Meta(max_length=2000)] = ""


class BetClv(msgspec.Struct, frozen=True):
    """A bet against the closing lines of its event."""

    raw: Annotated[float | None, Meta(description="price / closing_price − 1; of a lay by price / (price − 1).")]
    no_vig: Annotated[
        float | None, Meta(description="price × closing_probability − 1; of a lay its EV per unit of liability.")
    ]
    closing_price: Annotated[float | None, Meta(description="The same bookmaker's last price of the same side.")]
    closing_probability: Annotated[float | None, Meta(description="Fair probability at the start.")]
    closing_line: Annotated[float | None, Meta(description="The main line at the start.")]
    points: Annotated[
        float | None,
        Meta(
            description="By how many points the main line moved in the bet's favour; of a bet on an alternate market "
            "null: how far that was from the main line when it was placed is not known."
        ),
    ]
    reason: Annotated[
        str | None,
        Meta(
            description="Why there is no `no_vig`: not_matched, not_closed, start_has_moved, market_not_offered, "
            "line_not_offered, outcome_not_offered, no_fair_price, not_of_your_tier."
        ),
    ]
    closing_revision: int | None


class BetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A bet. `unmatched_reason` says why its event is not known, null where it is."""

    id: str
    reference: str | None
    created_at: datetime
    placed_at: datetime
    event_id: str | None
    unmatched_reason: str | None
    sport: str | None
    league: str | None
    home: str | None
    away: str | None
    commence_time: datetime | None
    market: str
    period: str
    line: float | None
    subject: str | None
    outcome: str
    bookmaker: str
    side: str
    odds_format: OddsFormatName
    price: float
    stake: Money
    returned: Money | None
    note: str
    clv: BetClv


class BetList(msgspec.Struct, frozen=True):
    data: list[BetAnswer]
    next_cursor: NextCursor


class ClvGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Means over the bets that have the number; `beat_the_close` is the share of those with a positive no-vig CLV."""

    name: str | None
    bets: int
    matched: int
    staked: Annotated[Decimal, Meta(description="What was risked: of a lay its liability.")]
    settled: Annotated[Decimal, Meta(description="Staked on bets whose return is known.")]
    returned: Money
    raw_bets: int
    raw: float | None
    no_vig_bets: int
    no_vig: float | None
    no_vig_by_stake: Annotated[float | None, Meta(description="Mean weighted by the stakes.")]
    beat_the_close: float | None
    points_bets: int
    points: float | None


class ClvSummary(msgspec.Struct, frozen=True):
    """All bets together, and in groups: of what they are groups → the groups."""

    total: ClvGroup | None
    groups: dict[str, list[ClvGroup]]
