"""From the domain to the events that odds-ingest publishes."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from bet_intel.events.v1 import common_pb2, odds_changed_pb2, provider_status_pb2
from bet_intel.odds_ingest.domain.quotes import SportingEvent
from bet_intel.odds_ingest.domain.state import EventState
from bet_intel.shared.columns import Strings, fill
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import to_us

SOURCE = "odds-ingest"
ODDS_CHANGED = "odds.changed.v1"
PROVIDER_STATUS = "provider.status.v1"


def odds_changed(state: EventState, *, unanswered: bool = False, restate: bool = False) -> Message:
    """The message that tells `state`: boards of the markets changed at its revision, book columns of all.

    `unanswered` says that the provider told nothing of it: only time has passed. `restate` adds the boards that did not
    change, with the revisions they have.
    """
    strings = Strings()
    body = odds_changed_pb2.OddsChanged(as_of_us=to_us(state.as_of), revision=state.revision, unanswered=unanswered)
    body.event.CopyFrom(sporting_event(state.event))
    bookmakers = _fill_bookmakers(body, state, strings)
    markets = list(state.markets.items())
    nan = math.nan
    fill(
        body.markets,
        market_s=[strings.row(key.market) for key, _ in markets],
        period_s=[strings.row(key.period) for key, _ in markets],
        line=[nan if key.line is None else key.line for key, _ in markets],
        subject_s=[strings.row(key.subject) for key, _ in markets],
        status=[market.status.value for _, market in markets],
        revision=[market.revision for _, market in markets],
    )
    books = [
        (row, bookmakers[bookmaker], to_us(updated))
        for row, (_, market) in enumerate(markets)
        for bookmaker, updated in market.board.last_update.items()
    ]
    fill(
        body.books,
        market=[row for row, _, _ in books],
        bookmaker=[bookmaker for _, bookmaker, _ in books],
        last_update_us=[updated for _, _, updated in books],
    )
    quotes = [
        (row, quote, price)
        for row, (_, market) in enumerate(markets)
        if restate or market.revision == state.revision
        for quote, price in market.board.prices.items()
    ]
    fill(
        body.quotes,
        market=[row for row, _, _ in quotes],
        bookmaker=[bookmakers[quote.bookmaker] for _, quote, _ in quotes],
        outcome_s=[strings.row(quote.outcome) for _, quote, _ in quotes],
        side=[quote.side.value for _, quote, _ in quotes],
        price=[price.decimal for _, _, price in quotes],
        limit=[nan if price.limit is None else price.limit for _, _, price in quotes],
    )
    body.strings.extend(strings.table())
    return Message(
        id=str(uuid4()),
        type=ODDS_CHANGED,
        source=SOURCE,
        subject=state.event.id,
        time=state.as_of,
        revision=state.revision,
        data=body.SerializeToString(),
    )


def sporting_event(event: SportingEvent) -> common_pb2.SportingEvent:
    return common_pb2.SportingEvent(
        id=event.id,
        provider=event.provider,
        sport=event.sport,
        league=event.league,
        league_title=event.league_title,
        commence_time_us=to_us(event.commence_time),
        home=event.home or "",
        away=event.away or "",
    )


def _fill_bookmakers(body: odds_changed_pb2.OddsChanged, state: EventState, strings: Strings) -> dict[str, int]:
    keys = sorted({bookmaker for market in state.markets.values() for bookmaker in market.board.last_update})
    fill(
        body.bookmakers,
        key_s=strings.rows(keys),
        title_s=strings.rows(state.bookmaker_titles.get(key, key) for key in keys),
    )
    return {key: row for row, key in enumerate(keys)}


_STATES = {
    "polling": provider_status_pb2.PROVIDER_STATE_POLLING,
    "failing": provider_status_pb2.PROVIDER_STATE_FAILING,
    "finished": provider_status_pb2.PROVIDER_STATE_FINISHED,
}


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """How a provider did when it was last asked. `as_of`, `events`, `prices` and `rejections` are those of its newest
    answer, also where it fails now; None and 0 before the first."""

    state: Literal["polling", "failing", "finished"]
    as_of: datetime | None = None
    events: int = 0
    prices: int = 0
    rejections: int = 0
    error_kind: str = ""
    message: str = ""


def provider_status(provider: str, report: ProviderReport, at: datetime, position: int, total: int | None) -> Message:
    body = provider_status_pb2.ProviderStatus(
        provider=provider,
        at_us=to_us(at),
        as_of_us=to_us(report.as_of) if report.as_of else 0,
        state=_STATES[report.state],
        error_kind=report.error_kind,
        message=report.message,
        position=position,
        total=total or 0,
        events=report.events,
        prices=report.prices,
        rejections=report.rejections,
    )
    return Message(
        id=str(uuid4()),
        type=PROVIDER_STATUS,
        source=SOURCE,
        subject=provider,
        time=at,
        revision=0,
        data=body.SerializeToString(),
    )
