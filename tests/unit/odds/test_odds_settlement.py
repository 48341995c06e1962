"""Bets on whole, half and quarter lines against the result counted out, number by number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import Settlement, Split, line_probability, settlement, threshold, winning_band

RESULTS = range(40)
means = st.floats(0.5, 9.0)
quarters = st.integers(1, 40).map(lambda n: n / 4)
prices = st.floats(1.02, 20.0)


def poisson(mean: float) -> list[float]:
    p = [math.exp(-mean) * mean**x / math.factorial(x) for x in RESULTS]
    return [one / math.fsum(p) for one in p]


def counted_ev(results: list[float], line: float, price: float) -> float:
    """EV of over `line`, result by result; a quarter line is half the stake at each of its neighbours."""
    if (line * 4) % 2:
        return (counted_ev(results, line - 0.25, price) + counted_ev(results, line + 0.25, price)) / 2
    return math.fsum(p * (price - 1 if x > line else -1 if x < line else 0) for x, p in enumerate(results))


def above(results: list[float], line: float) -> float:
    return min(math.fsum(p for x, p in enumerate(results) if x > line), 1.0)


def ways(results: list[float], line: float) -> tuple[float, Settlement]:
    """The fair probability of over `line` from the curve of its result, and how the bet is settled with it."""
    split, whole = threshold(line) or pytest.fail(f"{line} is a multiple of a quarter")
    if split is Split.NONE:
        below = beyond = above(results, line)
    else:
        below, beyond = above(results, whole - 0.5), above(results, whole + 0.5)
    q = line_probability(split, below, beyond)
    assert q is not None
    settled = settlement(q, split, below - beyond)
    assert settled is not None
    return q, settled


@given(means, quarters, prices)
def test_the_ev_of_a_line_is_that_of_its_results(mean: float, line: float, price: float) -> None:
    results = poisson(mean)
    q, settled = ways(results, line)
    assert math.fsum(settled) == pytest.approx(1.0)
    assert settled.expected_value(price) == pytest.approx(counted_ev(results, line, price), abs=1e-9)
    assert settled.expected_value(price) == pytest.approx(settled.standing * (q * price - 1.0), abs=1e-9)


@given(means, quarters)
def test_the_two_sides_of_a_line_are_one(mean: float, line: float) -> None:
    """Laying against oneself: what over wins under loses, and their fair probabilities add up to 1."""
    results = poisson(mean)
    q, over = ways(results, line)
    split, _ = threshold(line) or pytest.fail("a line")
    push = over.half_won + over.returned + over.half_lost
    under = settlement(1.0 - q, split.other_side, push)
    assert under == pytest.approx(tuple(reversed(over)), abs=1e-12)


def test_which_number_splits_which_line() -> None:
    assert [threshold(line) for line in (2.75, 3.0, 3.25, -0.75, 0.0, -0.25)] == [
        (Split.HALF_WON, 3),
        (Split.RETURNED, 3),
        (Split.HALF_LOST, 3),
        (Split.HALF_LOST, -1),
        (Split.RETURNED, 0),
        (Split.HALF_WON, 0),
    ]
    assert (threshold(2.5) or pytest.fail("a half line")).split is Split.NONE
    assert threshold(2.3) is None


def test_nothing_is_settled_that_cannot_be() -> None:
    assert settlement(0.05, Split.HALF_WON, 0.3) is None
    assert settlement(0.95, Split.HALF_LOST, 0.3) is None
    assert line_probability(Split.RETURNED, 0.40, 0.45) is None
    assert line_probability(Split.RETURNED, 1.0, 0.0) is None
    with pytest.raises(ValueError, match="push"):
        settlement(0.5, Split.RETURNED, 1.2)


def wins_in_full(x: int, line: float) -> bool:
    """Over `line`: on a quarter line both of its halves are won."""
    return x > (line + 0.25 if (line * 4) % 2 else line)


@given(means, quarters, quarters)
def test_two_bets_are_both_won_in_full_with_what_the_results_between_their_lines_come_to(
    mean: float, line: float, other: float
) -> None:
    results = poisson(mean)
    both = [x for x in RESULTS if wins_in_full(x, line) and wins_in_full(-x, -other)]
    band = winning_band(line, other)
    assert (band is None) == (not both)
    if band is not None:
        assert (band.lowest, band.highest) == (min(both), max(both))
        _, over = ways(results, line)
        _, other_over = ways(results, other)
        # Under a line wins what over it loses.
        assert over.won + other_over.lost - 1.0 == pytest.approx(math.fsum(results[x] for x in both), abs=1e-9)


@pytest.mark.parametrize(
    ("over", "under", "band"),
    [
        (2.5, 3.5, (3, 3)),
        (3, 3.5, None),  # at 3 one is returned
        (2.5, 3, None),
        (3, 4, None),
        (3, 5, (4, 4)),
        (2.75, 3.25, None),  # at 3 each wins half
        (2.25, 3.5, (3, 3)),
        (2.25, 3.75, (3, 3)),
        (2.75, 4.5, (4, 4)),
        (-1.5, 1.5, (-1, 1)),
        (-1, 2.25, (0, 1)),
    ],
)
def test_the_results_at_which_both_are_won(over: float, under: float, band: tuple[float, float] | None) -> None:
    assert winning_band(over, under) == band
