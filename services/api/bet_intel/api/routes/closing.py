"""`/v1/events/{id}/closing`: the last prices before the start, and what was fair then."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from bet_intel.api import closing_store, read_model
from bet_intel.api.answers import Bookmaker, EventRef
from bet_intel.api.answers.closing import ClosingMarketOdds, ClosingOutcomeOdds, ClosingPriceOdds, EventClosing
from bet_intel.api.domain.accounts import READING
from bet_intel.api.domain.closing import ClosingMarket, ClosingOutcome
from bet_intel.api.domain.odds_format import rendered, rendered_or_none
from bet_intel.api.domain.working import Band
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.problems import NotFoundError
from bet_intel.api.query import OddsFormat, ReadQuery, TextList
from bet_intel.api.wire_closing import closing_lines
from bet_intel.shared.postgres import Reader

_DESCRIPTION = """\
Each market as of the newest answer at or before the start: every bookmaker's last prices, and each outcome's consensus
with its band. Fixed when the event has started in source time; a late answer or another start fixes it anew, with a
higher revision. `voided` is true, without markets, where the start has moved after they were fixed. A market of which
nothing was on offer shortly before the start has no line and no outcomes, and says so: `not_offered`."""

Closing = Literal["consensus"]
"""What closing lines are fixed by: a line closes at what everybody thought, in no operator's particular way."""


class ClosingQuery(ReadQuery, frozen=True):
    market: Annotated[TextList, Meta(description="Markets, separated by commas: h2h, spreads, totals, …")] = ()
    bookmaker: Annotated[
        TextList, Meta(description="Keys of bookmakers whose prices are shown; the consensus is still over all.")
    ] = ()
    profile: Annotated[Closing, Meta(description="Pricing profile of the consensus.")] = "consensus"
    odds_format: Annotated[OddsFormat, Meta(description="Format of every price in the answer.")] = "decimal"


def operations(reads: Reads) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/events/{id}/closing",
            "getEventClosing",
            "events",
            "The closing lines of an event",
            reads.cached(ClosingQuery, _closing),
            _DESCRIPTION,
            ClosingQuery,
            {"id": "Id of the event."},
            answer=EventClosing,
            conditional=True,
            problems=(400, 404, 503),
            need=READING,
        ),
    )


async def _closing(connection: Reader, question: Question, asked: ClosingQuery) -> EventClosing:
    event_id = question.path["id"]
    body = await closing_store.body(connection, event_id)
    if body is None:
        if await read_model.event(connection, event_id) is None:
            raise NotFoundError.of("event", event_id, "/v1/events lists those that are open.")
        raise NotFoundError.of("closing line of the event", event_id, "it is fixed once the event has started.")
    lines = closing_lines(body)
    view, position = question.caller.view, await read_model.position(connection)
    if not view.is_due(lines.as_of, position.as_of):
        raise NotFoundError.of("closing line of the event", event_id, "your tier sees it later.")
    event = lines.event
    return EventClosing(
        EventRef(event.id, event.sport, event.league, event.league_title, event.home, event.away, event.commence_time),
        asked.profile,
        asked.odds_format,
        lines.as_of,
        lines.revision,
        lines.voided,
        [
            _market(market, lines.titles, asked)
            for market in lines.markets
            if view.has(market.category)
            and market.profile == asked.profile
            and (not asked.market or market.key.market in asked.market)
        ],
    )


def _market(market: ClosingMarket, titles: Mapping[str, str], asked: ClosingQuery) -> ClosingMarketOdds:
    return ClosingMarketOdds(
        market.key.market,
        market.key.period,
        market.key.line,
        market.key.subject or None,
        market.category,
        market.as_of,
        market.method,
        market.books_used,
        market.reason or None,
        [_outcome(outcome, titles, asked) for outcome in market.outcomes],
    )


def _outcome(outcome: ClosingOutcome, titles: Mapping[str, str], asked: ClosingQuery) -> ClosingOutcomeOdds:
    american = asked.odds_format == "american"
    return ClosingOutcomeOdds(
        outcome.outcome,
        outcome.consensus,
        None if outcome.consensus is None else rendered(1.0 / outcome.consensus, american=american),
        Band(outcome.band_low, outcome.band_high),
        [
            ClosingPriceOdds(
                Bookmaker(price.bookmaker, titles.get(price.bookmaker, price.bookmaker)),
                rendered_or_none(price.back, american=american),
                rendered_or_none(price.lay, american=american),
            )
            for price in outcome.prices
            if not asked.bookmaker or price.bookmaker in asked.bookmaker
        ],
    )
