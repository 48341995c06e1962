"""Stakes that cover every outcome, exactly and in steps that can be placed."""

from decimal import Decimal
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import (
    lay_as_back,
    lay_expected_value,
    liability_step,
    rounded_stakes,
    stake_shares,
    survives_rounding,
)

PRICES = st.lists(st.floats(1.01, 50), min_size=2, max_size=4)
STEPS = st.sampled_from([Decimal("0.01"), Decimal("0.50"), Decimal(1), Decimal(5)])

COARSE = st.sampled_from([Decimal("0.50"), Decimal(1), Decimal(2), Decimal(5)])


def test_shares_are_inverse_to_the_price() -> None:
    assert stake_shares([2.0, 4.0]) == pytest.approx((2 / 3, 1 / 3))


@given(PRICES)
def test_whichever_leg_wins_the_same_is_returned(prices: list[float]) -> None:
    returned = [share * price for share, price in zip(stake_shares(prices), prices, strict=True)]
    assert returned == pytest.approx([1 / sum(1 / price for price in prices)] * len(prices))


def test_a_worked_example() -> None:
    # 1/2.10 + 1/2.05 = .9640: 49.4 % and 50.6 % of the stake, 3.73 % whichever wins.
    placed = rounded_stakes([2.10, 2.05], Decimal(100), Decimal(1))
    assert placed.stakes == (Decimal(49), Decimal(51))
    assert placed.profits == (Decimal("2.90"), Decimal("4.55"))
    assert placed.worst == Decimal("2.90")
    exact = rounded_stakes([2.10, 2.05], Decimal(100), Decimal("0.01"))
    assert exact.stakes == (Decimal("49.40"), Decimal("50.60"))
    assert exact.worst == Decimal("3.7300")


def test_rounding_can_eat_a_small_profit() -> None:
    prices = [2.02, 2.00]  # .25 % of 3 is less than what rounding to 1 and 2, or 2 and 1, loses
    assert rounded_stakes(prices, Decimal(3), Decimal(1)).worst < 0
    assert rounded_stakes(prices, Decimal(300), Decimal("0.01")).worst > 0


def test_fewer_steps_may_divide_better() -> None:
    # 30 and 70 lose .12 where the second wins; 29 and 69 are sure of .31.
    prices, limits = [3.390, 1.4268], [30.0, None]
    placed = rounded_stakes(prices, Decimal(100), Decimal(1), limits)
    assert placed.worst >= Decimal("0.31")
    assert placed.stakes[0] <= 30
    assert survives_rounding(prices, Decimal(100), Decimal(1), limits)


def test_as_many_steps_on_the_leg_with_the_fewest_may_divide_better() -> None:
    # 30 and 20 lose 3.80 where the second wins; 25 and 20 are sure of .25, and one step fewer on the second of nothing.
    placed = rounded_stakes([1.81, 2.31], Decimal(50), Decimal(5))
    assert (placed.stakes, placed.worst) == ((Decimal(25), Decimal(20)), Decimal("0.25"))


@given(st.floats(1.2, 6.0), st.floats(0.002, 0.06), st.integers(2, 40), COARSE, COARSE)
def test_what_any_stakes_win_is_won(price: float, margin: float, most: int, first: Decimal, second: Decimal) -> None:
    """Every pair of stakes within the total: where one wins whatever happens, so do ours."""
    prices = [price, 1.0 / (1.0 - margin - 1.0 / price)]
    total = most * max(first, second)
    one, two = (np.arange(1, int(total / step) + 1) * float(step) for step in (first, second))
    won = np.minimum(one[:, None] * prices[0], two * prices[1]) - one[:, None] - two
    best = won[one[:, None] + two < float(total) + 1e-6].max(initial=0.0)
    placed = rounded_stakes(prices, total, [first, second])
    if min(int(stake / step) for stake, step in zip(placed.stakes, (first, second), strict=True)) < 40:
        assert (placed.worst > 0) >= (best > 1e-9)
    assert placed.total <= total + first + second


DOUBLE_CHANCE = [1.55, 1.60, 1.45]


