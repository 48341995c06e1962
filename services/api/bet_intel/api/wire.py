"""Events as they arrive → what the read model keeps, and what the gateway tells.

Pure; an undecodable message raises `WireError`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from google.protobuf.message import DecodeError

from bet_intel.api.domain.model import (
    Board,
    EventFacts,
    Heartbeat,
    MarketChange,
    MarketFreshness,
    OddsUpdate,
    OpenOpportunity,
    OpportunitySet,
    ProviderReport,
    Quote,
)
from bet_intel.api.wire_combinations import combinations
from bet_intel.api.wire_values import SIDES, bookmakers_of, event_facts, market_keys, number, pools_of, time
from bet_intel.events.v1.demand_observed_pb2 import DemandObserved
from bet_intel.events.v1.odds_changed_pb2 import OddsChanged
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.events.v1.provider_status_pb2 import CreditState, ProviderState, ProviderStatus
from bet_intel.events.v1.refresh_requested_pb2 import RefreshRequested
from bet_intel.events.v1.service_heartbeat_pb2 import ServiceHeartbeat
from bet_intel.shared.columns import ColumnError, Columns, read
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import from_us, to_us

# Of a set that was told before there were terms: nothing is known of a push.
_NO_TERMS = (None, "standing_stake", None)
SOURCE = "api"
DEMAND_OBSERVED = "demand.observed.v1"
REFRESH_REQUESTED = "refresh.requested.v1"

_MARKET_STATUS = {1: "open", 2: "suspended", 3: "closed"}


class WireError(ValueError):
    """A message that does not keep its contract: it can never be handled."""


def odds_update(data: bytes) -> OddsUpdate:
    """Decode `odds.changed.v1`.

    Raises:
        WireError: the bytes are no such message, or a column breaks its layout.
    """
    message = OddsChanged()
    try:
        message.ParseFromString(data)
        tables = read(message)
        return _odds_update(message, tables)
    except (DecodeError, ColumnError, OverflowError, IndexError, KeyError) as error:
        raise WireError(f"not a valid odds.changed.v1: {error}") from error


def _odds_update(message: OddsChanged, tables: dict[str, Columns]) -> OddsUpdate:
    strings = list(message.strings)
    keys = market_keys(tables["markets"], strings)
    revisions: list[int] = tables["markets"]["revision"].tolist()
    statuses = [_MARKET_STATUS[code] for code in tables["markets"]["status"].tolist()]
    bookmakers = bookmakers_of(tables["bookmakers"], strings)
    last_updates: list[dict[str, int]] = [{} for _ in keys]
    books = tables["books"]
    if len(books["last_update_us"]):
        # Raises where no calendar has the time: better here than wherever it is shown.
        from_us(int(books["last_update_us"].min())), from_us(int(books["last_update_us"].max()))
    for market, book, us in zip(
        books["market"].tolist(), books["bookmaker"].tolist(), books["last_update_us"].tolist(), strict=True
    ):
        last_updates[market][bookmakers[book][0]] = us
    quotes: list[list[Quote]] = [[] for _ in keys]
    columns = tables["quotes"]
    for market, book, outcome, side, price, limit in zip(
        columns["market"].tolist(),
        columns["bookmaker"].tolist(),
        columns["outcome_s"].tolist(),
        columns["side"].tolist(),
        columns["price"].tolist(),
        columns["limit"].tolist(),
        strict=True,
    ):
        quotes[market].append(Quote(bookmakers[book][0], strings[outcome], SIDES[side], price, number(limit)))
    revision = message.revision
    return OddsUpdate(
        event=event_facts(message.event),
        as_of=from_us(message.as_of_us),
        revision=revision,
        closed=bool(statuses) and all(status == "closed" for status in statuses),
        titles=dict(bookmakers),
        changes=[
            MarketChange(key, statuses[row], revisions[row], Board(last_updates[row], quotes[row]))
            for row, key in enumerate(keys)
            if revisions[row] == revision or quotes[row]
        ],
        freshness=[MarketFreshness(key, revisions[row], last_updates[row]) for row, key in enumerate(keys)],
    )


def opportunity_set(data: bytes) -> OpportunitySet:
    """Decode `opportunities.updated.v1`.

    Raises:
        WireError: the bytes are no such message, or a column breaks its layout.
    """
    message = OpportunitiesUpdated()
    try:
        message.ParseFromString(data)
        tables = read(message)
        return _opportunity_set(message, tables, data)
    except (DecodeError, ColumnError, OverflowError, IndexError) as error:
        raise WireError(f"not a valid opportunities.updated.v1: {error}") from error


def _opportunity_set(message: OpportunitiesUpdated, tables: dict[str, Columns], data: bytes) -> OpportunitySet:
    strings = list(message.strings)
    event = event_facts(message.event)
    as_of = from_us(message.as_of_us)
    bookmakers = bookmakers_of(tables["bookmakers"], strings)
    closed = tables["closed"]
    reasons = {
        strings[id]: strings[reason]
        for id, reason in zip(closed["id_s"].tolist(), closed["reason_s"].tolist(), strict=True)
    }
    opportunities = (
        _opportunities(message, tables, event, as_of, [key for key, _ in bookmakers])
        if len(tables["opportunities"]["id_s"])
        else []
    )
    found = combinations(message, tables, event, bookmakers) if len(tables["combinations"]["id_s"]) else []
    return OpportunitySet(event, as_of, message.revision, dict(bookmakers), opportunities, reasons, data, found)


def _opportunities(
    message: OpportunitiesUpdated,
    tables: dict[str, Columns],
    event: EventFacts,
    as_of: datetime,
    bookmakers: Sequence[str],
) -> list[OpenOpportunity]:
    strings = list(message.strings)
    keys = market_keys(tables["markets"], strings)
    profiles = tables["markets"]["profile_s"].tolist()
    categories = tables["markets"]["category_s"].tolist()
    outcome_market: list[int] = tables["outcomes"]["market"].tolist()
    outcome_name: list[int] = tables["outcomes"]["outcome_s"].tolist()
    consensus: list[float] = tables["outcomes"]["consensus"].tolist()
    references = tables["references"]
    pooled_as = pools_of(tables, len(keys))
    last_update = {
        (market, book): us
        for market, book, us in zip(
            references["market"].tolist(),
            references["bookmaker"].tolist(),
            references["last_update_us"].tolist(),
            strict=True,
        )
    }
    terms = _terms(tables["terms"], strings)
    certainties = _certainties(tables["certainties"])
    opportunities = []
    columns = {name: column.tolist() for name, column in tables["opportunities"].items()}
    for row, outcome in enumerate(columns["outcome"]):
        market = outcome_market[outcome]
        book = columns["bookmaker"][row]
        opportunities.append(
            OpenOpportunity(
                strings[columns["id_s"][row]],
                event.id,
                event.sport,
                event.league,
                event.commence_time,
                strings[columns["kind_s"][row]],
                strings[profiles[market]],
                strings[columns["class_s"][row]],
                keys[market].market,
                keys[market].period,
                keys[market].line,
                keys[market].subject,
                strings[categories[market]],
                strings[outcome_name[outcome]],
                bookmakers[book],
                SIDES[columns["side"][row]],
                columns["price"][row],
                columns["net_price"][row],
                number(columns["limit"][row]),
                columns["fair"][row],
                number(consensus[outcome]),
                columns["band_low"][row],
                columns["band_high"][row],
                columns["ev"][row],
                columns["ev_worst"][row],
                number(columns["dispersion"][row]),
                columns["opening"][row],
                from_us(columns["opened_us"][row]),
                from_us(columns["first_seen_us"][row]),
                from_us(columns["last_seen_us"][row]),
                columns["peak_ev"][row],
                from_us(columns["peak_us"][row]),
                time(last_update.get((pooled_as[market], book), 0)),
                as_of,
                message.revision,
                *terms.get(row, _NO_TERMS),
                *certainties.get(row, (None, None)),
            )
        )
    return opportunities


def _terms(table: Columns, strings: Sequence[str]) -> dict[int, tuple[float | None, str, float | None]]:
    """By an opportunity's row: how often its stake is returned, what its EV is per unit of, what is to be staked."""
    columns = (table[name].tolist() for name in ("opportunity", "push", "per_s", "stake"))
    return {row: (number(push), strings[per], number(stake)) for row, push, per, stake in zip(*columns, strict=True)}


