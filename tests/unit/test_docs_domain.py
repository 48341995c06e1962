"""The tables of docs/domain.md say what the code does."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from bet_intel.ev_engine.domain.gates import REFUSING
from bet_intel.ev_engine.domain.profile import STARTING, Bookmaker, Category, Profile
from bet_intel.odds import Method, devig, expected_value
from bet_intel.odds.weighing import DEFAULT_RULE

DOCUMENT = (Path(__file__).parents[2] / "docs/domain.md").read_text("utf-8")
ANY_OTHER = "any other"


def table(*header: str) -> Mapping[str, Sequence[str]]:
    """The table with that header: first cell → the others, without code marks."""
    lines = iter(DOCUMENT.splitlines())
    wanted = f"| {' | '.join(header)} |"
    assert wanted in DOCUMENT, f"docs/domain.md has no table {wanted}"
    while next(lines) != wanted:
        pass
    next(lines)
    rows: dict[str, Sequence[str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *others = (cell.strip().strip("`") for cell in line.strip("|").split(" | "))
        assert first not in rows, f"{first} is in the table twice"
        rows[first] = others
    return rows


@pytest.mark.parametrize("place", range(len(STARTING)))
def test_settings(place: int) -> None:
    documented = {name: values[place] for name, values in table("setting", *STARTING).items()}
    profile = [*STARTING.values()][place]
    # Categories, bookmakers and slopes have tables of their own, and no bookmaker starts with a step; name and revision
    # are no bounds.
    assert documented.keys() == {setting.name for setting in fields(Profile) if setting.init} - {
        "name", "revision", "bookmakers", "bookmaker_prefixes", "stake_steps", "bounds", "slopes", "overrides"
    }  # fmt: skip
    for name, value in documented.items():
        actual = getattr(profile, name)
        if isinstance(actual, bool):
            assert {"no": False, "yes": True}[value] is actual, name
        else:
            assert (value == actual.value) if isinstance(actual, Method) else (float(value) == actual), name


def test_bounds_of_the_categories() -> None:
    header = ("`stale_seconds`", "`divergence`", "`divergence` of `conservative`", "`plausible_ev`")
    documented = table("category", *header)
    conservative = STARTING["conservative"].bounds
    bounds = {
        category.value: (bound.stale_seconds, bound.divergence, conservative[category].divergence, bound.plausible_ev)
        for category, bound in Profile().bounds.items()
    }
    assert STARTING["sharp"].bounds == Profile().bounds
    for category, bound in conservative.items():
        assert bound == replace(Profile().bounds[category], divergence=bound.divergence)
    assert set(bounds) == set(Category)
    assert {category: tuple(map(float, cells)) for category, cells in documented.items()} == bounds


def test_bookmakers() -> None:
    profile = Profile()
    known = {
        **profile.bookmakers,
        **{f"{prefix}*": bookmaker for prefix, bookmaker in profile.bookmaker_prefixes.items()},
        ANY_OTHER: profile.bookmaker("nobody has heard of it"),
    }
    documented = {
        key: Bookmaker(float(weight), float(commission), kind == "sharp", kind == "exchange")
        for key, (weight, commission, kind) in table("bookmaker", "weight", "commission", "kind").items()
    }
    assert documented == known


def test_slopes() -> None:
    documented = table("league", "`spreads`", "`totals`", "half points")
    slopes = {
        league: [f"{slope.by_market['spreads']:.2f}", f"{slope.by_market['totals']:.2f}", str(slope.half_points)]
        for league, slope in Profile().slopes.items()
    }
    assert documented == slopes


def test_gates_and_their_reasons_in_order() -> None:
    documented = [(gate, reason) for gate, (_, reason) in table("gate", "asks", "reason when refused").items()]
    assert documented == [(gate.name, gate.reason) for gate in REFUSING]


def test_methods() -> None:
    assert list(table("method", "p", "source")) == [method.value for method in Method]


def test_the_pool_is_described_by_its_settings() -> None:
    assert f"{DEFAULT_RULE.outlier_scale:g} · 1.4826 · MAD, {DEFAULT_RULE.outlier_floor:.2f})" in DOCUMENT
    assert f"from {DEFAULT_RULE.outlier_from_books} bookmakers on" in DOCUMENT
    assert f"none above {DEFAULT_RULE.max_share:.0%}".replace("%", " %") in DOCUMENT


@pytest.mark.parametrize("method", Method)
def test_the_worked_example(method: Method) -> None:
    fair = float(devig(1.0 / np.array([[1.10], [8.00]]), method).probability[1, 0])
    ev = f"{expected_value(fair, 9.00):+.1%}".replace("-", "−").replace("%", " %")
    assert table("method", "fair p", "EV at 9.00")[method.value] == [f"{fair:.4f}".removeprefix("0"), ev]
