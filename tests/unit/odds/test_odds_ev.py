import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import (
    exchange_mid,
    expected_value,
    expected_value_with_push,
    free_bet_expected_value,
    kelly_fraction,
    lay_expected_value,
    net_price,
)

chances = st.floats(0.001, 0.999)
prices = st.floats(1.01, 1000.0)
commissions = st.floats(0.0, 0.2)


def test_worked_examples() -> None:
    assert expected_value(0.5, 2.1) == pytest.approx(0.05)
    assert expected_value(0.5, net_price(2.1, 0.05)) == pytest.approx(0.0225)
    assert expected_value_with_push(0.45, 0.40, 1.95) == pytest.approx(0.0275)
    assert lay_expected_value(0.45, 2.0, 0.05) == pytest.approx(0.0725)
    assert free_bet_expected_value(0.25, 5.0) == pytest.approx(1.0)
    assert kelly_fraction(0.5, 2.2) == pytest.approx(0.1 / 1.2)
    assert exchange_mid(2.0, 2.04) == pytest.approx((0.5 + 1 / 2.04) / 2)


@given(chances, prices)
def test_a_fair_price_has_no_expected_value(p: float, price: float) -> None:
    assert expected_value(p, 1.0 / p) == pytest.approx(0.0, abs=1e-12)
    assert expected_value_with_push(p, 1.0 - p, price) == pytest.approx(expected_value(p, price), abs=1e-9)


@given(chances, prices)
def test_backing_and_laying_at_one_price_without_commission_are_two_sides_of_one_bet(p: float, price: float) -> None:
    backers_loss = lay_expected_value(p, price, 0.0) * (price - 1.0)
    assert backers_loss == pytest.approx(-expected_value(p, price), abs=1e-9)


@given(chances, prices, commissions)
def test_commission_never_helps(p: float, price: float, commission: float) -> None:
    assert expected_value(p, net_price(price, commission)) <= expected_value(p, price) + 1e-12
    assert lay_expected_value(p, price, commission) <= lay_expected_value(p, price, 0.0) + 1e-12


@given(chances, prices)
def test_kelly_stakes_only_on_positive_expected_value_and_grows_the_bankroll_most(p: float, price: float) -> None:
    fraction = kelly_fraction(p, price)
    assert 0.0 <= fraction < 1.0
    assert (fraction > 0.0) == (expected_value(p, price) > 0.0)

    def growth(stake: float) -> float:
        return p * math.log1p(stake * (price - 1.0)) + (1.0 - p) * math.log1p(-stake)

    for other in (0.5 * fraction, 0.5 * (1.0 + fraction)):
        assert growth(other) <= growth(fraction) + 1e-12


def test_arrays_broadcast_and_missing_prices_stay_missing() -> None:
    p = np.array([[0.5], [0.25]])
    price = np.array([[2.0, np.nan, 2.2], [4.0, 4.4, np.nan]])
    ev = expected_value(p, price)
    np.testing.assert_allclose(ev, [[0.0, np.nan, 0.1], [0.0, 0.1, np.nan]], atol=1e-15)
    assert kelly_fraction(p, price).shape == (2, 3)
    assert math.isnan(expected_value(0.5, math.nan))


def test_an_exchange_without_two_close_sides_has_no_mid() -> None:
    back = np.array([2.0, np.nan, 1.01, 3.0])
    lay = np.array([2.02, 2.0, 1000.0, np.nan])
    assert np.isnan(exchange_mid(back, lay)).tolist() == [False, True, True, True]
    assert exchange_mid(1.5, 2.0, max_spread=0.2) == pytest.approx(7 / 12)
    assert math.isnan(exchange_mid(1.5, 2.0))


def test_a_crossed_exchange_has_no_mid() -> None:
    """Who backs at 2.2 and lays at 1.9 wins whatever comes: nobody leaves it so."""
    assert math.isnan(exchange_mid(2.2, 1.9))
    assert exchange_mid(2.0, 2.0) == 0.5


@pytest.mark.parametrize("p", [-0.01, 1.01])
def test_an_impossible_probability_is_refused(p: float) -> None:
    for call in (expected_value, kelly_fraction, free_bet_expected_value):
        with pytest.raises(ValueError, match="probability must lie between 0 and 1"):
            call(p, 2.0)


@pytest.mark.parametrize("price", [1.0, -110.0])
def test_an_impossible_price_is_refused(price: float) -> None:
    for call in (expected_value, kelly_fraction, free_bet_expected_value):
        with pytest.raises(ValueError, match="decimal odds"):
            call(0.5, price)
    with pytest.raises(ValueError, match="decimal odds"):
        lay_expected_value(0.5, price, 0.0)


def test_win_and_lose_beyond_certainty_are_refused() -> None:
    with pytest.raises(ValueError, match="together must not exceed"):
        expected_value_with_push(0.7, 0.4, 2.0)
