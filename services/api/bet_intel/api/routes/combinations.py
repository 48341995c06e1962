"""`/v1/arbitrage`, `/v1/low-holds` and `/v1/middles`: opportunities of several legs."""

from decimal import Decimal
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bet_intel.api import combination_reads, cursor, read_model
from bet_intel.api.answers import CombinationList
from bet_intel.api.combination_members import Staking, listed
from bet_intel.api.combination_reads import CombinationFilter
from bet_intel.api.demand import Demand
from bet_intel.api.domain.accounts import READING
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.problems import ParameterError
from bet_intel.api.query import Cursor, Ev, Limit, OddsFormat, ReadQuery, Text, TextList, Time
from bet_intel.shared.postgres import Reader

Class = Literal["take", "marginal", "no_ev", "suspect"]
Amount = Annotated[float, Meta(gt=0, le=10_000_000)]
Step = Annotated[float, Meta(ge=0.0001, le=10_000_000)]

_COMMON = """\
Prices are fresh, net of commission, and of two bookmakers at least. Stakes are those of `stake` in all, rounded to \
the step of each bookmaker in the pricing profile, or all to `step`, which goes before those (of a lay at d, whose \
stake is a liability, to the step · (d − 1)), and within the limits that bookmakers tell; what is said to be won or \
lost is after rounding. A `suspect` one holds a price too good to be true, and is listed only when `class` asks for \
it."""


class CombinationQuery(ReadQuery, frozen=True):
    """Filters, and the stakes to be shown."""

    sport: Annotated[TextList, Meta(description="Sports, separated by commas.")] = ()
    league: Annotated[TextList, Meta(description="Leagues, separated by commas.")] = ()
    event: Annotated[Text, Meta(description="Id of one event.")] | None = None
    market: Annotated[TextList, Meta(description="Markets of the first leg, separated by commas.")] = ()
    bookmaker: Annotated[TextList, Meta(description="Keys of bookmakers of whom one has a leg.")] = ()
    class_: Annotated[tuple[Class, ...], Meta(max_length=4, description="Classes, separated by commas.")] = (
        msgspec.field(default=("take", "marginal", "no_ev"), name="class")
    )
    profile: Annotated[Profile, Meta(description="Pricing profile.")] = "consensus"
    min_ev: Annotated[Ev, Meta(description="Least EV per unit staked; below 0 of a low hold.")] | None = None
    starts_before: Annotated[Time, Meta(description="Only events that start before.")] | None = None
    odds_format: Annotated[OddsFormat, Meta(description="Format of price and net_price.")] = "decimal"
    stake: Annotated[
        Amount, Meta(description="Money on all legs together, which their stakes never exceed; one step at least.")
    ] = 1000.0
    step: (
        Annotated[
            Step,
            Meta(
                description="Stakes at every bookmaker are multiples of it: 1, 0.01, …; of a lay at d, of it times "
                "d − 1. Without it each is a multiple of its bookmaker's step in the pricing profile."
            ),
        ]
        | None
    ) = None
    limit: Limit = 50
    cursor: Cursor | None = None

    def check(self) -> None:
        super().check()
        if self.step is not None and self.stake < self.step:
            raise ParameterError(
                "stake",
                f"stake is {self.stake:g}, less than one step of {self.step:g}: nothing could be placed. Give a stake "
                "of one step or more, or a smaller step.",
            )


def operations(reads: Reads, demand: Demand) -> tuple[Operation, ...]:
    def listing(path: str, id: str, kind: str, summary: str, description: str) -> Operation:
        return Operation(
            path,
            id,
            "opportunities",
            summary,
            reads.cached(CombinationQuery, partial(_list, demand, kind)),
            f"{description} {_COMMON}",
            CombinationQuery,
            answer=CombinationList,
            conditional=True,
            need=READING,
        )

    return (
        listing(
            "/v1/arbitrage",
            "listArbitrage",
            "arbitrage",
            "Bets that win whatever happens",
            "Every outcome of a market covered at a profit, also after rounding, the largest first. What these stakes "
            "turn into a loss is left out: a page may hold fewer than `limit`, and `next_cursor` says whether it was "
            "the last.",
        ),
        listing(
            "/v1/low-holds",
            "listLowHolds",
            "low_hold",
            "Markets that can be covered at little cost",
            "Every outcome covered at a small certain loss, the smallest first.",
        ),
        listing(
            "/v1/middles",
            "listMiddles",
            "middle",
            "Two bets that may both win",
            "Both sides backed at lines that leave a band between them, in which both win; the highest EV first.",
        ),
    )


async def _list(
    demand: Demand, kind: str, connection: Reader, question: Question, asked: CombinationQuery
) -> CombinationList:
    if asked.event is None:
        demand.asked_for(asked.sport, asked.league)
    after = cursor.decode(asked.cursor, asked, tuple[float, cursor.Id], of=kind) if asked.cursor else None
    which = CombinationFilter(
        (kind,),
        asked.profile,
        asked.class_,
        asked.sport,
        asked.league,
        asked.event,
        asked.market,
        asked.bookmaker,
        asked.min_ev,
        asked.starts_before,
        question.caller.view,
    )
    rows = await combination_reads.combinations(connection, which, after, asked.limit + 1)
    position = await read_model.position(connection)
    page = rows[: asked.limit]
    more = len(rows) > asked.limit
    staking = Staking(Decimal(repr(asked.stake)), None if asked.step is None else Decimal(repr(asked.step)))
    data = listed(page, asked.odds_format, staking)
    return CombinationList(
        data, cursor.encode((page[-1]["ev"], page[-1]["id"]), asked, of=kind) if more else None, position.as_of
    )
