"""`/v1/events/{id}/history`: how the prices of an event have changed."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import Meta

from bet_intel.api import cursor, history_reads, read_model
from bet_intel.api.answers import Bookmaker, EventHistory, PriceChange
from bet_intel.api.domain.accounts import HISTORY
from bet_intel.api.domain.odds_format import rendered_or_none
from bet_intel.api.history_reads import HistoryFilter
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.problems import NotFoundError, ParameterError
from bet_intel.api.query import Cursor, Limit, Line, OddsFormat, ReadQuery, Text, TextList, Time
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader

_DESCRIPTION = """\
Every change of every price, the oldest first, in source time: a price holds until the next entry of the same bookmaker
for the same outcome, side and market; a null price is a withdrawal. Prices that came late are here too. The history
outlives the event, for as long as it is kept. To follow it, ask again with `since` of the last entry."""


class _Position(NamedTuple):
    """The last entry seen."""

    as_of: Time
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]


class HistoryQuery(ReadQuery, frozen=True):
    market: Annotated[TextList, Meta(description="Markets, separated by commas: h2h, spreads, totals, …")] = ()
    period: Annotated[Text, Meta(description="Period: full, h1, …")] | None = None
    line: Annotated[Line, Meta(description="Line: a total's point, the home side's spread.")] | None = None
    subject: Annotated[Text, Meta(description="Player or team of a market about one.")] | None = None
    bookmaker: Annotated[TextList, Meta(description="Keys of bookmakers, separated by commas.")] = ()
    outcome: Annotated[TextList, Meta(description="Outcomes, separated by commas.")] = ()
    since: Annotated[Time, Meta(description="Only changes at that source time or later.")] | None = None
    until: Annotated[Time, Meta(description="Only changes before that source time.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None
    odds_format: Annotated[OddsFormat, Meta(description="Format of every price in the answer.")] = "decimal"

    def check(self) -> None:
        if self.since and self.until and self.until <= self.since:
            raise ParameterError("until", "until is not after since: nothing can match.")


def operations(reads: Reads) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/events/{id}/history",
            "getEventHistory",
            "events",
            "How the prices of an event have changed",
            reads.cached(HistoryQuery, _history),
            _DESCRIPTION,
            HistoryQuery,
            {"id": "Id of the event."},
            answer=EventHistory,
            conditional=True,
            problems=(400, 404, 503),
            need=HISTORY,
        ),
    )


async def _history(connection: Reader, question: Question, asked: HistoryQuery) -> EventHistory:
    event_id = question.path["id"]
    which = HistoryFilter(
        event_id,
        asked.market,
        asked.period,
        asked.line,
        asked.subject,
        asked.bookmaker,
        asked.outcome,
        asked.since,
        asked.until,
    )
    rows = await history_reads.price_changes(connection, which, _after(asked, event_id), asked.limit + 1)
    if not rows and not await _is_known(connection, event_id):
        raise NotFoundError.of("event", event_id, "/v1/events lists those that are open.")
    titles = await read_model.bookmaker_titles(connection)
    position = await read_model.position(connection)
    page = rows[: asked.limit]
    more = len(rows) > asked.limit
    return EventHistory(
        event_id,
        asked.odds_format,
        [_change(row, titles, american=asked.odds_format == "american") for row in page],
        cursor.encode((page[-1]["as_of"], page[-1]["id"]), asked, of=event_id) if more else None,
        position.as_of,
    )


def _after(asked: HistoryQuery, event_id: str) -> tuple[datetime, int] | None:
    if asked.cursor is None:
        return None
    return cursor.decode(asked.cursor, asked, _Position, of=event_id)


async def _is_known(connection: Reader, event_id: str) -> bool:
    return await read_model.event(connection, event_id) is not None or await history_reads.has_history(
        connection, event_id
    )


def _change(row: Record, titles: Mapping[str, str], *, american: bool) -> PriceChange:
    return PriceChange(
        row["as_of"],
        row["market"],
        row["period"],
        None if math.isnan(row["line"]) else row["line"],
        row["subject"] or None,
        row["outcome"],
        row["side"],
        Bookmaker(row["bookmaker"], titles.get(row["bookmaker"], row["bookmaker"])),
        rendered_or_none(row["price"], american=american),
        row["stake_limit"],
        row["last_update"],
        row["revision"],
        row["late"],
    )
