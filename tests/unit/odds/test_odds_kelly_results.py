"""Kelly stakes on backs and lays of one market against the growth they are to maximise."""

import math
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bet_intel.odds import kelly_exclusive, kelly_fraction, kelly_results


def grown(p: Sequence[float], bets: Sequence[Sequence[float]], f: Sequence[float]) -> float:
    left = 1 - math.fsum(f)
    wealth = [left + math.fsum(stake * bet[at] for stake, bet in zip(f, bets, strict=True)) for at in range(len(p))]
    ways = [(one, w) for one, w in zip(p, wealth, strict=True) if one > 0]
    return math.fsum(one * math.log(w) for one, w in ways) if min(w for _, w in ways) > 0 else -math.inf


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[float], list[list[float]]]:
    """Results, and up to three bets that win by one of them, or by any but one."""
    raw = draw(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=5))
    p = [one / math.fsum(raw) for one in raw]
    bets = []
    for _ in range(draw(st.integers(1, 3))):
        outcome, lays = draw(st.integers(0, len(p) - 1)), draw(st.booleans())
        wins = [(at == outcome) != lays for at in range(len(p))]
        likely = math.fsum(one for one, won in zip(p, wins, strict=True) if won)
        price = max(draw(st.floats(0.9, 1.2)) / likely, 1.001)
        bets.append([price if won else 0.0 for won in wins])
    return p, bets


@given(markets())
@settings(max_examples=40, deadline=None)
def test_no_stakes_of_a_grid_grow_more(market: tuple[list[float], list[list[float]]]) -> None:
    p, bets = market
    found = kelly_results(p, bets)
    assert min(found) >= 0
    assert math.fsum(found) <= 1 + 1e-6
    grid = [step / 12 for step in range(13)]
    best = max(grown(p, bets, f) for f in product(grid, repeat=len(bets)) if math.fsum(f) <= 1)
    near = [
        grown(p, bets, f)
        for f in product(*[[max(one + by, 0.0) for by in (-0.02, -0.001, 0.0, 0.001, 0.02)] for one in found])
        if math.fsum(f) <= 1
    ]
    assert max(best, *near) <= grown(p, bets, [one * (1 - 1e-9) for one in found]) + 1e-6


@given(markets())
@settings(deadline=None)
def test_one_unit_more_of_any_bet_gains_nothing(market: tuple[list[float], list[list[float]]]) -> None:
    """Karush, Kuhn and Tucker: of all that can be had for what is staked or kept, nothing returns more in the mean."""
    p, bets = market
    f = kelly_results(p, bets)
    left = 1 - math.fsum(f)
    wealth = [left + math.fsum(stake * bet[at] for stake, bet in zip(f, bets, strict=True)) for at in range(len(p))]
    for asset in ([1.0] * len(p), *bets):
        gain = math.fsum(one * back / w for one, back, w in zip(p, asset, wealth, strict=True) if one > 0)
        assert gain <= 1 + 1e-4


def test_a_back_that_wins_by_less_than_two_lays_gets_nothing() -> None:
    p = [0.4888, 0.2404, 0.2708]
    bets = [[2.15, 0, 0], [1.3843, 0, 1.3843], [1.4, 1.4, 0]]
    found = kelly_results(p, bets)
    assert found == pytest.approx([0, 0.183, 0.1225], abs=0.0005)
    assert grown(p, bets, found) == pytest.approx(0.0060, abs=0.0001)
    assert grown(p, bets, [0.0437, 0.1342, 0.0526]) < 0.0035


def test_where_one_result_settles_one_bet_it_is_the_formula() -> None:
    assert kelly_results([0.5, 0.5], [[2.2, 0]]) == pytest.approx([kelly_fraction(0.5, 2.2)])
    p, d = [0.5, 0.4], [2.4, 2.4]
    assert kelly_results([*p, 0.1], [[2.4, 0, 0], [0, 2.4, 0]]) == pytest.approx(kelly_exclusive(p, d), abs=1e-6)
    assert kelly_results([0.5, 0.5], [[1.9, 0]]) == [0.0]


def test_what_loses_at_no_result_is_staked_whole() -> None:
    found = kelly_results([0.49, 0.51, 0.0], [[2.15, 0, 0], [0, 1.98, 1.98]])
    assert found == pytest.approx([0.49, 0.51], abs=1e-6)


@pytest.mark.parametrize(
    ("p", "bets"), [([0.5, 0.4], [[2.0, 0]]), ([1.5, -0.5], [[2.0, 0]]), ([0.5, 0.5], [[2.0]]), ([1.0], [[-1.0]])]
)
def test_what_is_no_market_is_refused(p: list[float], bets: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"probabilities|returns"):
        kelly_results(p, bets)
