"""`/v1/events` and the odds of one."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bet_intel.api import cursor, read_model
from bet_intel.api.answers import Event, EventList, EventOdds
from bet_intel.api.demand import Demand
from bet_intel.api.domain.accounts import EVERYTHING, READING, View
from bet_intel.api.domain.model import Board, MarketFreshness, MarketKey
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.domain.working import DELAYED, Band, FairMarket, FairOutcome
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.problems import NotFoundError, ParameterError
from bet_intel.api.query import Cursor, Limit, OddsFormat, ReadQuery, TextList, Time
from bet_intel.api.read_model import EventFilter, Record
from bet_intel.api.rendering import MarketBoard, market_odds
from bet_intel.api.working import SetWorking
from bet_intel.shared.postgres import Reader

_STARTS_BEFORE = "Only events that start before: ISO-8601 or unix seconds."


class EventQuery(ReadQuery, frozen=True):
    sport: Annotated[TextList, Meta(description="Sports, separated by commas.")] = ()
    league: Annotated[TextList, Meta(description="Leagues, separated by commas.")] = ()
    status: Annotated[
        Literal["open", "closed"], Meta(description="closed: none of its markets is offered any more.")
    ] = "open"
    starts_before: Annotated[Time, Meta(description=_STARTS_BEFORE)] | None = None
    starts_after: Annotated[Time, Meta(description="Only events that start then or later.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None

    def check(self) -> None:
        if self.starts_before and self.starts_after and self.starts_before <= self.starts_after:
            raise ParameterError("starts_before", "starts_before is not after starts_after: nothing can match.")


class EventOddsQuery(ReadQuery, frozen=True):
    market: Annotated[TextList, Meta(description="Markets, separated by commas: h2h, spreads, totals, …")] = ()
    bookmaker: Annotated[
        TextList, Meta(description="Keys of bookmakers whose prices are shown; the consensus is still over all.")
    ] = ()
    profile: Annotated[Profile, Meta(description="Pricing profile of the consensus.")] = "consensus"
    odds_format: Annotated[OddsFormat, Meta(description="Format of every price in the answer.")] = "decimal"


def operations(reads: Reads, demand: Demand) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/events",
            "listEvents",
            "events",
            "Events by start",
            reads.cached(EventQuery, partial(_list, demand)),
            "Matches and outright competitions, the earliest start first. Started events stay while they are offered.",
            EventQuery,
            answer=EventList,
            conditional=True,
            need=READING,
        ),
        Operation(
            "/v1/events/{id}/odds",
            "getEventOdds",
            "events",
            "Every price of an event",
            reads.cached(EventOddsQuery, partial(_odds, demand)),
            "Every bookmaker's price with its age, and each outcome's consensus with its band, or why there is none. "
            "Of a tier with a delay: the prices that have stood for so long, and `delayed` for a consensus of others.",
            EventOddsQuery,
            {"id": "Id of the event."},
            answer=EventOdds,
            conditional=True,
            problems=(400, 404, 503),
            need=READING,
        ),
    )


async def _list(demand: Demand, connection: Reader, _question: Question, asked: EventQuery) -> EventList:
    demand.asked_for(asked.sport, asked.league)
    after = cursor.decode(asked.cursor, asked, tuple[Time, cursor.Id]) if asked.cursor else None
    which = EventFilter(asked.status, asked.sport, asked.league, asked.starts_before, asked.starts_after)
    rows = await read_model.events(connection, which, after, asked.limit + 1)
    position = await read_model.position(connection)
    page = rows[: asked.limit]
    more = len(rows) > asked.limit
    return EventList(
        [_event(row) for row in page],
        cursor.encode((page[-1]["commence_time"], page[-1]["id"]), asked) if more else None,
        position.as_of,
    )


async def _odds(demand: Demand, connection: Reader, question: Question, asked: EventOddsQuery) -> EventOdds:
    row = await read_model.event(connection, question.path["id"])
    if row is None:
        raise NotFoundError.of("event", question.path["id"], "/v1/events lists those that are open.")
    demand.asked_for(leagues=[row["league"]])
    markets = await read_model.markets(connection, row["id"], asked.market)
    confirmed = _freshness(await read_model.freshness(connection, row["id"]))
    titles = await read_model.bookmaker_titles(connection)
    stored = await read_model.set_body(connection, row["id"])
    fair: Mapping[MarketKey, FairMarket] = SetWorking(stored[0]).fair_markets(asked.profile) if stored else {}
    position = await read_model.position(connection)
    event = _event(row)
    boards = [_board(market, confirmed) for market in markets]
    view = question.caller.view
    if view != EVERYTHING:
        boards = [board for board in boards if view.has(fair[board.key].category if board.key in fair else None)]
    if view.delay:
        recent = await _recent(connection, row["id"], position.as_of, view)
        boards, fair = _as_far_as_due(boards, fair, recent, position.as_of, view)
    return EventOdds(
        event,
        asked.profile,
        asked.odds_format,
        stored[1] if stored else None,
        [
            market_odds(board, fair.get(board.key), titles, event.as_of, asked.bookmaker, asked.odds_format)
            for board in boards
        ],
        position.as_of,
    )


async def _recent(
    connection: Reader, event_id: str, as_of: datetime | None, view: View
) -> set[tuple[MarketKey, str, str, str]]:
    """The prices that the caller does not see yet, by market, bookmaker, outcome and side."""
    if as_of is None:
        return set()
    rows = await read_model.changed_since(connection, event_id, as_of - timedelta(seconds=view.delay))
    return {
        (
            MarketKey(row["market"], row["period"], None if math.isnan(row["line"]) else row["line"], row["subject"]),
            *(row["bookmaker"], row["outcome"], row["side"]),
        )
        for row in rows
    }


def _as_far_as_due(
    boards: Sequence[MarketBoard],
    fair: Mapping[MarketKey, FairMarket],
    recent: Collection[tuple[MarketKey, str, str, str]],
    as_of: datetime | None,
    view: View,
) -> tuple[list[MarketBoard], dict[MarketKey, FairMarket]]:
    """Boards without the prices that came within the delay, and no consensus that such a price went into."""
    shown = [
        board._replace(
            quotes=[one for one in board.quotes if (board.key, one.bookmaker, one.outcome, one.side) not in recent]
        )
        for board in boards
    ]
    moved = {board.key for board in boards if not view.is_due(board.changed_at, as_of)}
    return shown, {key: _withheld(market) if key in moved else market for key, market in fair.items()}


def _withheld(market: FairMarket) -> FairMarket:
    outcomes = [FairOutcome(one.outcome, None, Band(None, None)) for one in market.outcomes]
    return msgspec.structs.replace(market, not_computable=DELAYED, dispersion=None, outcomes=outcomes)


def _event(row: Record) -> Event:
    return Event(
        row["id"],
        row["sport"],
        row["league"],
        row["league_title"],
        row["home"],
        row["away"],
        row["commence_time"],
        provider=row["provider"],
        status=row["status"],
        as_of=row["as_of"],
    )


def _freshness(stored: str | None) -> dict[MarketKey, MarketFreshness]:
    markets = msgspec.json.decode(stored, type=list[MarketFreshness]) if stored else []
    return {market.key: market for market in markets}


def _board(row: Record, confirmed: Mapping[MarketKey, MarketFreshness]) -> MarketBoard:
    line = None if math.isnan(row["line"]) else row["line"]
    key = MarketKey(row["market"], row["period"], line, row["subject"])
    board = msgspec.json.decode(row["board"], type=Board)
    last_updates = board.last_updates
    newer = confirmed.get(key)
    if newer is not None and row["revision"] >= newer.revision:
        last_updates = last_updates | newer.last_updates
    return MarketBoard(key, row["status"], row["as_of"], board.quotes, last_updates)
