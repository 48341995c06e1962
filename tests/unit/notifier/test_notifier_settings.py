"""The notifier's rules as an operator writes them."""

import json

import pytest
from pydantic import ValidationError

from bet_intel.notifier.settings import NotifierSettings

RULES = "BET_INTEL_NOTIFIER_RULES"


@pytest.fixture(autouse=True)
def _dsn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BET_INTEL_NOTIFIER_DSN", "postgresql://notifier:hidden@db/notifier")


def settings() -> NotifierSettings:
    return NotifierSettings()  # type: ignore[call-arg]  # the DSN is in the environment


def test_without_rules_every_take_is_alerted_to_the_log() -> None:
    [rule] = settings().rules
    assert rule.rule().classes == {"take"}
    assert (rule.channel, rule.profile, rule.min_ev, rule.realert_step) == ("log", "consensus", 0.045, 0.02)
    assert rule.sports | rule.leagues | rule.markets | rule.bookmakers == frozenset()


def test_rules_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        RULES,
        json.dumps(
            [
                {"id": "mlb", "leagues": ["baseball_mlb"], "min_ev": 0.06},
                {"id": "all", "classes": ["take", "marginal"], "min_ev": 0.01, "realert_step": 0.05},
            ]
        ),
    )
    first, second = (rule.rule() for rule in settings().rules)
    assert (first.id, first.leagues, first.min_ev) == ("mlb", frozenset({"baseball_mlb"}), 0.06)
    assert (second.classes, second.realert_step) == (frozenset({"take", "marginal"}), 0.05)


def test_no_rules_are_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RULES, "[]")
    assert settings().rules == ()


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ("take everything", "Invalid JSON"),
        ('{"id": "mlb"}', "valid tuple|valid list|valid array"),
        ('[{"id": "mlb", "sport": ["baseball"]}]', "0.sport\n.*not permitted"),
        ('[{"leagues": []}]', "0.id\n.*required"),
        ('[{"id": "mlb", "channel": "pigeon"}]', "0.channel\n.*'log'"),
        ('[{"id": "mlb", "min_ev": 0.1}, {"id": "mlb"}]', "used twice: mlb"),
        ('[{"id": "mlb", "min_ev": 4.5}]', "0.min_ev\n.*less than or equal to 1"),
        ('[{"id": "mlb", "min_ev": -0.1}]', "0.min_ev\n.*greater than or equal to 0"),
        ('[{"id": "mlb", "realert_step": 0}]', "0.realert_step\n.*greater than 0"),
        ('[{"id": "mlb", "classes": []}]', "0.classes\n.*at least 1"),
        ('[{"id": "mlb", "classes": ["taken"]}]', "0.classes.*\n.*'take'"),
        ('[{"id": "mlb", "min_ev": NaN}]', "0.min_ev\n.*finite number"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_place(
    monkeypatch: pytest.MonkeyPatch, rules: str, complaint: str
) -> None:
    monkeypatch.setenv(RULES, rules)
    with pytest.raises(ValidationError, match=complaint) as caught:
        settings()
    assert "rules" in str(caught.value)
    assert "hidden" not in str(caught.value)
