"""Opportunities of several legs as the read model keeps them, and what the arrival of newer sets means for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from bet_intel.api.domain.life import SUPERSEDED
from bet_intel.api.domain.model import FeedEntry, Leg, OpenCombination, OpportunitySet


class KnownCombination(NamedTuple):
    """One that the read model holds as open: what a follower's filters look at."""

    id: str
    event_id: str
    kind: str
    profile: str
    class_: str
    sport: str
    league: str
    commence_time: datetime
    market: str
    ev: float
    legs: list[Leg]


class CombinationChange(NamedTuple):
    """The ids of those that are gone, and what followers are told, in the order of events."""

    gone: list[str]
    entries: list[FeedEntry]


def changed(known: Mapping[str, KnownCombination], sets: Sequence[OpportunitySet]) -> CombinationChange:
    """Compare what is open, by id, with the newer `sets` of the same events. One whose EV and class, prices, limits,
    steps and categories are as before is no news."""
    gone: list[str] = []
    entries: list[FeedEntry] = []
    for each in sets:
        still_open = {one.id for one in each.combinations}
        for one in each.combinations:
            before = known.get(one.id)
            if before is None:
                entries.append(_entry("opened", each, one))
            elif (before.ev, before.class_, _told(before.legs)) != (one.ev, one.class_, _told(one.legs)):
                entries.append(_entry("updated", each, one, before))
        for id, before in sorted(known.items()):
            if before.event_id == each.event.id and id not in still_open:
                gone.append(id)
                entries.append(_closed(each, before))
    return CombinationChange(gone, entries)


def _told(legs: Sequence[Leg]) -> list[tuple[str, float, float | None, Decimal, str]]:
    """What of the legs is news: also the limits and steps, which decide whether stakes make a loss of an arbitrage, and
    the categories, which decide who sees it."""
    return [(leg.bookmaker, leg.price, leg.limit, leg.step, leg.category) for leg in legs]


def _entry(
    what: str, of_set: OpportunitySet, one: OpenCombination, before: KnownCombination | None = None
) -> FeedEntry:
    """The combination with everything that is shown of it, under the names of the read model's columns, and the EV,
    the class and the legs that it had."""
    event = of_set.event
    payload: dict[str, Any] = msgspec.to_builtins(one, builtin_types=(datetime,))
    payload |= {"league_title": event.league_title, "home": event.home, "away": event.away}
    if before is not None:
        payload["ev_before"] = before.ev
        payload["class_before"] = before.class_
        payload["legs_before"] = msgspec.to_builtins(before.legs, builtin_types=(datetime,))
    return FeedEntry(f"{one.kind}.{what}", one.event_id, one.as_of, payload)


def _closed(of_set: OpportunitySet, before: KnownCombination) -> FeedEntry:
    payload: dict[str, Any] = before._asdict()
    payload["class"] = payload.pop("class_")
    reason = of_set.close_reasons.get(before.id) or SUPERSEDED
    payload |= {"close_reason": reason, "closed_at": of_set.as_of}
    return FeedEntry(f"{before.kind}.closed", before.event_id, of_set.as_of, payload)