def test_of_three_legs_two_win() -> None:
    # 1/1.55 + 1/1.60 + 1/1.45 = 1.9598: 2.05 % whichever two win.
    placed = rounded_stakes(DOUBLE_CHANCE, Decimal(1000), Decimal("0.01"), winning=2)
    returned = [stake * Decimal(repr(price)) for stake, price in zip(placed.stakes, DOUBLE_CHANCE, strict=True)]
    pairs = [sum(pair) - placed.total for pair in combinations(returned, 2)]
    assert placed.worst == min(pairs)
    assert float(placed.worst) == pytest.approx(1000 * (2 / sum(1 / price for price in DOUBLE_CHANCE) - 1), abs=0.05)
    assert rounded_stakes(DOUBLE_CHANCE, Decimal(1000), Decimal("0.01")).worst < 0


@given(
    st.lists(st.floats(1.05, 4.0), min_size=3, max_size=6),
    st.floats(-0.002, 0.03),
    st.integers(1, 4),
    st.integers(10, 5000),
    STEPS,
)
def test_of_several_winners_every_result_is_counted(
    prices: list[float], profit: float, winning: int, total: int, step: Decimal
) -> None:
    winning = min(winning, len(prices) - 1)
    cost = sum(1 / price for price in prices) / winning
    near = [price * cost * (1 + profit) for price in prices]
    if min(near) <= 1.0:
        return
    placed = rounded_stakes(near, Decimal(total), step, winning=winning)
    returned = [stake * Decimal(repr(price)) for stake, price in zip(placed.stakes, near, strict=True)]
    results = [(legs, sum(returned[leg] for leg in legs)) for legs in combinations(range(len(near)), winning)]
    for leg, told in enumerate(placed.profits):
        assert told == min(back for legs, back in results if leg in legs) - placed.total
    assert survives_rounding(near, Decimal(total), step, winning=winning) == (placed.worst > 0)


def test_what_cannot_win_keeps_its_stakes() -> None:
    placed = rounded_stakes([1.95, 1.95], Decimal(1000), Decimal(1))
    assert (placed.total, placed.worst) == (Decimal(1000), Decimal("-25.00"))


@given(st.floats(1.2, 6.0), st.floats(0.002, 0.02), st.sampled_from([Decimal(5), Decimal(10)]))
def test_stakes_that_leave_a_profit_are_found(price: float, margin: float, step: Decimal) -> None:
    """Every pair of stakes of at most the total, tried: where one of the largest is sure of something, so is ours."""
    prices = [price, 1.0 / (1.0 - margin - 1.0 / price)]
    total = 1000
    most = int(total / step)
    best = max(
        min(first * prices[0], second * prices[1]) - first - second
        for first in range(1, most)
        for second in range(1, most - first + 1)
        if first + second > most - 8
    )
    if best > 1e-9:
        assert rounded_stakes(prices, Decimal(total), step).worst > 0


def test_a_limit_shrinks_every_stake() -> None:
    placed = rounded_stakes([2.10, 2.05], Decimal(1000), Decimal(1), [50.5, None])
    assert placed.stakes == (Decimal(50), Decimal(51))
    assert placed.worst > 0


@given(PRICES, st.integers(10, 100_000), STEPS, st.lists(st.none() | st.floats(0, 1e5), min_size=4, max_size=4))
def test_stakes_can_be_placed_and_profits_are_exact(
    prices: list[float], total: int, step: Decimal, limits: list[float | None]
) -> None:
    placed = rounded_stakes(prices, Decimal(total), step, limits[: len(prices)])
    for stake, price, limit, profit in zip(placed.stakes, prices, limits, placed.profits, strict=False):
        assert stake >= 0
        assert stake % step == 0
        assert limit is None or stake <= Decimal(repr(limit))
        assert profit == stake * Decimal(repr(price)) - placed.total
    assert placed.total <= total + step * len(prices)


