"""The price to offer has the EV that was wanted, however the bet may end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import Settlement, lay_as_back, maker_back_price, maker_lay_price, net_price

pushes = st.floats(0.0, 0.5)
commissions = st.floats(0.0, 0.2)
wanted = st.floats(-0.2, 0.5)
halves = st.sampled_from(["half_won", "returned", "half_lost"])


def plain(p: float, push: float = 0.0) -> Settlement:
    return Settlement(p * (1 - push), 0.0, push, 0.0, (1 - p) * (1 - push))


def of_weights(weights: list[float]) -> Settlement:
    return Settlement(*[weight / sum(weights) for weight in weights])


chances = st.floats(0.01, 0.98)
every_way = st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5).map(of_weights)
lines = st.builds(
    lambda p, split, share: plain(p)._replace(won=p * (1 - share), lost=(1 - p) * (1 - share), **{split: share}),
    chances,
    halves,
    pushes,
)
settlements = every_way | lines


def laying(ways: Settlement, price: float, commission: float) -> float:
    """EV per unit of liability: to lay is to back that it ends the other way."""
    return Settlement(*reversed(ways)).expected_value(lay_as_back(price, commission))


@given(settlements, commissions, wanted)
def test_backing_at_it_has_the_wanted_ev(ways: Settlement, commission: float, ev: float) -> None:
    price = maker_back_price(ways, commission, ev)
    if price is None:
        assert ways.expected_value(1.0) >= ev - 1e-12
    else:
        assert ways.expected_value(net_price(price, commission)) == pytest.approx(ev, rel=0, abs=1e-12)


@given(settlements, commissions, wanted)
def test_laying_at_it_has_the_wanted_ev(ways: Settlement, commission: float, ev: float) -> None:
    price = maker_lay_price(ways, commission, ev)
    if price is None:
        # Not at the longest odds either.
        assert laying(ways, 1e12, commission) >= ev - 1e-9
    elif price < 1e6:
        assert laying(ways, price, commission) == pytest.approx(ev, rel=0, abs=1e-12)


@given(chances, pushes, commissions, wanted)
def test_a_push_returns_both_stakes(p: float, push: float, commission: float, ev: float) -> None:
    """What is wanted of the whole stake is wanted of the stake that stands, in proportion to it."""
    price = maker_lay_price(plain(p, push), commission, ev)
    alone = maker_lay_price(plain(p), commission, ev / (1 - push))
    assert price == (None if alone is None else pytest.approx(alone))


def test_worked_examples() -> None:
    # p = .5, c = 5 %, EV = 2 %: back d' = 2.04, d = 1 + 1.04/.95; lay d = 1 + .475/.52.
    assert maker_back_price(plain(0.5), 0.05, 0.02) == pytest.approx(1 + 1.04 / 0.95)
    assert maker_lay_price(plain(0.5), 0.05, 0.02) == pytest.approx(1 + 0.475 / 0.52)
    # No EV wanted and no commission: both are the fair odds.
    assert maker_back_price(plain(0.4), 0.0, 0.0) == pytest.approx(2.5)
    assert maker_lay_price(plain(0.4), 0.0, 0.0) == pytest.approx(2.5)
    # .4 won, .25 half won, .35 lost: W = .525, L = .35.
    half_won = Settlement(0.4, 0.25, 0.0, 0.0, 0.35)
    assert maker_back_price(half_won, 0.05, 0.02) == pytest.approx(1 + 0.37 / (0.525 * 0.95))
    assert maker_lay_price(half_won, 0.05, 0.02) == pytest.approx(1 + 0.35 * 0.95 / 0.545)
    # .4 won, .25 half lost, .35 lost: W = .4, L = .475.
    half_lost = Settlement(0.4, 0.0, 0.0, 0.25, 0.35)
    assert maker_back_price(half_lost, 0.05, 0.02) == pytest.approx(1 + 0.495 / (0.4 * 0.95))
    assert maker_lay_price(half_lost, 0.05, 0.02) == pytest.approx(1 + 0.475 * 0.95 / 0.42)


def test_what_cannot_be_offered() -> None:
    assert maker_back_price(plain(0.5), 0.0, -0.5) is None
    assert maker_lay_price(plain(0.1), 0.0, -0.1) is None
    assert maker_lay_price(Settlement(0.5, 0.0, 0.5, 0.0, 0.0), 0.0, 0.0) is None
    with pytest.raises(ValueError, match="commission"):
        maker_back_price(plain(0.5), 1.0, 0.0)
    for ways in ((0.7, 0.0, 0.0, 0.0, 0.7), (0.5, 0.0, 0.0, 0.0, 0.4), (1.1, -0.1, 0.0, 0.0, 0.0)):
        with pytest.raises(ValueError, match="add up to 1"):
            maker_lay_price(Settlement(*ways), 0.0, 0.0)
