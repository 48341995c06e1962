"""The price to offer has the EV that was wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import (
    expected_value_with_push,
    lay_expected_value,
    maker_back_price,
    maker_lay_price,
    net_price,
)

chances = st.floats(0.01, 0.98)
pushes = st.floats(0.0, 0.5)
commissions = st.floats(0.0, 0.2)
wanted = st.floats(-0.2, 0.5)


@given(chances, pushes, commissions, wanted)
def test_backing_at_it_has_the_wanted_ev(p: float, push: float, commission: float, ev: float) -> None:
    win, lose = p * (1 - push), (1 - p) * (1 - push)
    price = maker_back_price(win, lose, commission, ev)
    if price is None:
        assert lose + ev <= 0
    elif price > 1:
        assert expected_value_with_push(win, lose, net_price(price, commission)) == pytest.approx(ev, abs=1e-9)


@given(chances, commissions, wanted)
def test_laying_at_it_has_the_wanted_ev(p: float, commission: float, ev: float) -> None:
    price = maker_lay_price(p, 1 - p, commission, ev)
    if price is None:
        assert p + ev <= 0
    elif price > 1 + 1e-6:
        assert lay_expected_value(p, price, commission) == pytest.approx(ev, abs=1e-9)


@given(chances, pushes, commissions, wanted)
def test_a_push_returns_both_stakes(p: float, push: float, commission: float, ev: float) -> None:
    """What is wanted of the whole stake is wanted of the stake that stands, in proportion to it."""
    standing = 1 - push
    price = maker_lay_price(p * standing, (1 - p) * standing, commission, ev)
    alone = maker_lay_price(p, 1 - p, commission, ev / standing)
    assert price == (None if alone is None else pytest.approx(alone))


def test_worked_examples() -> None:
    # p = .5, c = 5 %, EV = 2 %: back d' = 2.04, d = 1 + 1.04/.95; lay d = 1 + .475/.52.
    assert maker_back_price(0.5, 0.5, 0.05, 0.02) == pytest.approx(1 + 1.04 / 0.95)
    assert maker_lay_price(0.5, 0.5, 0.05, 0.02) == pytest.approx(1 + 0.475 / 0.52)
    # No EV wanted and no commission: both are the fair odds.
    assert maker_back_price(0.4, 0.6, 0.0, 0.0) == pytest.approx(2.5)
    assert maker_lay_price(0.4, 0.6, 0.0, 0.0) == pytest.approx(2.5)


def test_what_cannot_be_offered() -> None:
    assert maker_back_price(0.5, 0.5, 0.0, -0.5) is None
    assert maker_lay_price(0.1, 0.9, 0.0, -0.1) is None
    with pytest.raises(ValueError, match="commission"):
        maker_back_price(0.5, 0.5, 1.0, 0.0)
    with pytest.raises(ValueError, match="p_win"):
        maker_lay_price(0.7, 0.7, 0.0, 0.0)
