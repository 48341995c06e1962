"""Who wants to hear of which opportunities, and when again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from bet_intel.notifier.domain.opportunities import EV, Opportunity, SportingEvent

# An EV is a difference of products of doubles: .05 + .02 must be reached by .07.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Rule:
    """A subscription. An empty selection of sports, leagues, markets or bookmakers means all of them.

    `min_ev` is per unit staked (.045 = 4.5 %); `realert_step` is how much the EV must have grown since the last alert
    of the same opening before there is another. `kinds`: ev, arbitrage, middle. `sees` are the categories of market
    that its owner sees, all where there are none, and `delay` how long (s) after it was first seen he sees an
    opportunity.
    """

    id: str
    channel: str
    sports: frozenset[str]
    leagues: frozenset[str]
    markets: frozenset[str]
    bookmakers: frozenset[str]
    profile: str
    classes: frozenset[str]
    min_ev: float
    realert_step: float
    kinds: frozenset[str] = frozenset({EV})
    sees: frozenset[str] = frozenset()
    delay: float = 0.0

    def covers(self, event: SportingEvent, opportunity: Opportunity) -> bool:
        """Whether the rule is about this opportunity, whatever its EV."""
        return (
            opportunity.kind in self.kinds
            and opportunity.profile == self.profile
            and opportunity.class_ in self.classes
            and _selects(self.sports, event.sport)
            and _selects(self.leagues, event.league)
            and _selects(self.markets, opportunity.market)
            and (not self.bookmakers or not self.bookmakers.isdisjoint(opportunity.bookmakers))
            and self._has(opportunity)
        )

    def _has(self, opportunity: Opportunity) -> bool:
        # A set that was kept before there were categories does not tell them.
        return not self.sees or (bool(opportunity.categories) and opportunity.categories <= self.sees)

    def shows(self, opportunity: Opportunity, as_of: datetime) -> bool:
        """Whether its owner sees the opportunity at the source time `as_of`."""
        if not self._has(opportunity):
            return False
        if not self.delay:
            return True
        return opportunity.first_seen is not None and opportunity.first_seen <= as_of - timedelta(seconds=self.delay)


def _selects(selection: Collection[str], value: str) -> bool:
    return not selection or value in selection


@dataclass(frozen=True, slots=True)
class Alerted:
    """The last alert of one opportunity to one subscription: `level` counts from 1 within an opening."""

    opening: int
    level: int
    ev: float


def next_alert(rule: Rule, opportunity: Opportunity, last: Alerted | None) -> Alerted | None:
    """The alert that is due to `rule` for an opportunity it covers, None if there is none.

    One at each opening, as soon as the EV reaches the rule's minimum; within an opening another, one level up,
    whenever the EV has grown by the rule's step since the last one.
    """
    if opportunity.ev < rule.min_ev - _ROUNDING:
        return None
    if last is None or opportunity.opening > last.opening:
        return Alerted(opportunity.opening, 1, opportunity.ev)
    if opportunity.opening == last.opening and opportunity.ev >= last.ev + rule.realert_step - _ROUNDING:
        return Alerted(opportunity.opening, last.level + 1, opportunity.ev)
    return None
