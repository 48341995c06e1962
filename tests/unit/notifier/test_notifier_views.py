"""What the owner of a subscription sees is what he is alerted of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bet_intel.notifier.domain.alerts import due_alerts
from bet_intel.notifier.domain.opportunities import Opportunity, OpportunitySet, Side, SportingEvent
from bet_intel.notifier.domain.rules import Rule

AS_OF = datetime(2026, 4, 16, 18, 0, tzinfo=UTC)
EVENT = SportingEvent("e", "baseball", "baseball_mlb", "MLB", AS_OF + timedelta(hours=5), "Harbour City", "Riverside")
NOTHING = frozenset[str]()
RULE = Rule("r", "webhook", NOTHING, NOTHING, NOTHING, NOTHING, "consensus", frozenset({"take"}), 0.04, 0.02)
SEEN = Opportunity(
    *("o", 1, "consensus", "take", "h2h", "full", None, "", "Harbour City", Side.BACK, "alpha", "Alpha"),
    *(2.2, 0.48, 0.056),
    categories=frozenset({"main"}),
    first_seen=AS_OF,
)  # fmt: skip


def alerted(rule: Rule, opportunity: Opportunity, as_of: datetime = AS_OF) -> bool:
    return bool(list(due_alerts([OpportunitySet(EVENT, 1, as_of, (opportunity,))], [rule], {})))


@pytest.mark.parametrize(
    ("sees", "categories", "due"),
    [
        ((), (), True),
        ((), ("prop",), True),
        (("main",), ("main",), True),
        (("main",), ("alternate",), False),
        (("main",), ("main", "alternate"), False),
        (("main", "alternate"), ("main", "alternate"), True),
        # A set that was kept before categories were told.
        (("main",), (), False),
    ],
)
def test_only_categories_that_are_seen(sees: tuple[str, ...], categories: tuple[str, ...], *, due: bool) -> None:
    rule = replace(RULE, sees=frozenset(sees))
    assert alerted(rule, replace(SEEN, categories=frozenset(categories))) is due


@pytest.mark.parametrize(("seconds", "due"), [(0, False), (299, False), (300, True), (4000, True)])
def test_only_what_has_been_there_for_the_delay(seconds: float, *, due: bool) -> None:
    rule = replace(RULE, delay=300.0)
    assert alerted(rule, SEEN, AS_OF + timedelta(seconds=seconds)) is due
    assert alerted(RULE, SEEN, AS_OF + timedelta(seconds=seconds))
    assert not alerted(rule, replace(SEEN, first_seen=None), AS_OF + timedelta(days=1))
