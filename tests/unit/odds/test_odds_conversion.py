import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import (
    american_to_decimal,
    american_to_probability,
    decimal_price,
    decimal_to_american,
    implied_probability,
    net_price,
)

american_prices = st.integers(100, 100_000) | st.integers(-100_000, -101)


@pytest.mark.parametrize(
    ("american", "decimal", "probability"),
    [(150, 2.5, 0.4), (-200, 1.5, 2 / 3), (100, 2.0, 0.5), (-100, 2.0, 0.5), (-110, 21 / 11, 11 / 21)],
)
def test_published_pairs(american: int, decimal: float, probability: float) -> None:
    assert american_to_decimal(american) == pytest.approx(decimal, abs=1e-15)
    assert american_to_probability(american) == pytest.approx(probability, abs=1e-15)
    assert implied_probability(decimal) == pytest.approx(probability, abs=1e-15)


@given(american_prices)
def test_american_prices_survive_the_way_through_decimal(american: int) -> None:
    assert decimal_to_american(american_to_decimal(american)) == american


@given(american_prices.filter(lambda a: abs(a) <= 5000))
def test_american_prices_survive_decimal_odds_rounded_to_four_places_up_to_50_to_1(american: int) -> None:
    rounded = round(american_to_decimal(american), 4)
    expected_error = 0.5e-4 * american * american / 100 if american < 0 else 0.0
    assert abs(decimal_to_american(rounded) - american) <= expected_error + 1


@given(st.floats(1.0001, 10_000.0))
def test_decimal_and_probability_undo_each_other(price: float) -> None:
    assert decimal_price(implied_probability(price)) == pytest.approx(price, rel=1e-15)


def test_even_money_has_one_american_spelling() -> None:
    assert decimal_to_american(2.0) == 100
    assert decimal_to_american(1.999) == 100
    assert decimal_to_american(1.98) == -102


def test_arrays_keep_shape_and_missing_quotes_stay_missing() -> None:
    prices = np.array([[2.0, np.nan], [4.0, 1.25]])
    implied = implied_probability(prices)
    assert implied.shape == (2, 2)
    assert math.isnan(implied[0, 1])
    assert implied[1].tolist() == [0.25, 0.8]
    converted = decimal_to_american(np.array([2.5, 1.5]))
    assert converted.dtype == np.int64
    assert converted.tolist() == [150, -200]


@pytest.mark.parametrize("price", [1.0, 0.5, 0.0, -110.0, math.inf])
def test_a_price_that_is_not_decimal_odds_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="decimal odds must be finite and greater than 1"):
        implied_probability(price)


def test_the_error_names_the_offending_entry() -> None:
    with pytest.raises(ValueError, match=r"got -110\.0 at index \(1, 0\)"):
        implied_probability(np.array([[2.0, 3.0], [-110.0, 1.5]]))


@pytest.mark.parametrize("american", [99, -99, 0, 2])
def test_a_price_that_is_not_american_is_refused(american: int) -> None:
    with pytest.raises(ValueError, match="American odds must be"):
        american_to_decimal(american)
    with pytest.raises(ValueError, match="American odds must be"):
        american_to_probability(np.array([150, american]))


def test_a_missing_price_has_no_american_price() -> None:
    with pytest.raises(ValueError, match="missing price"):
        decimal_to_american(np.array([2.0, np.nan]))


def test_commission_is_taken_from_the_profit() -> None:
    assert net_price(3.0, 0.05) == pytest.approx(2.9)
    assert net_price(np.array([3.0, 2.0]), np.array([0.05, 0.0])).tolist() == pytest.approx([2.9, 2.0])
    for commission in (-0.01, 1.0, math.nan):
        with pytest.raises(ValueError, match="commission"):
            net_price(3.0, commission)
