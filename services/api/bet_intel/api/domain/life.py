"""What the arrival of newer sets means for the opportunities that were open."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from bet_intel.api.domain.model import FeedEntry, Numbers, OpenOpportunity, OpportunitySet

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


def transition(open_now: Mapping[str, tuple[str, Numbers]], sets: Sequence[OpportunitySet]) -> Transition:
    """Compare what is open (id → event's id and numbers) with the newer `sets` of the same events.

    An open one whose price, fair probability, EV and class are as before is no news.
    """
    closed: list[Closed] = []
    opened: list[str] = []
    entries: list[FeedEntry] = []
    open_of_event: dict[str, list[str]] = {}
    for id, (event_id, _) in open_now.items():
        open_of_event.setdefault(event_id, []).append(id)
    for each in sets:
        still_open = set()
        for opportunity in each.opportunities:
            still_open.add(opportunity.id)
            before = open_now.get(opportunity.id)
            if before is None:
                opened.append(opportunity.id)
                entries.append(_entry("opportunity.opened", opportunity))
            elif before[1] != _numbers(opportunity):
                entries.append(_entry("opportunity.updated", opportunity))
        for id in sorted(open_of_event.get(each.event.id, ())):
            if id not in still_open:
                reason = each.close_reasons.get(id) or SUPERSEDED
                closed.append(Closed(id, each.event.id, each.as_of, reason))
                payload = {"id": id, "reason": reason}
                entries.append(FeedEntry("opportunity.closed", each.event.id, each.as_of, payload))
    return Transition(closed, opened, entries)


def _numbers(opportunity: OpenOpportunity) -> Numbers:
    return Numbers(opportunity.price, opportunity.fair, opportunity.ev, opportunity.class_)


def _entry(kind: str, opportunity: OpenOpportunity) -> FeedEntry:
    payload = {
        "id": opportunity.id,
        "profile": opportunity.profile,
        "kind": opportunity.kind,
        "class": opportunity.class_,
        "sport": opportunity.sport,
        "league": opportunity.league,
        "market": opportunity.market,
        "outcome": opportunity.outcome,
        "bookmaker": opportunity.bookmaker,
        "side": opportunity.side,
        "price": opportunity.price,
        "fair_probability": opportunity.fair,
        "ev": opportunity.ev,
        "opening": opportunity.opening,
    }
    return FeedEntry(kind, opportunity.event_id, opportunity.as_of, payload)
