"""`/v1/exports/…`: opportunities and price changes as files."""

import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import export_reads
from bet_intel.api.answers.exports import ExportedOpportunity, ExportedPriceChange
from bet_intel.api.auth import caller_of
from bet_intel.api.domain.accounts import EXPORTS
from bet_intel.api.domain.odds_format import rendered, rendered_or_none
from bet_intel.api.export_formats import CSV, NDJSON, Format, writer
from bet_intel.api.export_reads import ExportedHistory
from bet_intel.api.exports import Export, Exports
from bet_intel.api.operation import Operation
from bet_intel.api.problems import ParameterError
from bet_intel.api.query import DateFormatChoice, OddsFormat, Query, ReadQuery, TextList, Time, parse
from bet_intel.api.read_model import Record
from bet_intel.api.routes.opportunities import OpportunityFilters

_COMMON = """\
Streamed from one snapshot, as CSV with the names of the columns first or as one JSON object a line (`format`). In CSV a
text that a spreadsheet would take for a formula has an apostrophe before it. More rows than an export may have are \
refused (422) before anything is sent; one that takes too long is cut off: the connection ends before the file does."""
FileFormat = Annotated[Format, Meta(description="csv, or ndjson: one JSON object a line.")]


class OpportunityExportQuery(OpportunityFilters, frozen=True):
    date_format: DateFormatChoice = "iso"
    format: FileFormat = "csv"
    state: Annotated[Literal["open", "closed"], Meta(description="Those that are open, or those that are over.")] = (
        "open"
    )
    since: Annotated[Time, Meta(description="Of closed ones: that closed then or later, in source time.")] | None = None
    until: Annotated[Time, Meta(description="Of closed ones: that closed before.")] | None = None

    def check(self) -> None:
        super().check()
        if self.state == "open" and (self.since or self.until):
            name = "since" if self.since else "until"
            raise ParameterError(name, f"{name} is about closed ones: add state=closed.")
        _check_period(self.since, self.until)


class HistoryExportQuery(ReadQuery, frozen=True):
    format: FileFormat = "csv"
    event: Annotated[TextList, Meta(description="Ids of events, separated by commas.")] = ()
    market: Annotated[TextList, Meta(description="Markets, separated by commas: h2h, spreads, totals, …")] = ()
    bookmaker: Annotated[TextList, Meta(description="Keys of bookmakers, separated by commas.")] = ()
    outcome: Annotated[TextList, Meta(description="Outcomes, separated by commas.")] = ()
    since: Annotated[Time, Meta(description="Only changes at that source time or later.")] | None = None
    until: Annotated[Time, Meta(description="Only changes before that source time.")] | None = None
    odds_format: Annotated[OddsFormat, Meta(description="Format of every price.")] = "decimal"

    def check(self) -> None:
        _check_period(self.since, self.until)


def operations(exports: Exports) -> tuple[Operation, ...]:
    async def opportunities(request: Request) -> Response:
        asked = parse(request.url.query, OpportunityExportQuery)
        which = asked.which(caller_of(request).view)
        statement = (
            export_reads.open_opportunities(which)
            if asked.state == "open"
            else export_reads.closed_opportunities(which, asked.since, asked.until)
        )
        shown = partial(_opportunity, asked.odds_format)
        return exports.response(
            request, Export("opportunities", statement, shown, writer(asked.format, ExportedOpportunity, asked.times))
        )

    async def history(request: Request) -> Response:
        asked = parse(request.url.query, HistoryExportQuery)
        which = ExportedHistory(asked.event, asked.market, asked.bookmaker, asked.outcome, asked.since, asked.until)
        shown = partial(_price_change, asked.odds_format)
        statement = export_reads.history(which)
        return exports.response(
            request, Export("history", statement, shown, writer(asked.format, ExportedPriceChange, asked.times))
        )

    return (
        _export(
            "opportunities",
            "exportOpportunities",
            "Opportunities as a file",
            opportunities,
            "Those that the filters of /v1/opportunities select, least EV and classes as there: open ones in the order "
            f"they were first seen, or closed ones in the order they closed. {_COMMON}",
            OpportunityExportQuery,
            ExportedOpportunity,
        ),
        _export(
            "history",
            "exportHistory",
            "Price changes as a file",
            history,
            f"Event by event, each with its oldest change first, for as long as the history is kept. {_COMMON}",
            HistoryExportQuery,
            ExportedPriceChange,
        ),
    )


def _export(
    name: str,
    id: str,
    summary: str,
    respond: Callable[[Request], Awaitable[Response]],
    description: str,
    query: type[Query],
    row: type[msgspec.Struct],
) -> Operation:
    return Operation(
        f"/v1/exports/{name}",
        id,
        "exports",
        summary,
        respond,
        description,
        query,
        media_types=(CSV.partition(";")[0], NDJSON),
        structures=(row,),
        problems=(400, 401, 403, 422, 429, 503),
        need=EXPORTS,
    )


def _check_period(since: datetime | None, until: datetime | None) -> None:
    if since and until and until <= since:
        raise ParameterError("until", "until is not after since: nothing can match.")


def _opportunity(odds_format: OddsFormat, row: Record) -> ExportedOpportunity:
    american = odds_format == "american"
    return ExportedOpportunity(
        row["id"],
        row["state"],
        row["kind"],
        row["class"],
        row["profile"],
        row["event_id"],
        row["sport"],
        row["league"],
        row["league_title"],
        row["home"],
        row["away"],
        row["commence_time"],
        row["market"],
        row["period"],
        row["line"],
        row["subject"] or None,
        row["category"],
        row["outcome"],
        row["bookmaker"],
        row["bookmaker_title"],
        row["side"],
        odds_format,
        rendered(row["price"], american=american),
        rendered(row["net_price"], american=american),
        row["stake_limit"],
        row["fair"],
        rendered(1.0 / row["fair"], american=american),
        row["consensus"],
        row["band_low"],
        row["band_high"],
        row["ev"],
        row["ev_worst"],
        row["ev_per"],
        row["push"],
        row["stake"],
        row["dispersion"],
        row["opening"],
        row["first_seen"],
        row["opened_at"],
        row["last_seen"],
        row["peak_ev"],
        row["peak_at"],
        row["last_update"],
        row["as_of"],
        row["closed_at"],
        row["close_reason"],
    )


def _price_change(odds_format: OddsFormat, row: Record) -> ExportedPriceChange:
    return ExportedPriceChange(
        row["event_id"],
        row["as_of"],
        row["market"],
        row["period"],
        None if math.isnan(row["line"]) else row["line"],
        row["subject"] or None,
        row["outcome"],
        row["side"],
        row["bookmaker"],
        row["bookmaker_title"],
        odds_format,
        rendered_or_none(row["price"], american=odds_format == "american"),
        row["stake_limit"],
        row["last_update"],
        row["revision"],
        row["late"],
    )
