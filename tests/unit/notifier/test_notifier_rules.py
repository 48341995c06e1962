"""Which opportunities a rule is about, and when it alerts."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bet_intel.notifier.domain.alerts import due_alerts, newest, of_interest
from bet_intel.notifier.domain.opportunities import Opportunity, OpportunitySet, Side, SportingEvent
from bet_intel.notifier.domain.rules import Alerted, Rule, next_alert

AS_OF = datetime(2026, 5, 2, 18, 0, tzinfo=UTC)
EVENT = SportingEvent("simulator:1", "baseball", "baseball_mlb", "MLB", AS_OF, "Harbour City", "Riverside")


def rule(
    id: str = "take",
    *,
    sports: tuple[str, ...] = (),
    leagues: tuple[str, ...] = (),
    markets: tuple[str, ...] = (),
    bookmakers: tuple[str, ...] = (),
    classes: tuple[str, ...] = ("take",),
    min_ev: float = 0.045,
) -> Rule:
    return Rule(
        id=id,
        channel="log",
        sports=frozenset(sports),
        leagues=frozenset(leagues),
        markets=frozenset(markets),
        bookmakers=frozenset(bookmakers),
        profile="consensus",
        classes=frozenset(classes),
        min_ev=min_ev,
        realert_step=0.02,
    )


def opportunity(
    ev: float = 0.052, opening: int = 1, id: str = "o", class_: str = "take", profile: str = "consensus"
) -> Opportunity:
    return Opportunity(
        id=id,
        opening=opening,
        profile=profile,
        class_=class_,
        market="h2h",
        period="full",
        line=None,
        subject="",
        outcome="Harbour City",
        side=Side.BACK,
        bookmaker="draftkings",
        bookmaker_title="DraftKings",
        price=2.45,
        fair=0.4294,
        ev=ev,
    )


def of_event(*opportunities: Opportunity, event: SportingEvent = EVENT, revision: int = 1) -> OpportunitySet:
    return OpportunitySet(event, revision, AS_OF, opportunities)


@pytest.mark.parametrize(
    ("selecting", "covered"),
    [
        (rule(), True),
        (rule(sports=("baseball", "icehockey")), True),
        (rule(sports=("icehockey",)), False),
        (rule(leagues=("baseball_mlb",)), True),
        (rule(leagues=("baseball_kbo",)), False),
        (rule(markets=("h2h", "totals")), True),
        (rule(markets=("totals",)), False),
        (rule(bookmakers=("draftkings",)), True),
        (rule(bookmakers=("pinnacle",)), False),
        (rule(sports=("baseball",), bookmakers=("pinnacle",)), False),
        (rule(classes=("marginal", "suspect")), False),
    ],
)
def test_a_rule_is_about_what_all_its_selections_name(selecting: Rule, covered: bool) -> None:
    assert selecting.covers(EVENT, opportunity()) is covered


def test_a_rule_is_about_its_own_profile() -> None:
    assert not rule().covers(EVENT, opportunity(profile="sharp_only"))


def test_nothing_below_the_minimum_is_alerted() -> None:
    assert next_alert(rule(), opportunity(0.0449), None) is None
    assert next_alert(rule(), opportunity(0.045), None) == Alerted(1, 1, 0.045)


def test_within_an_opening_only_a_step_more_is_alerted_again() -> None:
    last = Alerted(1, 1, 0.05)
    assert next_alert(rule(), opportunity(0.05), last) is None
    assert next_alert(rule(), opportunity(0.0699), last) is None
    assert next_alert(rule(), opportunity(0.05 + 0.02), last) == Alerted(1, 2, 0.05 + 0.02)


def test_each_opening_is_alerted_anew() -> None:
    assert next_alert(rule(), opportunity(0.05, opening=2), Alerted(1, 3, 0.11)) == Alerted(2, 1, 0.05)
    assert next_alert(rule(), opportunity(0.2, opening=1), Alerted(2, 1, 0.05)) is None


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0, 0.3)), max_size=40))
def test_no_opening_and_level_is_alerted_twice_whatever_happens(seen: list[tuple[int, float]]) -> None:
    last = None
    alerts = []
    for opening, ev in seen:
        alerted = next_alert(rule(), opportunity(ev, opening), last)
        if alerted is not None:
            alerts.append((alerted.opening, alerted.level))
            assert ev >= 0.045 - 1e-9
            if last is not None and last.opening == opening:
                assert ev >= last.ev + 0.02 - 1e-9
            last = alerted
    assert len(alerts) == len(set(alerts))
    assert alerts == sorted(alerts)


def test_each_rule_alerts_by_its_own_record() -> None:
    rules = [rule("mine"), rule("high", min_ev=0.1), rule("yours")]
    last = {("mine", "o"): Alerted(1, 1, 0.05)}
    due = list(due_alerts([of_event(opportunity(0.08), opportunity(0.01, id="p"))], rules, last))
    assert [(one.subscription_id, one.opportunity_id, one.alerted.level) for one in due] == [
        ("mine", "o", 2),
        ("yours", "o", 1),
    ]


def test_only_what_a_rule_may_speak_of_is_kept() -> None:
    one = of_event(opportunity(0.01, id="low"), opportunity(class_="suspect", id="suspect"))
    assert [kept.id for kept in of_interest(one, [rule()]).opportunities] == ["low"]


def test_of_each_event_the_newest_set_counts() -> None:
    other = SportingEvent("simulator:0", "baseball", "baseball_mlb", "MLB", AS_OF, "A", "B")
    sets = [of_event(revision=3), of_event(event=other, revision=1), of_event(revision=4), of_event(revision=2)]
    assert [(one.event.id, one.revision) for one in newest(sets)] == [("simulator:0", 1), ("simulator:1", 4)]
