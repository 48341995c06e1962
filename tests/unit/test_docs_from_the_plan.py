"""What docs/api/from-the-plan.md names is there."""

import re
from pathlib import Path

import bet_intel.api.settings
from bet_intel.api.app import contract
from bet_intel.api.routes.aliases import ALIASES
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