def _certainties(table: Columns) -> dict[int, tuple[float | None, float | None]]:
    """By an opportunity's row: how sure it is, and how far the lines are that it was judged by."""
    columns = (table[name].tolist() for name in ("opportunity", "confidence", "half_points"))
    return {row: (number(confidence), number(away)) for row, confidence, away in zip(*columns, strict=True)}


def provider_report(data: bytes) -> ProviderReport:
    """Decode `provider.status.v1`. Raises `WireError`."""
    message = ProviderStatus()
    try:
        message.ParseFromString(data)
        tables = read(message)
        return ProviderReport(
            message.provider,
            from_us(message.at_us),
            time(message.as_of_us),
            ProviderState.Name(message.state).removeprefix("PROVIDER_STATE_").lower(),
            message.error_kind,
            message.message,
            message.position,
            message.total,
            message.events,
            message.prices,
            message.rejections,
            time(message.polled_at_us),
            time(message.due_at_us),
            _credits(message.credit_state) if message.HasField("credit_state") else None,
            _ages(tables["bookmaker_ages"], list(message.strings)),
            str(UUID(message.refresh_id)) if message.refresh_id else "",
            message.credits,
        )
    except (DecodeError, OverflowError, ValueError) as error:
        raise WireError(f"not a valid provider.status.v1: {error}") from error


