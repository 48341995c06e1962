"""Devig against recorded oracles, published worked examples, 50-digit roots and closed forms."""

import json
from collections.abc import Callable
from decimal import Decimal, getcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import MODELS, DevigStatus, FloatArray, Method, devig

ORACLE = Path(__file__).parents[3].parent / "shared" / "data" / "oracles" / "devig_oracle.json"
ORACLE_METHODS = (*MODELS, "wpo")
PARAMETER_NAMES = {
    Method.POWER: "k",
    Method.SHIN: "z",
    Method.ODDS_RATIO: "c",
    Method.PROBIT: "c",
    Method.GOTO: "step",
}
# The oracle prints odds to six places; these were computed from what stands behind them (its `booksum` shows it).
UNROUNDED = {1.909091: 1 + 100 / 110, 1.925926: 1 + 100 / 108, 1.149425: 1 / 0.87}


def column(*implied: float) -> FloatArray:
    return np.array(implied, dtype=np.float64)[:, np.newaxis]


def from_odds(*odds: float) -> FloatArray:
    return 1.0 / column(*odds)


@pytest.fixture(scope="module")
def oracle() -> list[dict[str, Any]]:
    if not ORACLE.exists():
        pytest.skip(f"needs {ORACLE.name} in the shared data folder beside the project")
    entries: list[dict[str, Any]] = json.loads(ORACLE.read_text())
    assert len(entries) == 17
    return entries


@pytest.mark.parametrize("name", ORACLE_METHODS)
def test_every_oracle_set_is_met_to_nine_digits(oracle: list[dict[str, Any]], name: str) -> None:
    method = Method.ADDITIVE if name == "wpo" else Method(name)
    name = Method.ODDS_RATIO.value if method is Method.LOGARITHMIC else name  # the same probabilities
    for entry in oracle:
        implied = from_odds(*(UNROUNDED.get(price, price) for price in entry["odds"]))
        assert implied.sum() == pytest.approx(entry["booksum"], abs=1e-12)
        expected = entry[name]
        result = devig(implied, method)
        np.testing.assert_allclose(result.probability[:, 0], expected["p"], rtol=0, atol=1e-9, err_msg=str(entry))
        flagged = DevigStatus.NEGATIVE if expected["neg"] else DevigStatus.OK
        assert result.status[0] == flagged
        if method in PARAMETER_NAMES:
            assert result.parameter[0] == pytest.approx(expected[PARAMETER_NAMES[method]], abs=1e-9)


@pytest.mark.parametrize(
    ("odds", "method", "expected", "parameter"),
    [
        ((2.6, 2.4, 4.3), Method.SHIN, (0.372994, 0.404779, 0.222227), 0.0169425),
        ((1.5, 2.74), Method.SHIN, (0.6508516, 0.3491484), 0.0317273),
        ((2.7, 2.3, 4.4), Method.MULTIPLICATIVE, (0.358738, 0.421127, 0.220135), None),
        ((2.7, 2.3, 4.4), Method.POWER, (0.359171, 0.423731, 0.217098), 1.0309132),
        ((2.7, 2.3, 4.4), Method.SHIN, (0.359344, 0.423244, 0.217412), 0.0162364),
        ((2.7, 2.3, 4.4), Method.ODDS_RATIO, (0.358810, 0.422561, 0.218628), 1.0511691),
        ((2.7, 2.3, 4.4), Method.ADDITIVE, (0.359562, 0.423974, 0.216464), None),
    ],
)
def test_published_worked_examples(
    odds: tuple[float, ...], method: Method, expected: tuple[float, ...], parameter: float | None
) -> None:
    result = devig(from_odds(*odds), method)
    np.testing.assert_allclose(result.probability[:, 0], expected, atol=6e-7)
    if parameter is not None:
        assert result.parameter[0] == pytest.approx(parameter, abs=6e-8)


def test_a_long_shot_market_flags_additive_and_keeps_its_raw_numbers() -> None:
    implied = column(0.87, 0.2, 0.1, 0.05, 0.02, 0.01)
    additive = devig(implied, Method.ADDITIVE)
    assert additive.status[0] == DevigStatus.NEGATIVE
    np.testing.assert_allclose(additive.probability[:, 0], implied[:, 0] - 0.25 / 6, atol=1e-15)
    assert devig(implied, Method.POWER).parameter[0] == pytest.approx(1.3748383, abs=6e-8)
    assert devig(implied, Method.SHIN).parameter[0] == pytest.approx(0.0815033, abs=6e-8)


