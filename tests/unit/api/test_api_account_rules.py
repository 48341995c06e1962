"""What callers of each tier may do and see."""

from datetime import UTC, datetime, timedelta

import pytest

from bet_intel.api.domain import accounts
from bet_intel.api.domain.accounts import (
    ADMIN,
    BETS,
    EVERYTHING,
    EXPORTS,
    HISTORY,
    METRICS,
    NOTHING,
    READING,
    REFRESH,
    SCOPES,
    STREAM,
    SUBSCRIPTIONS,
    Caller,
    Need,
    Tier,
    View,
)

AS_OF = datetime(2026, 4, 16, 18, 0, tzinfo=UTC)
PLAIN = Tier("plain", 60, ("main",), 300.0)
FULL = Tier("full", 300, features=("exports", "history", "refresh"), streams=2, subscriptions=5)


def of(tier: Tier, *scopes: accounts.Scope) -> Caller:
    return Caller("a", tier, frozenset(scopes or SCOPES), "a", "k")


@pytest.mark.parametrize(
    ("need", "callers"),
    [
        (NOTHING, {"anonymous", "plain", "full", "open", "local", "operator"}),
        (READING, {"anonymous", "plain", "full", "open", "local", "operator"}),
        (BETS, {"plain", "full", "open", "local", "operator"}),
        (SUBSCRIPTIONS, {"plain", "full", "open", "local", "operator"}),
        (HISTORY, {"full", "open", "local", "operator"}),
        (EXPORTS, {"full", "open", "local", "operator"}),
        (STREAM, {"full", "open", "local", "operator"}),
        (REFRESH, {"full", "open", "local", "operator"}),
        (METRICS, {"open", "local", "operator"}),
        (ADMIN, {"local", "operator"}),
    ],
)
def test_who_may(need: Need, callers: set[str]) -> None:
    every = {
        "anonymous": accounts.anonymous(PLAIN, "192.0.2.1"),
        "plain": of(PLAIN),
        "full": of(FULL),
        "open": accounts.open_caller(),
        "local": accounts.local_administrator(),
        "operator": accounts.operator(),
    }
    assert {name for name, caller in every.items() if need.lacking(caller) is None} == callers


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_is_for_its_scopes_alone(scope: accounts.Scope) -> None:
    caller = Caller("a", accounts.OPERATOR_TIER, frozenset({scope}), "a", "k")
    may = {need.scope for need in (READING, BETS, SUBSCRIPTIONS, REFRESH, ADMIN) if need.lacking(caller) is None}
    assert may == {scope}


@pytest.mark.parametrize(
    ("view", "category", "seconds", "seen"),
    [
        (EVERYTHING, "prop", 0, True),
        (EVERYTHING, None, 0, True),
        (View(("main",)), "main", 0, True),
        (View(("main",)), "alternate", 1000, False),
        (View(("main",)), None, 1000, False),
        (View((), 300.0), "prop", 300, True),
        (View((), 300.0), "main", 299, False),
        (View(("main",), 300.0), "main", 301, True),
    ],
)
def test_what_is_seen(view: View, category: str | None, seconds: float, seen: bool) -> None:
    assert view.shows([category], AS_OF - timedelta(seconds=seconds), AS_OF) == seen
    # Before there is any source time nothing has been there for long.
    assert view.shows([category], AS_OF, None) == (view.has(category) and not view.delay)


def test_a_combination_is_seen_where_all_its_legs_are() -> None:
    assert not View(("main",)).shows(["main", "alternate"], AS_OF, AS_OF)


def test_views_that_show_the_same_have_one_name() -> None:
    assert Tier("a", 1, ("prop", "main")).view == Tier("b", 2, ("main", "prop")).view
    names = {View().name, View(("main",)).name, View(("main",), 5).name, View((), 5).name, View(("main", "prop")).name}
    assert len(names) == 5


@pytest.mark.parametrize(
    ("tier", "fault"),
    [
        (Tier("free", 1, delay_seconds=5, streams=1), "no streams"),
        (Tier("free", 1, ("main",), features=("history",)), "exports and history"),
        (Tier("free", 1, delay_seconds=5, features=("exports",)), "exports and history"),
        (Tier("free", 1, features=("administration",)), "only the tier admin"),
        (Tier("admin", 1), "keeps"),
    ],
)
def test_what_a_tier_cannot_be(tier: Tier, fault: str) -> None:
    assert fault in (tier.contradiction() or "")


def test_what_a_tier_can_be() -> None:
    assert PLAIN.contradiction() is None
    assert FULL.contradiction() is None
