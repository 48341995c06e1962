"""One absurd quote among five books or more: it is named, and the pool is the one without it.

Boards are random: two to four outcomes, the opinions of the honest within what recorded main lines show, margins that
the method of the pool takes out exactly, one sharp book of weight 3.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bet_intel.odds import BoolArray, DevigStatus, FairPrices, FloatArray, fair_prices

MISTAKES = ("longer by half", "sides swapped", "american as decimal", "placeholder")
NOISE = 0.015
# An error is absurd where it moves the log-odds by more than books ever differ; below, it is an opinion.
ABSURD = 0.30


class Boards(NamedTuple):
    implied: FloatArray
    is_mid: BoolArray
    weight: FloatArray


def spoiled(rng: np.random.Generator, outcomes: int, books: int, markets: int, mistake: str, weight: float) -> Boards:
    """Implied probabilities (n, b, m) whose last book made the mistake."""
    opinion = rng.uniform(-1.2, 1.2, (outcomes, 1, markets))
    noise = np.clip(rng.normal(0.0, NOISE, (outcomes, books, markets)), -2.5 * NOISE, 2.5 * NOISE)
    fair = np.exp(opinion + noise) / np.exp(opinion + noise).sum(axis=0)
    implied = fair ** (1.0 / rng.uniform(1.02, 1.12, (books, markets)))
    is_mid = np.zeros((books, markets), dtype=np.bool_)
    odds = 1.0 / implied[:, -1]
    if mistake == "longer by half":
        odds[rng.integers(0, outcomes, markets), np.arange(markets)] *= 1.5
    elif mistake == "sides swapped":
        odds[[0, -1]] = odds[[-1, 0]]
    elif mistake == "american as decimal":
        odds = np.where(odds >= 2.0, (odds - 1.0) * 100.0, 100.0 / (odds - 1.0))
    else:
        odds[:] = outcomes
        is_mid[-1] = True
    implied[:, -1] = 1.0 / odds
    weights = np.ones((books, markets))
    weights[0], weights[-1] = 3.0, weight
    return Boards(implied, is_mid, weights)


def distance_of_the_last(fair: FairPrices) -> FloatArray:
    """How far the last book is from the median of the others in log-odds (m,), NaN where it has no fair numbers."""
    log_odds = np.log(fair.devigged / (1.0 - fair.devigged))
    apart: FloatArray = np.abs(log_odds[:, -1] - np.median(log_odds[:, :-1], axis=1)).max(axis=0)
    return apart


@pytest.mark.parametrize("mistake", MISTAKES)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(5, 14), st.sampled_from([1.0, 3.0, 50.0]))
def test_it_is_named_and_moves_nothing(mistake: str, seed: int, outcomes: int, books: int, weight: float) -> None:
    board = spoiled(np.random.default_rng(seed), outcomes, books, 40, mistake, weight)
    fair = fair_prices(board.implied, board.weight, is_mid=board.is_mid, band_methods=())
    priced = fair.status[-1] == DevigStatus.OK
    absurd = ~(distance_of_the_last(fair) < ABSURD)
    assert absurd.any()
    named = fair.consensus.outlier[-1]
    np.testing.assert_array_equal(named[absurd & priced], True)
    # What leaves no margin has no opinion, and says so.
    np.testing.assert_array_equal(fair.status[-1][absurd & ~priced], DevigStatus.NO_OVERROUND)
    if mistake in ("sides swapped", "placeholder"):
        assert priced.all()
    moved = np.abs(fair.consensus.probability - fair.leave_one_out.probability[-1]).max(axis=0)
    assert moved[absurd].max() < 1e-12


@given(st.integers(0, 2**32 - 1), st.integers(5, 14))
def test_an_honest_board_keeps_nearly_everybody(seed: int, books: int) -> None:
    board = spoiled(np.random.default_rng(seed), 2, books, 200, "sides swapped", 1.0)
    honest = fair_prices(board.implied[:, :-1], board.weight[:-1], band_methods=())
    assert honest.consensus.outlier.mean() < 0.01
