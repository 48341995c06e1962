"""From a new set to the alerts that are due."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bet_intel.notifier.domain.opportunities import OpportunitySet
from bet_intel.notifier.domain.rules import Alerted, Rule, next_alert

AlertKey = tuple[str, str]
"""Subscription and opportunity."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is due."""

    subscription_id: str
    channel: str
    event_id: str
    opportunity_id: str
    alerted: Alerted


def of_interest(one: OpportunitySet, rules: Sequence[Rule]) -> OpportunitySet:
    """The set without the opportunities that no rule is about."""
    kept = tuple(
        opportunity for opportunity in one.opportunities if any(rule.covers(one.event, opportunity) for rule in rules)
    )
    return OpportunitySet(one.event, one.revision, one.as_of, kept)


def newest(sets: Iterable[OpportunitySet]) -> list[OpportunitySet]:
    """The newest set of each event, in the order of the events' ids: an older one tells of prices that are gone."""
    by_event: dict[str, OpportunitySet] = {}
    for one in sets:
        known = by_event.get(one.event.id)
        if known is None or one.revision > known.revision:
            by_event[one.event.id] = one
    return [by_event[id] for id in sorted(by_event)]


def due_alerts(
    sets: Iterable[OpportunitySet], rules: Sequence[Rule], last: Mapping[AlertKey, Alerted]
) -> Iterator[Alert]:
    """The alerts that `sets` (one of each event) call for, given the last one of each subscription and opportunity."""
    for one in sets:
        for rule in rules:
            for opportunity in one.opportunities:
                if not rule.covers(one.event, opportunity) or not rule.shows(opportunity, one.as_of):
                    continue
                alerted = next_alert(rule, opportunity, last.get((rule.id, opportunity.id)))
                if alerted is not None:
                    yield Alert(rule.id, rule.channel, one.event.id, opportunity.id, alerted)
