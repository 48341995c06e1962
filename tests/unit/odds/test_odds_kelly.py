"""Kelly stakes against the growth they are to maximise, found without derivatives, and against its conditions."""

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bet_intel.odds import (
    Settlement,
    Split,
    kelly_exclusive,
    kelly_fraction,
    kelly_settled,
    scaled_stakes,
    settlement,
)

prices = st.floats(1.05, 30.0)
chances = st.floats(0.02, 0.98)
splits = st.sampled_from(Split)


def highest(growth: Callable[[float], float], most: float) -> float:
    """Where a concave function of a stake in [0, most) is highest, by thirds."""
    low, high = 0.0, most
    for _ in range(120):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (a, high) if growth(a) < growth(b) else (low, b)
    return (low + high) / 2


def log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def grown(ways: Settlement, price: float, f: float) -> float:
    b = price - 1
    ended = (1 + f * b, 1 + f * b / 2, 1.0, 1 - f / 2, 1 - f)
    return math.fsum(p * log(value) for p, value in zip(ways, ended, strict=True) if p > 0)


@given(chances, splits, st.floats(0.0, 0.4), prices)
@settings(max_examples=60)
def test_one_bet_on_a_line(q: float, split: Split, push: float, price: float) -> None:
    ways = settlement(q, split, push)
    if ways is None:
        return
    f = kelly_settled(ways, price)
    if ways.expected_value(price) <= 0:
        assert f == 0
    else:
        assert 0 < f <= 1
        assert f == pytest.approx(highest(lambda f: grown(ways, price, f), 1.0), abs=1e-6)


@given(chances, st.floats(0.0, 0.4), prices)
def test_a_returned_stake_moves_no_stake(q: float, push: float, price: float) -> None:
    ways = settlement(q, Split.RETURNED, push)
    assert ways is not None
    assert kelly_settled(ways, price) == pytest.approx(kelly_fraction(q, price), abs=1e-12)


@st.composite
def exclusive_bets(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    raw = draw(st.lists(st.floats(0.02, 1.0), min_size=2, max_size=6))
    rest = draw(st.sampled_from([0.0, 0.1, 0.5]))
    p = [one / (math.fsum(raw) + rest) for one in raw]
    edges = draw(st.lists(st.floats(0.7, 1.4), min_size=len(p), max_size=len(p)))
    return p, [max(edge / one, 1.01) for edge, one in zip(edges, p, strict=True)]


def growth(p: Sequence[float], d: Sequence[float], f: Sequence[float]) -> float:
    left = 1 - math.fsum(f)
    none = max(1 - math.fsum(p), 0.0)
    won = math.fsum(one * log(left + stake * price) for one, price, stake in zip(p, d, f, strict=True))
    return won + (none * log(left) if none > 1e-12 else 0.0)


@given(exclusive_bets())
@settings(max_examples=200)
def test_stakes_on_exclusive_outcomes_meet_the_conditions_of_the_optimum(bets: tuple[list[float], list[float]]) -> None:
    """Karush, Kuhn and Tucker: one more unit on a staked outcome gains what it costs, on another no more than that."""
    p, d = bets
    f = kelly_exclusive(p, d)
    left = 1 - math.fsum(f)
    none = max(1 - math.fsum(p), 0.0)
    assert left > -1e-9
    assert min(f) >= 0
    wealth = [left + stake * price for stake, price in zip(f, d, strict=True)]
    if math.fsum(1 / price for price in d) < 1 and none < 1e-12:
        assert f == pytest.approx(p)  # no result loses: everything is staked
        return
    cost = math.fsum(one / after for one, after in zip(p, wealth, strict=True)) + (none / left if none > 1e-12 else 0)
    for one, price, stake, after in zip(p, d, f, wealth, strict=True):
        gain = one * price / after
        assert gain == pytest.approx(cost, rel=1e-6) if stake > 1e-9 else gain <= cost * (1 + 1e-6)


@given(exclusive_bets())
@settings(max_examples=15, deadline=None)
def test_no_other_stakes_grow_more(bets: tuple[list[float], list[float]]) -> None:
    """A climb along one stake after the other, from nothing, ends no higher."""
    p, d = bets
    found = [0.0] * len(p)
    for _ in range(25):
        for i in range(len(p)):
            others = math.fsum(found) - found[i]

            def along(stake: float, i: int = i) -> float:
                return growth(p, d, [*found[:i], stake, *found[i + 1 :]])

            found[i] = highest(along, 1 - others)
    assert growth(p, d, found) <= growth(p, d, kelly_exclusive(p, d)) + 1e-9


def test_worked_examples() -> None:
    assert kelly_exclusive([0.5], [2.2]) == pytest.approx([kelly_fraction(0.5, 2.2)])
    # p·d' of 1.2 is taken: R = 0.5/(1 − 1/2.4) = .857. The second's .96 alone has no EV, and still insures the first.
    first, second = kelly_exclusive([0.5, 0.4], [2.4, 2.4])
    reserve = 0.1 / (1 - 2 / 2.4)
    assert (first, second) == pytest.approx((0.5 - reserve / 2.4, 0.4 - reserve / 2.4))
    # Scaled by the fraction, and together no more than the cap.
    assert scaled_stakes([0.2, 0.1], 0.25, 0.5) == pytest.approx([0.05, 0.025])
    assert scaled_stakes([0.2, 0.1], 0.5, 0.06) == pytest.approx([0.04, 0.02])


def test_what_cannot_be_staked_on() -> None:
    for p, d in (([0.5], [2.0, 3.0]), ([0.5], [1.0]), ([0.7, 0.7], [2.0, 2.0])):
        with pytest.raises(ValueError, match=r"price|probabilities"):
            kelly_exclusive(p, d)
    with pytest.raises(ValueError, match="fraction"):
        scaled_stakes([0.1], 0.0, 0.5)
    with pytest.raises(ValueError, match="price"):
        kelly_settled(Settlement(0.5, 0, 0, 0, 0.5), 1.0)