@given(
    PRICES,
    st.floats(-0.001, 0.03),
    st.integers(10, 100_000),
    st.lists(STEPS, min_size=4, max_size=4),
    st.none() | st.lists(st.none() | st.floats(0, 1e5), min_size=4, max_size=4),
)
def test_each_stake_is_a_multiple_of_its_own_step_and_the_profit_is_certain(
    prices: list[float], profit: float, total: int, each: list[Decimal], limits: list[float | None] | None
) -> None:
    cost = sum(1 / price for price in prices)
    near = [price * cost * (1 + profit) for price in prices]
    if min(near) <= 1.0:
        return
    steps, taken = each[: len(near)], None if limits is None else limits[: len(near)]
    placed = rounded_stakes(near, Decimal(total), steps, taken)
    assert [stake % step for stake, step in zip(placed.stakes, steps, strict=True)] == [0] * len(near)
    returned = [stake * Decimal(repr(price)) for stake, price in zip(placed.stakes, near, strict=True)]
    assert placed.worst == min(back - sum(placed.stakes) for back in returned)
    assert survives_rounding(near, Decimal(total), steps, taken) == (placed.worst > 0)


@given(
    PRICES,
    st.floats(-0.001, 0.03),
    st.integers(10, 100_000),
    STEPS,
    st.none() | st.lists(st.none() | st.just(float("nan")) | st.floats(0, 1e5), min_size=4, max_size=4),
)
def test_an_arbitrage_survives_where_its_rounded_stakes_say_so(
    prices: list[float], profit: float, total: int, step: Decimal, limits: list[float | None] | None
) -> None:
    cost = sum(1 / price for price in prices)
    near = [price * cost * (1 + profit) for price in prices]
    if min(near) <= 1.0:
        return
    taken = None if limits is None else limits[: len(near)]
    worst = rounded_stakes(near, Decimal(total), step, taken).worst
    assert survives_rounding(near, Decimal(total), step, taken) == (worst > 0)


@given(st.floats(0.01, 0.99), st.floats(1.01, 100), st.floats(0, 0.2))
def test_a_lay_is_a_back_of_the_opposite(fair: float, lay: float, commission: float) -> None:
    expected = lay_expected_value(fair, lay, commission)
    assert (1 - fair) * lay_as_back(lay, commission) - 1 == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("prices", "total", "step"),
    [([1.0, 3.0], 10, 1), ([], 10, 1), ([2.0, 3.0], 0, 1), ([2.0, 3.0], 10, 0), ([2.0, float("nan")], 10, 1)],
)
def test_what_cannot_be_staked_is_refused(prices: list[float], total: int, step: int) -> None:
    with pytest.raises(ValueError, match=r"must|needs|price"):
        rounded_stakes(prices, Decimal(total), Decimal(step))


def test_a_limit_for_every_price_or_none() -> None:
    with pytest.raises(ValueError, match="limits"):
        rounded_stakes([2.0, 3.0], Decimal(10), Decimal(1), [5.0])


def test_a_lay_is_rounded_in_the_stake_that_an_exchange_takes() -> None:
    # Backing at 2.2, laying at 2.06 without commission: 1 + 1/1.06 = 1.9434 per unit of liability.
    step = Decimal(1)
    steps = [step, liability_step(step, 2.06)]
    placed = rounded_stakes([2.2, lay_as_back(2.06, 0.0)], Decimal(1000), steps)
    backed, liability = placed.stakes
    assert (backed, liability) == (Decimal(469), Decimal("531.06"))
    assert liability / (Decimal("2.06") - 1) == Decimal(501)
    assert placed.worst > 0


@given(
    st.floats(1.05, 12.0),
    st.floats(1.05, 12.0),
    st.floats(0.0, 0.06),
    st.integers(20, 5000),
    STEPS,
)
def test_the_backers_stake_of_a_lay_is_a_multiple_of_the_step(
    back: float, lay: float, commission: float, total: int, step: Decimal
) -> None:
    lay = round(lay, 2)
    steps = [step, liability_step(step, lay)]
    prices = [back, lay_as_back(lay, commission)]
    placed = rounded_stakes(prices, Decimal(total), steps)
    backers = placed.stakes[1] / (Decimal(repr(lay)) - 1)
    assert placed.stakes[0] % step == 0
    assert (backers / step) == (backers / step).to_integral_value()
    assert survives_rounding(prices, Decimal(total), steps) == (placed.worst > 0)
