"""From `opportunities.updated.v1` to the domain. Pure; only what an alert needs is decoded."""

import math
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from bet_intel.events.v1 import opportunities_updated_pb2
from bet_intel.notifier.domain.opportunities import EV, Leg, Opportunity, OpportunitySet, Side, SportingEvent
from bet_intel.shared.columns import ColumnError, Columns, read
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.times import from_us

OPPORTUNITIES_UPDATED = "opportunities.updated.v1"


def opportunity_set(message: Message) -> OpportunitySet:
    """The set that a message tells.

    Raises:
        TerminalError: it cannot be decoded, so that no later try can help.
    """
    body = opportunities_updated_pb2.OpportunitiesUpdated()
    try:
        body.ParseFromString(message.data)
        tables = read(body)
        return OpportunitySet(
            event=_event(body),
            revision=body.revision,
            as_of=from_us(body.as_of_us),
            opportunities=(*_opportunities(body.strings, tables), *_combinations(body.strings, tables)),
        )
    except (DecodeError, ColumnError, ValueError, OverflowError) as error:
        raise TerminalError(f"{message.type} {message.id} cannot be decoded: {error}") from error


def _event(body: opportunities_updated_pb2.OpportunitiesUpdated) -> SportingEvent:
    event = body.event
    if not event.id:
        raise ValueError("the event has no id")
    return SportingEvent(
        id=event.id,
        sport=event.sport,
        league=event.league,
        league_title=event.league_title,
        commence_time=from_us(event.commence_time_us),
        home=event.home,
        away=event.away,
    )


def _opportunities(strings: Sequence[str], tables: dict[str, Columns]) -> list[Opportunity]:
    """Each open opportunity of one price."""
    markets, outcomes, bookmakers = tables["markets"], tables["outcomes"], tables["bookmakers"]
    columns = {name: column.tolist() for name, column in tables["opportunities"].items()}
    found = []
    for row, kind in enumerate(columns["kind_s"]):
        if strings[kind] != EV:
            continue
        outcome, bookmaker = columns["outcome"][row], columns["bookmaker"][row]
        market = int(outcomes["market"][outcome])
        line = float(markets["line"][market])
        price, fair, ev = columns["price"][row], columns["fair"][row], columns["ev"][row]
        if not (math.isfinite(ev) and price > 1 and 0 < fair < 1):
            raise ValueError(f"opportunities[{row}] has the price {price}, fair probability {fair} and EV {ev}")
        found.append(
            Opportunity(
                id=strings[columns["id_s"][row]],
                opening=columns["opening"][row],
                profile=strings[markets["profile_s"][market]],
                class_=strings[columns["class_s"][row]],
                market=strings[markets["market_s"][market]],
                period=strings[markets["period_s"][market]],
                line=None if math.isnan(line) else line,
                subject=strings[markets["subject_s"][market]],
                outcome=strings[outcomes["outcome_s"][outcome]],
                side=Side(columns["side"][row]),
                bookmaker=strings[bookmakers["key_s"][bookmaker]],
                bookmaker_title=strings[bookmakers["title_s"][bookmaker]],
                price=price,
                fair=fair,
                ev=ev,
                categories=frozenset({strings[markets["category_s"][market]]}),
                first_seen=from_us(columns["first_seen_us"][row]),
            )
        )
    return found


def _combinations(strings: Sequence[str], tables: dict[str, Columns]) -> list[Opportunity]:
    """Each open opportunity of several legs."""
    markets = tables["markets"]
    legs = {name: column.tolist() for name, column in tables["legs"].items()}
    rows_of: dict[int, list[int]] = {}
    for row, combination in enumerate(legs["combination"]):
        rows_of.setdefault(combination, []).append(row)
    columns = {name: column.tolist() for name, column in tables["combinations"].items()}
    found = []
    for row, kind in enumerate(columns["kind_s"]):
        market = columns["market"][row]
        bets = tuple(_leg(strings, tables, legs, leg) for leg in rows_of.get(row, ()))
        ev = columns["ev"][row]
        if len(bets) < 2 or not math.isfinite(ev):
            raise ValueError(f"combinations[{row}] has {len(bets)} legs and EV {ev}")
        fair = legs["fair"][rows_of[row][0]]
        found.append(
            Opportunity(
                id=strings[columns["id_s"][row]],
                opening=columns["opening"][row],
                profile=strings[markets["profile_s"][market]],
                class_=strings[columns["class_s"][row]],
                market=strings[markets["market_s"][market]],
                period=strings[markets["period_s"][market]],
                line=bets[0].line,
                subject=strings[markets["subject_s"][market]],
                outcome=bets[0].outcome,
                side=bets[0].side,
                bookmaker=bets[0].bookmaker,
                bookmaker_title=bets[0].bookmaker_title,
                price=bets[0].price,
                fair=0.0 if math.isnan(fair) else fair,
                ev=ev,
                kind=strings[kind],
                legs=bets,
                categories=frozenset(
                    strings[markets["category_s"][tables["outcomes"]["market"][legs["outcome"][leg]]]]
                    for leg in rows_of[row]
                ),
                first_seen=from_us(columns["first_seen_us"][row]),
            )
        )
    return found


def _leg(strings: Sequence[str], tables: dict[str, Columns], legs: dict[str, list[Any]], row: int) -> Leg:
    outcome, bookmaker = legs["outcome"][row], legs["bookmaker"][row]
    line = float(tables["markets"]["line"][tables["outcomes"]["market"][outcome]])
    price = legs["price"][row]
    if not price > 1:
        raise ValueError(f"legs[{row}] has the price {price}")
    return Leg(
        outcome=strings[tables["outcomes"]["outcome_s"][outcome]],
        line=None if math.isnan(line) else line,
        side=Side(legs["side"][row]),
        bookmaker=strings[tables["bookmakers"]["key_s"][bookmaker]],
        bookmaker_title=strings[tables["bookmakers"]["title_s"][bookmaker]],
        price=price,
        share=legs["share"][row],
    )
