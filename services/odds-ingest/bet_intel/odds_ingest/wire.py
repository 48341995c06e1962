"""Between the domain and the events that odds-ingest publishes and consumes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID, uuid4

from google.protobuf.message import DecodeError

from bet_intel.events.v1 import (
    common_pb2,
    demand_observed_pb2,
    odds_changed_pb2,
    provider_status_pb2,
    refresh_requested_pb2,
)
from bet_intel.odds_ingest.domain.ages import BookmakerAge
from bet_intel.odds_ingest.domain.quotes import SportingEvent
from bet_intel.odds_ingest.domain.state import EventState
from bet_intel.odds_ingest.poll_store import RefreshRequest
from bet_intel.odds_ingest.quota import QuotaState
from bet_intel.shared.columns import Strings, fill
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.times import from_us, to_us

SOURCE = "odds-ingest"
ODDS_CHANGED = "odds.changed.v1"
PROVIDER_STATUS = "provider.status.v1"


def odds_changed(state: EventState, *, unanswered: bool = False, restate: bool = False, live: bool = False) -> Message:
    """The message that tells `state`: boards of the markets changed at its revision, book columns of all.

    `unanswered` says that the provider told nothing of it: only time has passed. `restate` adds the boards that did not
    change, with the revisions they have. `live`, that time at the provider goes on with the clock.
    """
    strings = Strings()
    body = odds_changed_pb2.OddsChanged(
        as_of_us=to_us(state.as_of), revision=state.revision, unanswered=unanswered, live=live
    )
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
        for bookmaker, updated in zip(market.board.bookmakers, market.board.confirmed, strict=True)
    ]
    fill(
        body.books,
        market=[row for row, _, _ in books],
        bookmaker=[bookmaker for _, bookmaker, _ in books],
        last_update_us=[updated for _, _, updated in books],
    )
    quotes = [
        (row, bookmakers[bookmaker], offer)
        for row, (_, market) in enumerate(markets)
        if restate or market.revision == state.revision
        for bookmaker, offers in zip(market.board.bookmakers, market.board.offered, strict=True)
        for offer in offers
    ]
    fill(
        body.quotes,
        market=[row for row, _, _ in quotes],
        bookmaker=[bookmaker for _, bookmaker, _ in quotes],
        outcome_s=[strings.row(offer.outcome) for _, _, offer in quotes],
        side=[offer.side.value for _, _, offer in quotes],
        price=[offer.decimal for _, _, offer in quotes],
        limit=[nan if offer.limit is None else offer.limit for _, _, offer in quotes],
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
    keys = sorted({bookmaker for market in state.markets.values() for bookmaker in market.board.bookmakers})
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
    answer, also where it fails now; None and 0 before the first.

    `refresh_id` is the refresh that this answers. `credits` is the most that was charged for what it tells of.
    """

    state: Literal["polling", "failing", "finished"]
    as_of: datetime | None = None
    events: int = 0
    prices: int = 0
    rejections: int = 0
    error_kind: str = ""
    message: str = ""
    refresh_id: str = ""
    credits: int = 0
    polled_at: datetime | None = None
    due_at: datetime | None = None
    quota: QuotaState | None = None
    ages: Sequence[BookmakerAge] = ()


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
        refresh_id=report.refresh_id,
        credits=report.credits,
        polled_at_us=to_us(report.polled_at) if report.polled_at else 0,
        due_at_us=to_us(report.due_at) if report.due_at else 0,
        credit_state=_credit_state(report.quota) if report.quota else None,
    )
    strings = Strings()
    fill(
        body.bookmaker_ages,
        key_s=strings.rows(age.bookmaker for age in report.ages),
        title_s=strings.rows(age.title for age in report.ages),
        age=[age.age for age in report.ages],
        norm=[age.norm for age in report.ages],
    )
    body.strings.extend(strings.table())
    return Message(
        id=str(uuid4()),
        type=PROVIDER_STATUS,
        source=SOURCE,
        subject=provider,
        time=at,
        revision=0,
        data=body.SerializeToString(),
    )


def _credit_state(quota: QuotaState) -> provider_status_pb2.CreditState:
    return provider_status_pb2.CreditState(
        spent_day=quota.spent_day,
        spent_month=quota.spent_month,
        left_day=quota.left.day,
        left_month=quota.left.month,
        provider_remaining=quota.report.remaining if quota.report else None,
        provider_used=quota.report.used if quota.report else None,
    )


class DemandObserved(NamedTuple):
    """What somebody asked a gateway for; `everything` where no sport or league was named."""

    at: datetime
    everything: bool
    sports: Sequence[str]
    leagues: Sequence[str]


def demand_observed(message: Message) -> DemandObserved:
    """Raises `TerminalError` for bytes that are no demand.observed.v1."""
    body = demand_observed_pb2.DemandObserved()
    try:
        body.ParseFromString(message.data)
        return DemandObserved(from_us(body.at_us), body.everything, list(body.sports), list(body.leagues))
    except (DecodeError, OverflowError) as error:
        raise TerminalError(f"not a valid demand.observed.v1: {error}") from error


def refresh_request(message: Message) -> RefreshRequest:
    """Raises `TerminalError` for bytes that are no refresh.requested.v1."""
    body = refresh_requested_pb2.RefreshRequested()
    try:
        body.ParseFromString(message.data)
        return RefreshRequest(str(UUID(body.id)), list(body.sports), list(body.leagues), from_us(body.at_us))
    except (DecodeError, OverflowError, ValueError) as error:
        raise TerminalError(f"not a valid refresh.requested.v1: {error}") from error
