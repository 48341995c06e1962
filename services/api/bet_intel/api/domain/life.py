"""What the arrival of newer sets means for the opportunities that were open."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bet_intel.api.domain.model import FeedEntry, Numbers, OpenNow, OpenOpportunity, OpportunitySet

SUPERSEDED = "superseded"
"""Why an opportunity closed when the message that told the reason was overtaken by a newer one."""


class Closed(NamedTuple):
    """An opportunity that is not in its event's newer set."""

    id: str
    event_id: str
    closed_at: datetime
    reason: str


class Transition(NamedTuple):
    """The opportunities that close, the ids of those that open, and what followers are told, in the order of events."""

    closed: list[Closed]
    opened: list[str]
    entries: list[FeedEntry]


def transition(open_now: Mapping[str, OpenNow], sets: Sequence[OpportunitySet]) -> Transition:
    """Compare what is open, by id, with the newer `sets` of the same events.

    An open one whose price, fair probability, EV and class are as before is no news.
    """
    closed: list[Closed] = []
    opened: list[str] = []
    entries: list[FeedEntry] = []
    open_of_event: dict[str, list[str]] = {}
    for id, known in open_now.items():
        open_of_event.setdefault(known.event_id, []).append(id)
    for each in sets:
        still_open = set()
        for opportunity in each.opportunities:
            still_open.add(opportunity.id)
            before = open_now.get(opportunity.id)
            if before is None:
                opened.append(opportunity.id)
                entries.append(_entry("opportunity.opened", each, opportunity, None))
            elif before.numbers != _numbers(opportunity):
                entries.append(_entry("opportunity.updated", each, opportunity, before.numbers))
        for id in sorted(open_of_event.get(each.event.id, ())):
            if id not in still_open:
                reason = each.close_reasons.get(id) or SUPERSEDED
                closed.append(Closed(id, each.event.id, each.as_of, reason))
                payload = _followed(open_now[id]) | {"id": id, "close_reason": reason, "closed_at": each.as_of}
                entries.append(FeedEntry("opportunity.closed", each.event.id, each.as_of, payload))
    return Transition(closed, opened, entries)


def _numbers(opportunity: OpenOpportunity) -> Numbers:
    return Numbers(opportunity.price, opportunity.fair, opportunity.ev, opportunity.class_, opportunity.category)


def _followed(known: OpenNow) -> dict[str, Any]:
    """What filters look at in one that closes: as it was when it was last seen."""
    of_it = known._asdict()
    numbers = of_it.pop("numbers")
    return of_it | _before(numbers)


def _before(numbers: Numbers) -> dict[str, Any]:
    told = {"price": numbers.price, "ev": numbers.ev, "class": numbers.class_, "category": numbers.category}
    return {"before": told}


def _entry(kind: str, of_set: OpportunitySet, opportunity: OpenOpportunity, before: Numbers | None) -> FeedEntry:
    """The opportunity with everything that is shown of it, under the names of the read model's columns."""
    event = of_set.event
    payload = opportunity._asdict()
    payload["class"] = payload.pop("class_")
    payload |= {
        "league_title": event.league_title,
        "home": event.home,
        "away": event.away,
        "bookmaker_title": of_set.titles.get(opportunity.bookmaker, opportunity.bookmaker),
        "price_age": _age(opportunity),
    }
    if before is not None:
        payload |= _before(before)
    return FeedEntry(kind, opportunity.event_id, opportunity.as_of, payload)


def _age(opportunity: OpenOpportunity) -> float | None:
    if opportunity.last_update is None:
        return None
    return (opportunity.as_of - opportunity.last_update).total_seconds()
