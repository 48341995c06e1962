"""Alerts of several legs: from the engine's own message to the line and the body that are sent."""

import json

import pytest

from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.wire_sets import opportunities_updated
from bet_intel.notifier.domain.alerts import due_alerts
from bet_intel.notifier.domain.body import alert_body
from bet_intel.notifier.domain.opportunities import Opportunity, OpportunitySet
from bet_intel.notifier.domain.rules import Rule
from bet_intel.notifier.domain.text import alert_line
from bet_intel.notifier.wire import opportunity_set
from fixtures.engine_boards import AS_OF, H2H, board, boards

FAIR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}
ARBITRAGE = board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.08}})


def rule(kinds: frozenset[str], bookmakers: frozenset[str] = frozenset()) -> Rule:
    nothing: frozenset[str] = frozenset()
    classes = frozenset({"take", "marginal"})
    return Rule("r", "log", nothing, nothing, nothing, bookmakers, "consensus", classes, 0.03, 0.02, kinds)


@pytest.fixture
def heard() -> OpportunitySet:
    (priced,) = price([boards({H2H: ARBITRAGE})], Profile())
    return opportunity_set(opportunities_updated((priced,), live_on({}, (priced,)), 1))


def arbitrage(heard: OpportunitySet) -> Opportunity:
    (one,) = (one for one in heard.opportunities if one.kind == "arbitrage")
    return one


def test_the_line_names_every_bet(heard: OpportunitySet) -> None:
    assert alert_line(heard.event, arbitrage(heard), heard.as_of) == (
        "+3.5 % arbitrage: Away at 2.06 (low) with 50 %, Home at 2.08 (high) with 50 %, h2h, "
        "Harbour City v Riverside, starts 19:05 UTC"
    )


def test_the_body_has_every_leg(heard: OpportunitySet) -> None:
    told = json.loads(alert_body("s", 1, heard.event, arbitrage(heard), heard.as_of, AS_OF))["data"]["opportunity"]
    assert told["kind"] == "arbitrage"
    assert [(leg["outcome"], leg["side"], leg["bookmaker"]["key"], leg["price"]) for leg in told["legs"]] == [
        ("Away", "back", "low", 2.06),
        ("Home", "back", "high", 2.08),
    ]
    assert sum(leg["share"] for leg in told["legs"]) == pytest.approx(1)


def test_a_rule_hears_of_the_kinds_it_names(heard: OpportunitySet) -> None:
    def alerted(asked: Rule) -> set[str]:
        kinds = {one.id: one.kind for one in heard.opportunities}
        return {kinds[alert.opportunity_id] for alert in due_alerts([heard], [asked], {})}

    assert alerted(rule(frozenset({"ev"}))) == {"ev"}
    assert alerted(rule(frozenset({"arbitrage"}))) == {"arbitrage"}
    assert alerted(rule(frozenset({"ev", "arbitrage"}))) == {"ev", "arbitrage"}
    assert alerted(rule(frozenset({"middle"}))) == set()
    assert alerted(rule(frozenset({"arbitrage"}), frozenset({"high"}))) == {"arbitrage"}
    assert alerted(rule(frozenset({"arbitrage"}), frozenset({"alpha"}))) == set()
