"""What docs/api/from-the-plan.md names is there."""

import re
from pathlib import Path

import bet_intel.api.settings
from bet_intel.api.app import contract
from bet_intel.api.routes.aliases import ALIASES
from bet_intel.ev_engine.pricing_settings import CALC_BATCH, EV_CALCULATION
from bet_intel.notifier.tasks import NOTIFICATIONS, SEND_NOTIFICATION
from bet_intel.odds_ingest.tasks import DATA_REFRESH, HEALTH_CHECK, REFRESH_ODDS_DATA
from bet_intel.shared.settings import variables

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api/from-the-plan.md").read_text(encoding="utf-8")


def test_every_alias_is_on_the_page_with_its_successor() -> None:
    named = re.findall(r"^\| `(GET|POST) (/[^`]*)` \| `(GET|POST) (/[^`]*)`", PAGE, re.M)
    document = contract().decode()
    for alias in ALIASES:
        (method, _, new_method, successor) = next(row for row in named if row[1] == alias.path)
        assert method == new_method == alias.method
        assert f'"{successor}":' in document
    assert len(named) == len(ALIASES)


def test_every_address_on_the_page_is_in_the_contract() -> None:
    document = contract().decode()
    for address in re.findall(r"`(/v1/[^`…]*)`", PAGE):
        assert f'"{address}"' in document, address


def test_settings_and_metrics_are_there() -> None:
    settings = bet_intel.api.settings.ApiSettings
    known = {name for field, info in settings.model_fields.items() for name in variables(settings, field, info)}
    assert set(re.findall(r"BET_INTEL_\w+", PAGE)) <= known
    metrics = (DOCS / "operations/metrics.md").read_text(encoding="utf-8")
    for metric in re.findall(r"`(bet_intel_\w+|rabbitmq_\w+)`", PAGE):
        assert f"`{metric}`" in metrics, metric


def _rows(title: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_setting_of_the_plan_has_a_successor_or_none_that_is_said_so() -> None:
    known = {
        EV_CALCULATION,
        DATA_REFRESH,
        NOTIFICATIONS,
        CALC_BATCH,
        REFRESH_ODDS_DATA,
        HEALTH_CHECK,
        SEND_NOTIFICATION,
    }
    same = set[str]()
    for before, here, why in _rows("Settings"):
        assert why
        if here == "the same names":
            same |= set(re.findall(r"`([^`]+)`", before))
        elif here != "none":
            assert re.search(r"`BET_INTEL_\w+`|redis-py", here), before
    assert same == known


def test_every_metric_of_the_plan_has_a_successor_with_its_labels() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \|(.*)$", (DOCS / "operations/metrics.md").read_text(encoding="utf-8"), re.M))
    rows = _rows("Metrics")
    assert len(rows) == 10
    for before, here in rows:
        successors = re.findall(r"`(bet_intel_\w+|rabbitmq_\w+)`", here)
        assert successors, before
        assert set(successors) <= told.keys()
        # Prometheus gives `instance` to each; of the others the page of the metrics tells.
        for label in set(re.findall(r"`([a-z]+)`", here)) - {"instance"}:
            assert any(re.search(rf"\b{label}\b", told[name]) for name in successors), (before, label)