def test_two_way_shin_is_additive_and_its_z_solves_the_equation_of_shin() -> None:
    implied = from_odds(1.1, 8.0)
    shin = devig(implied, Method.SHIN)
    np.testing.assert_array_equal(shin.probability, devig(implied, Method.ADDITIVE).probability)
    z, total = shin.parameter[0], implied.sum()
    by_formula = (np.sqrt(z * z + 4 * (1 - z) * implied**2 / total) - z) / (2 * (1 - z))
    np.testing.assert_allclose(by_formula, shin.probability, atol=1e-15)


def test_two_way_odds_ratio_keeps_the_ratio_of_the_odds() -> None:
    implied = from_odds(1.4, 3.1)
    result = devig(implied, Method.ODDS_RATIO)
    p = result.probability
    np.testing.assert_allclose((implied / (1 - implied)) / (p / (1 - p)), result.parameter[0], rtol=1e-14)


@pytest.mark.parametrize("method", MODELS)
@pytest.mark.parametrize("outcomes", [2, 3, 7, 30])
def test_equal_prices_give_equal_chances_by_every_method(method: Method, outcomes: int) -> None:
    result = devig(np.full((outcomes, 1), 1.08 / outcomes), method)
    np.testing.assert_allclose(result.probability[:, 0], 1.0 / outcomes, atol=1e-15)
    assert result.overround[0] == pytest.approx(0.08)


@pytest.mark.parametrize("method", MODELS)
def test_two_of_four_reach_the_final(method: Method) -> None:
    implied = column(0.81, 0.62, 0.41, 0.26)
    result = devig(implied, method, target=2.0)
    assert result.status[0] == DevigStatus.OK
    assert result.overround[0] == pytest.approx(0.10)
    assert result.probability.sum() == pytest.approx(2.0, abs=1e-14)
    assert (result.probability < implied).all()
    np.testing.assert_allclose(devig(np.full((4, 1), 0.525), method, 2.0).probability, 0.5, atol=1e-15)


def bisected(residual: Callable[[Decimal], Decimal], low: Decimal, high: Decimal) -> Decimal:
    for _ in range(180):
        middle = (low + high) / 2
        low, high = (middle, high) if residual(middle) > 0 else (low, middle)
    return low


def normal(x: Decimal) -> Decimal:
    """Φ(x) = 1/2 + φ(x)·(x + x³/3 + x⁵/15 + …)."""
    pi = Decimal("3.1415926535897932384626433832795028841971693993751058")
    term = total = x
    for k in range(1, 200):
        term *= x * x / (2 * k + 1)
        total += term
    return Decimal("0.5") + (-x * x / 2).exp() / (2 * pi).sqrt() * total


FIELD = (3.5, 5, 6.5, 8, 11, 13, 15, 17, 21, 23, 26, 29, 34, 41, 51, 67, 81, 101, 151, 201)


