"""docs/architecture/faults.md explains the drills in their order, and names only what there is."""

import re
from itertools import chain
from pathlib import Path

import pytest
import yaml

from bet_intel.compose.observability.catalogue import Catalogue
from drills.catalog import FAULTS
from drills.watch import quicker

_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs/architecture/faults.md").read_text(encoding="utf-8")
_RULES = (_ROOT / "compose/prometheus/rules/alerts.yaml").read_text(encoding="utf-8")
_ALERTS = {rule["alert"] for group in yaml.safe_load(_RULES)["groups"] for rule in group["rules"]}
_SECTIONS = dict(re.findall(r"^## [^\n]*\((`[^\n]*)\)\n(.*?)(?=^## |\Z)", _PAGE, re.MULTILINE | re.DOTALL))
"""Text by the names in brackets: what the names of its drills begin with."""
_NAMES = [(name, text) for heading, text in _SECTIONS.items() for name in re.findall(r"`([a-z]+)`", heading)]


def test_sections_are_in_the_order_of_the_drills() -> None:
    begun = list(dict.fromkeys(fault.name.partition("-")[0] for fault in FAULTS))

    assert [name for name, _ in _NAMES] == begun


@pytest.mark.parametrize(("name", "text"), _NAMES)
def test_a_section_says_what_everybody_sees_and_does(name: str, text: str) -> None:
    said = re.findall(r"^\* \*\*(The user|The operator|The system|Left to a person)\*\*", text, re.MULTILINE)

    assert said == ["The user", "The operator", "The system", "Left to a person"]
    alerts = set(re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", text))
    assert alerts or "*Alert*: none" in text
    # A name that begins otherwise is none of ours: `Read-After` is a header.
    assert alerts <= _ALERTS
    wanted = {fault.alert for fault in FAULTS if fault.name.startswith(name) and fault.alert is not None}
    assert wanted <= alerts


def test_metrics_that_are_named_exist() -> None:
    catalogue = Catalogue.read(_ROOT / "docs/operations/metrics.md")

    named = set(re.findall(r"`(bet_intel_[a-z_]+)`", _PAGE))
    assert named
    assert {name for name in named if not catalogue.has(name)} == set()


def test_words_of_the_log_are_those_of_the_code() -> None:
    code = "".join(
        file.read_text(encoding="utf-8")
        for file in chain((_ROOT / "libs").rglob("*.py"), (_ROOT / "services").rglob("*.py"))
    )

    words = set(re.findall(r"`([a-z]+(?:,? [a-z]+){2,})`", _PAGE.replace("\n  ", " ")))
    assert len(words) > 4
    assert {one for one in words if f'"{one}"' not in code} == set()


def test_an_operators_rules_are_made_quicker_in_all_that_is_time() -> None:
    rules = "interval: 15s\nexpr: max(rate(x_seconds[5m]) and bet_intel:queue_seconds:5m > 30\nfor: 2m\nexpr: y > 30"

    assert quicker(rules) == (
        "interval: 250ms\nexpr: max(rate(x_seconds[5s]) and bet_intel:queue_seconds:5m > 0.5\nfor: 2s\nexpr: y > 30"
    )
