"""The gates, each at, below and above its bound."""

from typing import Any

import pytest

from bet_intel.ev_engine.domain.gates import REFUSING, Candidate, judge
from bet_intel.ev_engine.domain.profile import Bounds, Category, Profile

PROFILE = Profile()
MAIN = PROFILE.bounds[Category.MAIN]
GOOD = Candidate(
    seconds_to_start=3600.0,
    market_open=True,
    outcomes=2,
    outcomes_priced=2,
    age=30.0,
    behind_newest=10.0,
    references=4,
    sharp_reference=False,
    dispersion=0.02,
    divergence=0.01,
    fair=0.5,
    wins=0.5,
    ev=0.03,
)

NAMES = [
    "not_started",
    "market_open",
    "all_sides_priced",
    "price_fresh",
    "in_step_with_references",
    "enough_references",
    "references_agree",
    "near_median_book",
    "below_reference_price",
    "probability_not_too_low",
    "probability_not_too_high",
    "ev_positive",
]


def test_what_passes_every_gate_shows_every_verdict_in_their_order() -> None:
    judgement = judge(GOOD, PROFILE, MAIN)
    assert [verdict.gate for verdict in judgement.verdicts] == [*NAMES, "ev_plausible"]
    assert all(verdict.passed for verdict in judgement.verdicts)
    assert judgement.refused == ""


@pytest.mark.parametrize(
    ("gate", "reason", "passing", "refused"),
    [
        ("not_started", "event_started", {"seconds_to_start": 0.001}, {"seconds_to_start": 0.0}),
        ("not_started", "event_started", {"seconds_to_start": 60.0}, {"seconds_to_start": -60.0}),
        ("market_open", "market_suspended", {"market_open": True}, {"market_open": False}),
        ("all_sides_priced", "incomplete_market", {"outcomes": 3, "outcomes_priced": 3}, {"outcomes": 3}),
        ("price_fresh", "price_stale", {"age": 600.0}, {"age": 600.001}),
        ("price_fresh", "price_stale", {"age": 0.0}, {"age": float("inf")}),
        ("in_step_with_references", "price_stale", {"behind_newest": 300.0}, {"behind_newest": 300.001}),
        ("enough_references", "too_few_books", {"references": 3}, {"references": 2}),
        (
            "enough_references",
            "too_few_books",
            {"references": 1, "sharp_reference": True},
            {"references": 1, "sharp_reference": False},
        ),
        ("references_agree", "divergent_reference", {"dispersion": 0.20}, {"dispersion": 0.2001}),
        ("references_agree", "divergent_reference", {"dispersion": 0.0}, {"dispersion": float("nan")}),
        ("near_median_book", "divergent_reference", {"divergence": 0.08}, {"divergence": 0.0801}),
        (
            "near_median_book",
            "divergent_reference",
            {"divergence": 0.07, "estimated": True},
            {"divergence": 0.0701, "estimated": True},
        ),
        ("near_median_book", "divergent_reference", {"divergence": float("nan")}, {"divergence": float("inf")}),
        ("below_reference_price", "divergent_reference", {"implied": 0.5}, {"implied": 0.4999}),
        ("probability_not_too_low", "probability_out_of_bounds", {"fair": 0.02}, {"fair": 0.0199}),
        ("probability_not_too_high", "probability_out_of_bounds", {"fair": 0.98}, {"fair": 0.9801}),
        ("ev_positive", "no_ev", {"ev": 1e-9}, {"ev": 0.0}),
        ("ev_positive", "no_ev", {"ev": 0.01}, {"ev": -0.01}),
    ],
)
def test_a_gate_lets_its_bound_pass_and_refuses_beyond_it(
    gate: str, reason: str, passing: dict[str, Any], refused: dict[str, Any]
) -> None:
    assert judge(GOOD._replace(**passing), PROFILE, MAIN).refused == ""
    judgement = judge(GOOD._replace(**refused), PROFILE, MAIN)
    assert (judgement.refused, judgement.ev_class) == (reason, "no_ev")
    assert (judgement.verdicts[-1].gate, judgement.verdicts[-1].passed) == (gate, False)
    # Those before it passed, those after it were not asked.
    assert [verdict.gate for verdict in judgement.verdicts] == NAMES[: NAMES.index(gate) + 1]
    assert all(verdict.passed for verdict in judgement.verdicts[:-1])