@pytest.mark.parametrize(
    "odds", [(1.87, 2.0), (1.02, 15.0), (2.7, 2.3, 4.4), (1.19, 7.0, 14.0), (1.4, 6.0, 11.0, 26.0, 41.0, 101.0), FIELD]
)
def test_roots_agree_with_fifty_digits(odds: tuple[float, ...]) -> None:
    getcontext().prec = 50
    implied = from_odds(*odds)
    r = [Decimal(float(value)) for value in implied[:, 0]]
    total, n, one = sum(r), len(r), Decimal(1)

    def shin(z: Decimal) -> list[Decimal]:
        return [((z * z + 4 * (1 - z) * x * x / total).sqrt() - z) / (2 * (1 - z)) for x in r]

    k = bisected(lambda k: sum((k * x.ln()).exp() for x in r) - one, one, Decimal(3))
    c = bisected(lambda c: sum(x / (c + x - c * x) for x in r) - one, one, Decimal(9))
    shift = bisected(lambda c: sum(1 / (1 + c.exp() * (1 - x) / x) for x in r) - one, Decimal(0), Decimal(3))
    scale = [bisected(lambda y, x=x: x - normal(y), Decimal(-5), Decimal(5)) for x in r]  # type: ignore[misc]
    step = bisected(lambda c: sum(normal(y - c) for y in scale) - one, Decimal(0), Decimal(1))
    z = bisected(lambda z: sum(shin(z)) - one, Decimal(0), one / (n - one) if n > 2 else one)
    exact = {
        Method.POWER: [(k * x.ln()).exp() for x in r],
        Method.ODDS_RATIO: [x / (c + x - c * x) for x in r],
        Method.LOGARITHMIC: [1 / (1 + shift.exp() * (1 - x) / x) for x in r],
        Method.PROBIT: [normal(y - step) for y in scale],
        Method.SHIN: shin(z),
        Method.MULTIPLICATIVE: [x / total for x in r],
        Method.ADDITIVE: [x - (total - one) / n for x in r],
        Method.GOTO: [x - (total - one) * (1 - x).sqrt() / sum((1 - y).sqrt() for y in r) for x in r],
    }
    assert exact.keys() == set(MODELS)
    for method, expected in exact.items():
        p = devig(implied, method).probability[:, 0]
        assert max(abs(Decimal(float(a)) - b) for a, b in zip(p, expected, strict=True)) <= Decimal("1e-15"), method


@pytest.mark.parametrize("method", MODELS)
def test_underround_is_refused_not_divided_away(method: Method) -> None:
    result = devig(column(0.45, 0.5), method)
    assert result.status[0] == DevigStatus.NO_OVERROUND
    assert result.overround[0] == pytest.approx(-0.05)
    assert np.isnan(result.probability).all()
    assert np.isnan(result.parameter).all()


@pytest.mark.parametrize("method", MODELS)
def test_a_market_without_margin_is_its_own_fair_price(method: Method) -> None:
    result = devig(column(0.25, 0.35, 0.4), method)
    assert result.status[0] == DevigStatus.OK
    assert result.probability[:, 0].tolist() == [0.25, 0.35, 0.4]


@pytest.mark.parametrize("bad", [np.nan, 0.0, 1.0, 1.4, -0.2, np.inf])
@pytest.mark.parametrize("method", MODELS)
def test_a_missing_or_impossible_price_spoils_its_own_market_only(method: Method, bad: float) -> None:
    implied = np.array([[0.55, 0.55], [bad, 0.5]])
    result = devig(implied, method)
    assert result.status.tolist() == [DevigStatus.INCOMPLETE, DevigStatus.OK]
    assert np.isnan(result.probability[:, 0]).all()
    assert np.isnan(result.overround[0])
    np.testing.assert_array_equal(result.probability[:, 1], devig(implied[:, 1:], method).probability[:, 0])


@pytest.mark.parametrize("method", MODELS)
@pytest.mark.parametrize(
    "implied",
    [
        (0.9999, 0.9999),
        (0.9999999, 0.001),
        (0.999, 0.999, 0.999),
        (0.98, *([0.002] * 39)),
        (0.995, 0.2, 0.1, 1e-6),
        (0.5, 0.5, 1e-9),
    ],
)
def test_extreme_prices_are_solved_or_flagged_never_wrong(method: Method, implied: tuple[float, ...]) -> None:
    result = devig(column(*implied), method)
    assert result.status[0] in (DevigStatus.OK, DevigStatus.NEGATIVE)
    assert result.probability.sum() == pytest.approx(1.0, abs=1e-12)
    if method not in (Method.ADDITIVE, Method.GOTO):
        assert result.status[0] == DevigStatus.OK


@given(
    st.lists(st.floats(-9.0, -0.0001).map(lambda power: min(10.0**power, 0.9999)), min_size=3, max_size=40).filter(
        lambda implied: sum(implied) > 1.0
    ),
    st.sampled_from(MODELS),
)
def test_books_of_any_size_and_any_prices_are_solved_or_flagged(implied: list[float], method: Method) -> None:
    result = devig(column(*implied), method)
    p = result.probability[:, 0]
    assert result.status[0] in (DevigStatus.OK, DevigStatus.NEGATIVE, DevigStatus.NOT_CONVERGED)
    if result.status[0] == DevigStatus.NOT_CONVERGED:
        assert np.isnan(p).all()
        return
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    if result.status[0] == DevigStatus.OK:
        assert ((p > 0.0) & (p < 1.0)).all()
        # The likelier an outcome is by its price, the likelier it is.
        assert (np.diff(p[np.argsort(implied)]) >= -1e-15).all()


