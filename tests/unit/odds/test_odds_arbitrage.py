"""Stakes that cover every outcome, exactly and in steps that can be placed."""

from decimal import Decimal
from itertools import combinations, product

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
    assert placed.total <= total


@pytest.mark.parametrize(
    ("prices", "total", "steps", "stakes"),
    [
        # 50.6 and 49.4 of 100 in steps of 25 are 50 and 50; 70.6 and 29.4 are 75 and 25.
        ([1.95, 2.00], 100, [25, 25], [50, 50]),
        ([1.40, 3.36], 100, [25, 25], [75, 25]),
        # 34.6, 34.9 and 30.5 would be 35, 35 and 31; without one of the first 1.40 is lost at most, least of the three.
        ([2.90, 2.87, 3.285], 100, [1, 1, 1], [34, 35, 31]),
        # 55.6 and 44.4 would be 60 and 44; one step of the first is enough, and four of the second are not fewest.
        ([1.75, 2.19], 100, [10, 1], [50, 44]),
    ],
)
def test_no_more_is_staked_than_was_asked_for(
    prices: list[float], total: int, steps: list[int], stakes: list[int]
) -> None:
    placed = rounded_stakes(prices, Decimal(total), [Decimal(step) for step in steps])
    assert placed.stakes == tuple(map(Decimal, stakes))


@given(
    st.lists(st.floats(1.2, 6.0), min_size=2, max_size=3),
    st.floats(-0.08, -0.001),
    st.integers(10, 60),
    st.lists(COARSE, min_size=3, max_size=3),
)
def test_what_is_too_much_loses_as_few_steps_as_can_be_and_the_best(
    prices: list[float], profit: float, total: int, each: list[Decimal]
) -> None:
    cost = sum(1 / price for price in prices)
    near = [price * cost * (1 + profit) for price in prices]
    steps, whole = each[: len(near)], sum(1 / price for price in near)
    if min(near) <= 1.0:
        return
    nearest = [round(total / price / whole / float(step)) for price, step in zip(near, steps, strict=True)]
    over = sum(count * step for count, step in zip(nearest, steps, strict=True)) - total
    placed = rounded_stakes(near, Decimal(total), steps)
    if over <= 0:
        return
    fits = [
        taken
        for taken in product((0, 1), repeat=len(near))
        if _off(taken, steps) >= over and all(count >= one for count, one in zip(nearest, taken, strict=True))
    ]
    fewest = min(map(sum, fits))
    ours = [count - int(stake / step) for count, stake, step in zip(nearest, placed.stakes, steps, strict=True)]
    assert sum(ours) == fewest
    if len(set(steps)) == 1 or fewest == 1:
        left = [
            _certain([count - one for count, one in zip(nearest, taken, strict=True)], steps, near)
            for taken in fits
            if sum(taken) == fewest
        ]
        assert float(placed.worst) == pytest.approx(max(left))


@given(
    st.lists(st.floats(1.2, 8.0), min_size=2, max_size=3),
    st.floats(0.0, 0.04),
    st.integers(20, 120),
    st.lists(COARSE, min_size=3, max_size=3),
)
def test_what_any_stakes_of_two_or_three_legs_win_is_won(
    prices: list[float], profit: float, total: int, each: list[Decimal]
) -> None:
    cost = sum(1 / price for price in prices)
    near = [price * cost * (1 + profit) for price in prices]
    if min(near) <= 1.0:
        return
    steps = each[: len(near)]
    every = np.meshgrid(*[np.arange(1, int(total / step) + 1) * float(step) for step in steps], sparse=True)
    whole = sum(every[1:], start=every[0])
    returned = np.minimum.reduce(
        np.broadcast_arrays(*[stake * price for stake, price in zip(every, near, strict=True)])
    )
    best = np.where(whole <= total, returned - whole, -np.inf).max(initial=0.0)
    assert (rounded_stakes(near, Decimal(total), steps).worst > 0) == (best > 1e-9)


def test_legs_between_whose_steps_others_fall_may_divide_better() -> None:
    # 15 of the second return 85.20; for 43 and 25, or 44 and 30, of the others nothing is left, for 42 and 25 .32 is.
    steps = [Decimal(1), Decimal(5), Decimal(5)]
    placed = rounded_stakes([1.96, 5.68, 3.31], Decimal(100), steps)
    assert (placed.stakes, placed.worst) == ((Decimal(42), Decimal(15), Decimal(25)), Decimal("0.32"))


def _off(taken: tuple[int, ...], steps: list[Decimal]) -> Decimal:
    return sum((step for one, step in zip(taken, steps, strict=True) if one), Decimal(0))


def _certain(counts: list[int], steps: list[Decimal], prices: list[float]) -> float:
    stakes = [float(count * step) for count, step in zip(counts, steps, strict=True)]
    return min(stake * price for stake, price in zip(stakes, prices, strict=True)) - sum(stakes)


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
    assert placed.total <= total
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
    assert placed.total <= total


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
    assert placed.total <= total
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
    # 501 of who backs it would be nearest, and 1000.06 in all.
    assert (backed, liability) == (Decimal(469), Decimal("530.00"))
    assert liability / (Decimal("2.06") - 1) == Decimal(500)
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
