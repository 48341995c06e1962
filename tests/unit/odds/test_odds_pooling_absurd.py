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
    # What leaves no margin is held against the others as it stands.
    unmargined = fair.status[-1] == DevigStatus.NO_OVERROUND
    np.testing.assert_array_equal(unmargined[absurd & ~priced], True)
    times = np.log(board.implied[:, -1] / np.median(fair.devigged[:, :-1], axis=1))
    far = np.abs(times).max(axis=0) > ABSURD
    np.testing.assert_array_equal(named[unmargined & far], True)
    if mistake == "american as decimal":
        np.testing.assert_array_equal(named[unmargined], True)
    # Nobody's price is an outlier of the pool without it.
    assert not fair.leave_one_out.outlier[-1, -1].any()
    if mistake in ("sides swapped", "placeholder"):
        assert priced.all()
    moved = np.abs(fair.consensus.probability - fair.leave_one_out.probability[-1]).max(axis=0)
    assert moved[absurd].max() < 1e-12


def test_who_is_an_outlier_because_of_an_absurd_quote_alone_is_kept() -> None:
    """With 1.01 among them the others are judged by such a median that the fourth one is beyond the limit."""
    prices = (
        (1.01, 4.70, 8.05),
        (1.40, 4.85, 8.60),
        (1.40, 4.85, 7.95),
        (1.45, 4.75, 7.20),
        (1.35, 4.65, 7.70),
        (1.35, 5.05, 7.65),
        (1.35, 4.85, 8.05),
    )
    weight = np.array([4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, np.newaxis]
    fair = fair_prices(1.0 / np.array(prices).T[:, :, np.newaxis], weight, band_methods=())
    assert fair.consensus.outlier[:, 0].tolist() == [True, *[False] * 6]
    np.testing.assert_array_equal(fair.consensus.probability, fair.leave_one_out.probability[0])


@given(st.integers(0, 2**32 - 1), st.integers(5, 14))
def test_an_honest_board_keeps_nearly_everybody(seed: int, books: int) -> None:
    board = spoiled(np.random.default_rng(seed), 2, books, 200, "sides swapped", 1.0)
    honest = fair_prices(board.implied[:, :-1], board.weight[:-1], band_methods=())
    assert honest.consensus.outlier.mean() < 0.01


@given(st.integers(0, 2**32 - 1), st.integers(5, 14))
def test_prices_that_are_a_little_generous_are_without_margin_and_no_outlier(seed: int, books: int) -> None:
    board = spoiled(np.random.default_rng(seed), 2, books, 40, "sides swapped", 1.0)
    board.implied[:, -1] = fair_prices(board.implied, board.weight, band_methods=()).devigged[:, 0] * 0.98
    generous = fair_prices(board.implied, board.weight, band_methods=())
    assert (generous.status[-1] == DevigStatus.NO_OVERROUND).all()
    assert not generous.consensus.outlier[-1].any()


def test_a_price_without_a_margin_is_held_against_how_far_the_others_are_apart_on_its_own_outcome() -> None:
    """They agree on the favourite, and not on the long shot: half as much again on the favourite is an error, on the
    long shot it may be an opinion."""
    long_shot = np.array([0.060, 0.070, 0.080, 0.090, 0.100])
    fair = np.stack([np.full(5, 0.70), 0.30 - long_shot, long_shot])
    absurd = np.array([[0.70 / 1.5, 0.70], [0.22, 0.22], [0.08, 0.08 / 1.5]])  # by market, its own price wrong
    implied = np.concatenate(
        (np.repeat((fair ** (1 / 1.05))[..., np.newaxis], 2, axis=2), absurd[:, np.newaxis]), axis=1
    )
    told = fair_prices(implied, np.ones((6, 2)), band_methods=())
    assert (told.status[-1] == DevigStatus.NO_OVERROUND).all()
    assert told.consensus.outlier[-1].tolist() == [True, False]


@given(st.integers(0, 2**32 - 1), st.integers(4, 12), st.integers(2, 30), st.floats(0.05, 1.5))
def test_a_majority_is_never_named(seed: int, books: int, outcomes: int, spread: float) -> None:
    """Of many outcomes every bookmaker is far from the median on one."""
    rng = np.random.default_rng(seed)
    fair = np.exp(rng.normal(0.0, 1.0, (outcomes, 1, 20)) + rng.normal(0.0, spread, (outcomes, books, 20)))
    implied = (fair / fair.sum(axis=0)) ** (1.0 / 1.05)
    pool = fair_prices(implied, np.ones((books, 20)), band_methods=()).consensus
    assert (2 * pool.outlier.sum(axis=0) < books).all()
    assert (2 * pool.books_used > books).all()
