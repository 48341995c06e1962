"""`/v1/opportunities`."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bet_intel.api import cursor, date_format, read_model
from bet_intel.api.answers import Opportunity, OpportunityDetail, OpportunityList
from bet_intel.api.demand import Demand
from bet_intel.api.domain.accounts import EVERYTHING, READING, View
from bet_intel.api.domain.explanation import WITHHELD, explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.domain.working import DELAYED, Working
from bet_intel.api.members import members, of_opportunity
from bet_intel.api.operation import Encoded, Operation, Question, Reads
from bet_intel.api.prepared import list_of
from bet_intel.api.problems import NotFoundError, ParameterError
from bet_intel.api.query import (
    Cursor,
    DateFormatChoice,
    Ev,
    Limit,
    Odds,
    OddsFormat,
    Query,
    ReadQuery,
    Text,
    TextList,
    Time,
)
from bet_intel.api.read_model import OpportunityFilter, Record
from bet_intel.api.rendering import in_format
from bet_intel.api.working import SetWorking
from bet_intel.shared.postgres import Reader

Class = Literal["take", "marginal", "suspect"]
Sort = Literal["ev", "starts", "first_seen", "price_age", "fair_probability"]
_BY_TIME = ("starts", "first_seen")

_LIST_DESCRIPTION = """\
Open opportunities of one pricing profile, highest EV first unless `sort` says otherwise. By default those with an EV of
at least 1 % that are of the class `take` or `marginal`: a `suspect` one has an EV too high to be true, which nearly
always is a feed's error, and is listed only when `class` asks for it. EV is judged against `fair_probability`, which
leaves out the bookmaker that is judged; `consensus_probability` is shown beside it. A list moves while it is read: an
opportunity whose place changes between two pages may come twice or not at all."""
_SORT = (
    "Order: `ev` highest first, `starts` soonest first, `first_seen` newest first, `price_age` most recently confirmed "
    "first, `fair_probability` likeliest first. Equals by id. A cursor belongs to its order."
)
_STARTS_BEFORE = "Only events that start before: ISO-8601 or unix seconds."
_ALWAYS_DECIMAL = "in decimal odds whatever odds_format says."


class OpportunityFilters(Query, frozen=True):
    """What chooses opportunities, in lists and in the stream."""

    sport: Annotated[TextList, Meta(description="Sports, separated by commas.")] = ()
    league: Annotated[TextList, Meta(description="Leagues, separated by commas.")] = ()
    event: Annotated[Text, Meta(description="Id of one event.")] | None = None
    market: Annotated[TextList, Meta(description="Markets, separated by commas: h2h, spreads, totals, …")] = ()
    bookmaker: Annotated[TextList, Meta(description="Keys of bookmakers, separated by commas.")] = ()
    class_: Annotated[tuple[Class, ...], Meta(max_length=3, description="Classes, separated by commas.")] = (
        msgspec.field(default=("take", "marginal"), name="class")
    )
    profile: Annotated[Profile, Meta(description="Pricing profile.")] = "consensus"
    min_ev: Annotated[Ev, Meta(description="Least EV per unit staked: 0.01 is 1 %.")] = 0.01
    max_ev: Annotated[Ev, Meta(description="Highest EV per unit staked.")] | None = None
    min_odds: Annotated[Odds, Meta(description=f"Least price, {_ALWAYS_DECIMAL}")] | None = None
    max_odds: Annotated[Odds, Meta(description=f"Highest price, {_ALWAYS_DECIMAL}")] | None = None
    starts_before: Annotated[Time, Meta(description=_STARTS_BEFORE)] | None = None
    odds_format: Annotated[OddsFormat, Meta(description="Format of price, net_price and fair_odds.")] = "decimal"

    def check(self) -> None:
        if self.max_ev is not None and self.max_ev < self.min_ev:
            raise ParameterError(
                "max_ev",
                f"max_ev {self.max_ev} is below min_ev {self.min_ev} (0.01 unless given): nothing can match.",
            )
        if self.min_odds is not None and self.max_odds is not None and self.max_odds < self.min_odds:
            raise ParameterError(
                "max_odds", f"max_odds {self.max_odds} is below min_odds {self.min_odds}: nothing can match."
            )

    def which(self, view: View) -> OpportunityFilter:
        """What they choose of what is seen."""
        return OpportunityFilter(
            self.profile,
            self.class_,
            self.sport,
            self.league,
            self.event,
            self.market,
            self.bookmaker,
            self.min_ev,
            self.max_ev,
            self.min_odds,
            self.max_odds,
            self.starts_before,
            view,
        )


class OpportunityQuery(OpportunityFilters, frozen=True):
    date_format: DateFormatChoice = "iso"
    sort: Annotated[Sort, Meta(description=_SORT)] = "ev"
    limit: Limit = 50
    cursor: Cursor | None = None


class OpportunityDetailQuery(ReadQuery, frozen=True):
    odds_format: Annotated[OddsFormat, Meta(description="Format of every price in the answer.")] = "decimal"


def operations(reads: Reads, demand: Demand) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/opportunities",
            "listOpportunities",
            "opportunities",
            "Open opportunities",
            reads.prepared(OpportunityQuery, partial(_list, demand)),
            _LIST_DESCRIPTION,
            OpportunityQuery,
            answer=OpportunityList,
            conditional=True,
            need=READING,
        ),
        Operation(
            "/v1/opportunities/{id}",
            "getOpportunity",
            "opportunities",
            "One opportunity with its whole working",
            reads.plain(OpportunityDetailQuery, partial(_detail, demand)),
            "Open or closed. The working is that of the set that holds it, or held it last before it closed. Of a tier "
            "with a delay it is null, and `working_withheld` says `delayed`, while a price of its market is newer.",
            OpportunityDetailQuery,
            {"id": "Id of the opportunity."},
            answer=OpportunityDetail,
            problems=(400, 404, 503),
            need=READING,
        ),
    )


async def _list(demand: Demand, connection: Reader, question: Question, asked: OpportunityQuery) -> Encoded:
    if asked.event is None:
        demand.asked_for(asked.sport, asked.league)
    view = question.caller.view
    if asked.odds_format == "decimal" and asked.times == "iso":
        rows, as_of = await _rows(connection, asked, view, prepared=True)
        if all(row["prepared"] is not None for row in rows):
            next_cursor = _next(rows, asked)
            return Encoded(list_of(rows[: asked.limit], next_cursor, as_of), next_cursor)
    listing = await listed(connection, asked, view)
    return Encoded(date_format.encoded(listing, asked.times), listing.next_cursor)


async def listed(connection: Reader, asked: OpportunityQuery, view: View = EVERYTHING) -> OpportunityList:
    """What `/v1/opportunities` answers who sees so much."""
    rows, as_of = await _rows(connection, asked, view, prepared=False)
    page = rows[: asked.limit]
    return OpportunityList([Opportunity(**members(row, asked.odds_format)) for row in page], _next(rows, asked), as_of)


async def _rows(
    connection: Reader, asked: OpportunityQuery, view: View, *, prepared: bool
) -> tuple[list[Record], datetime | None]:
    """One more than a page, where there are."""
    return await read_model.listed_opportunities(
        connection, asked.which(view), asked.sort, _after(asked), asked.limit + 1, prepared=prepared
    )


def _next(rows: Sequence[Record], asked: OpportunityQuery) -> str | None:
    if len(rows) <= asked.limit:
        return None
    last = rows[asked.limit - 1]
    return cursor.encode((last["sort_key"], last["id"]), asked)


def _after(asked: OpportunityQuery) -> tuple[float | datetime, str] | None:
    if asked.cursor is None:
        return None
    if asked.sort in _BY_TIME:
        return cursor.decode(asked.cursor, asked, tuple[Time, cursor.Id])
    return cursor.decode(asked.cursor, asked, tuple[float, cursor.Id])


async def _detail(
    demand: Demand, connection: Reader, question: Question, asked: OpportunityDetailQuery
) -> OpportunityDetail:
    row = await read_model.opportunity(connection, question.path["id"])
    if row is None or not await _is_seen(connection, question.caller.view, row):
        # What a caller does not see is to him as if it were not.
        hint = "/v1/opportunities lists those that are open and that your tier sees."
        raise NotFoundError.of("opportunity", question.path["id"], hint)
    if row["closed_at"] is None:
        demand.asked_for(leagues=[row["league"]])
    closed_at: datetime | None = row["closed_at"]
    working = await _working(connection, row)
    shown = await _shows_working(connection, question.caller.view, row, working)
    return OpportunityDetail(
        **members(row, asked.odds_format),
        state="open" if closed_at is None else "closed",
        opening=row["opening"],
        closed_at=closed_at,
        close_reason=row["close_reason"],
        explanation=explain(of_opportunity(row, working)) if shown else [WITHHELD],
        working=in_format(working, asked.odds_format) if shown else None,
        working_withheld=None if shown else DELAYED,
    )


async def _is_seen(connection: Reader, view: View, row: Record) -> bool:
    if view == EVERYTHING:
        return True
    position = await read_model.position(connection)
    return view.shows([row["category"]], row["first_seen"], position.as_of)


async def _shows_working(connection: Reader, view: View, row: Record, working: Working) -> bool:
    """Whether every price of the market that the working shows has stood for the caller's delay."""
    if not view.delay:
        return True
    as_of = (await read_model.position(connection)).as_of
    if view.is_due(working.as_of, as_of):
        return True
    if row["closed_at"] is not None:
        return False
    key = MarketKey(row["market"], row["period"], row["line"], row["subject"])
    since = await read_model.stands_since(connection, row["event_id"], key, working.odds_revision)
    return since is not None and view.is_due(since, as_of)


async def _working(connection: Reader, row: Record) -> Working:
    if row["detail"] is not None:
        return msgspec.json.decode(row["detail"], type=Working)
    stored = await read_model.set_body(connection, row["event_id"])
    if stored is None:
        raise LookupError(f"open opportunity {row['id']} without its event's set")
    return SetWorking(stored[0]).opportunity(row["id"])