def test_the_reason_is_that_of_the_first_gate_that_refuses() -> None:
    hopeless = Candidate(-1.0, False, 3, 2, 1e9, 1e9, 0, False, 1.0, 1.0, 0.001, 0.001, -0.5)
    assert judge(hopeless, PROFILE, MAIN).refused == "event_started"
    assert judge(hopeless._replace(seconds_to_start=1.0), PROFILE, MAIN).refused == "market_suspended"


def test_a_verdict_shows_what_was_measured_and_the_bound() -> None:
    by_name = {verdict.gate: verdict for verdict in judge(GOOD._replace(age=45.0), PROFILE, MAIN).verdicts}
    assert (by_name["price_fresh"].value, by_name["price_fresh"].bound) == (45.0, 600.0)
    assert (by_name["enough_references"].value, by_name["enough_references"].bound) == (4, 3)
    assert (by_name["ev_plausible"].value, by_name["ev_plausible"].bound) == (0.03, 0.10)


@pytest.mark.parametrize(
    ("ev", "category", "expected"),
    [
        (1e-9, Category.MAIN, "marginal"),
        (0.0449, Category.MAIN, "marginal"),
        (0.045, Category.MAIN, "take"),
        (0.10, Category.MAIN, "take"),
        (0.1001, Category.MAIN, "suspect"),
        (0.1001, Category.ALTERNATE, "take"),
        (0.20, Category.ALTERNATE, "take"),
        (0.2001, Category.ALTERNATE, "suspect"),
        (0.20, Category.PROP, "take"),
        (0.2001, Category.PROP, "suspect"),
        (0.2001, Category.OUTRIGHT, "suspect"),
    ],
)
def test_classes(ev: float, category: Category, expected: str) -> None:
    judgement = judge(GOOD._replace(ev=ev), PROFILE, PROFILE.bounds[category])
    assert (judgement.refused, judgement.ev_class) == ("", expected)


@pytest.mark.parametrize(
    ("category", "stale", "divergence"),
    [
        (Category.MAIN, 600.0, 0.08),
        (Category.PROP, 900.0, 0.10),
        (Category.ALTERNATE, 900.0, 0.12),
    ],
)
def test_starting_bounds_by_category(category: Category, stale: float, divergence: float) -> None:
    bounds = PROFILE.bounds[category]
    assert (bounds.stale_seconds, bounds.divergence) == (stale, divergence)


def test_bounds_are_settings() -> None:
    strict = Profile(min_references=6, dispersion=0.01, behind_newest_seconds=5.0, take_ev=0.02)
    assert judge(GOOD, strict, MAIN).refused == "price_stale"
    assert judge(GOOD._replace(behind_newest=5.0), strict, MAIN).refused == "too_few_books"
    bounds = Bounds(stale_seconds=10.0, divergence=0.5, plausible_ev=0.5)
    assert judge(GOOD, PROFILE, bounds).refused == "price_stale"


def test_gates_are_named_once() -> None:
    assert [gate.name for gate in REFUSING] == NAMES


@pytest.mark.parametrize(
    ("key", "weight", "commission", "sharp", "exchange"),
    [
        ("pinnacle", 4.0, 0.0, True, False),
        ("betfair_ex_uk", 2.0, 0.05, False, True),
        ("betfair_ex_eu", 2.0, 0.05, False, True),
        ("betfair", 2.0, 0.05, False, True),
        ("smarkets", 2.0, 0.02, False, True),
        ("matchbook", 2.0, 0.02, False, True),
        ("prophetx", 2.0, 0.02, False, True),
        ("novig", 2.0, 0.02, False, True),
        ("betfair_sb_uk", 1.0, 0.0, False, False),
        ("draftkings", 1.0, 0.0, False, False),
    ],
)
def test_what_is_known_of_bookmakers_at_first(
    key: str, weight: float, commission: float, sharp: bool, exchange: bool
) -> None:
    assert PROFILE.bookmaker(key) == (weight, commission, sharp, exchange)