def test_a_model_without_a_solution_says_so() -> None:
    # A favourite whose price alone is worth more than the whole target cannot come from Shin's model.
    result = devig(column(0.9, 0.05, 0.05), Method.SHIN, target=0.5)
    assert result.status[0] == DevigStatus.NOT_CONVERGED
    assert np.isnan(result.probability).all()
    assert np.isnan(result.parameter[0])


def test_more_markets_than_one_chunk_are_all_devigged() -> None:
    share = np.linspace(0.2, 0.8, 10_001)
    implied = np.stack([share, 1.0 - share]) * 1.05
    result = devig(implied)
    assert (result.status == DevigStatus.OK).all()
    np.testing.assert_allclose(result.probability.sum(axis=0), 1.0, atol=1e-14)
    assert (np.diff(result.probability[0]) > 0).all()


def test_the_input_array_is_left_as_it_was() -> None:
    implied = from_odds(1.9, 1.95)
    before = implied.copy()
    for method in MODELS:
        devig(implied, method)
    np.testing.assert_array_equal(implied, before)


@pytest.mark.parametrize("shape", [(3,), (1, 4), (2, 3, 4)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="n_outcomes >= 2, n_markets"):
        devig(np.full(shape, 0.5))


@pytest.mark.parametrize("target", [0.0, -1.0, 2.0, np.nan])
def test_a_target_that_cannot_be_reached_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="target must lie between 0 and the number of outcomes"):
        devig(from_odds(1.9, 1.9), target=target)


def test_logarithmic_is_odds_ratio_with_the_logarithm_of_its_parameter() -> None:
    implied = from_odds(2.7, 2.3, 4.4)
    shift, ratio = devig(implied, Method.LOGARITHMIC), devig(implied, Method.ODDS_RATIO)
    np.testing.assert_array_equal(shift.probability, ratio.probability)
    assert shift.parameter[0] == pytest.approx(np.log(ratio.parameter[0]), abs=1e-15)
    p = shift.probability
    np.testing.assert_allclose(np.log(implied / (1 - implied)) - np.log(p / (1 - p)), shift.parameter[0], atol=1e-14)


def test_the_worst_case_is_the_lowest_of_the_models_and_is_not_brought_up_to_the_target() -> None:
    implied = np.concatenate([from_odds(1.10, 8.00), from_odds(1.95, 1.87)], axis=1)
    worst = devig(implied, Method.WORST_CASE)
    models = np.stack([devig(implied, model).probability for model in MODELS])
    np.testing.assert_array_equal(worst.probability, models.min(axis=0))
    assert (worst.probability.sum(axis=0) < 1.0).all()
    assert worst.status.tolist() == [DevigStatus.OK, DevigStatus.OK]
    assert np.isnan(worst.parameter).all()


def test_the_worst_case_leaves_out_a_model_that_is_not_fair_for_these_prices() -> None:
    implied = column(0.87, 0.2, 0.1, 0.05, 0.02, 0.01)
    worst = devig(implied, Method.WORST_CASE)
    assert devig(implied, Method.ADDITIVE).status[0] == DevigStatus.NEGATIVE
    assert worst.status[0] == DevigStatus.OK
    assert (worst.probability > 0.0).all()


@pytest.mark.parametrize(
    ("implied", "status"),
    [
        ((0.45, 0.5), DevigStatus.NO_OVERROUND),
        ((0.6, np.nan), DevigStatus.INCOMPLETE),
        ((0.6, 1.0), DevigStatus.INCOMPLETE),
    ],
)
def test_the_worst_case_invents_nothing(implied: tuple[float, float], status: DevigStatus) -> None:
    worst = devig(column(*implied), Method.WORST_CASE)
    assert worst.status[0] == status
    assert np.isnan(worst.probability).all()