def _credits(state: CreditState) -> dict[str, int]:
    return {field.name: value for field, value in state.ListFields()} | {
        "spent_day": state.spent_day,
        "spent_month": state.spent_month,
    }


def _ages(table: Columns, strings: Sequence[str]) -> list[tuple[str, str, float, float]]:
    columns = (table[name].tolist() for name in ("key_s", "title_s", "age", "norm"))
    return [(strings[key], strings[title], age, norm) for key, title, age, norm in zip(*columns, strict=True)]


def demand_observed(
    gateway: str, at: datetime, window: float, everything: bool, sports: Iterable[str], leagues: Iterable[str]
) -> Message:
    """What somebody asked this gateway for within the last `window` seconds."""
    body = DemandObserved(
        at_us=to_us(at),
        window_seconds=window,
        everything=everything,
        sports=sorted(sports),
        leagues=sorted(leagues),
    )
    return Message(
        id=str(uuid4()),
        type=DEMAND_OBSERVED,
        source=SOURCE,
        subject=gateway,
        time=at,
        revision=0,
        data=body.SerializeToString(),
    )


def refresh_requested(id: str, at: datetime, sports: Iterable[str], leagues: Iterable[str]) -> Message:
    body = RefreshRequested(id=id, at_us=to_us(at), sports=sorted(sports), leagues=sorted(leagues))
    return Message(
        id=id, type=REFRESH_REQUESTED, source=SOURCE, subject=id, time=at, revision=0, data=body.SerializeToString()
    )


def heartbeat(data: bytes) -> Heartbeat:
    """Decode `service.heartbeat.v1`. Raises `WireError`."""
    message = ServiceHeartbeat()
    try:
        message.ParseFromString(data)
        return Heartbeat(
            message.service,
            from_us(message.at_us),
            message.version,
            message.outbox_depth,
            message.outbox_age_seconds,
            message.dead_letters,
        )
    except (DecodeError, OverflowError) as error:
        raise WireError(f"not a valid service.heartbeat.v1: {error}") from error
