"""Log loss, Brier score and their intervals."""

from collections.abc import Callable

import numpy as np
import pytest

from bet_intel.compose.backtest.scoring import Bootstrap, brier, log_loss
from bet_intel.compose.backtest.value_bets import Bets, summary

P = np.array([[0.5, 0.2, np.nan], [0.3, 0.7, 0.5], [0.2, 0.1, 0.5]])
WON = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_by_hand() -> None:
    np.testing.assert_allclose(log_loss(P, WON), [-np.log(0.5), -np.log(0.1), np.nan])
    np.testing.assert_allclose(brier(P, WON), [0.25 + 0.09 + 0.04, 0.04 + 0.49 + 0.81, np.nan])


def test_against_probabilities_the_truth_itself_scores_best() -> None:
    truth = np.array([[0.5], [0.3], [0.2]])
    for other in ([[0.4], [0.4], [0.2]], [[0.52], [0.3], [0.18]]):
        assert log_loss(np.array(other), truth)[0] > log_loss(truth, truth)[0]
        assert brier(np.array(other), truth)[0] > brier(truth, truth)[0]


def test_a_probability_of_nothing_for_what_won_is_an_infinite_loss() -> None:
    assert log_loss(np.array([[0.0], [1.0]]), np.array([[1.0], [0.0]]))[0] == np.inf


def test_intervals_are_those_of_the_mean_and_the_same_each_time() -> None:
    values = np.random.default_rng(3).normal(2.0, 1.0, (1, 1600))
    (first,) = Bootstrap(1600, 2000, seed=1).estimates(values)
    assert first.value == pytest.approx(values.mean())
    # Normal theory: ± 1.96/√1600.
    assert (first.low, first.high) == pytest.approx((first.value - 0.049, first.value + 0.049), abs=0.005)
    assert Bootstrap(1600, 2000, seed=1).estimates(values) == [first]
    assert Bootstrap(1600, 2000, seed=2).estimates(values) != [first]


def test_what_is_missing_counts_nowhere() -> None:
    values = np.array([[1.0, np.nan, 3.0, np.nan], [np.nan] * 4])
    some, nothing = Bootstrap(4, 200, seed=1).estimates(values)
    assert some.value == 2.0
    assert 1.0 <= some.low <= some.high <= 3.0
    assert np.isnan(nothing).all()


def test_of_nothing_there_is_no_mean() -> None:
    assert np.isnan(Bootstrap(0, 50, seed=1).estimates(np.empty((1, 0)))).all()


def test_where_each_market_is_a_match_of_its_own_nothing_else_is_drawn() -> None:
    values = np.random.default_rng(3).normal(0.0, 1.0, (2, 60))
    assert Bootstrap(60, 100, 1, np.arange(60) * 7).estimates(values) == Bootstrap(60, 100, 1).estimates(values)


def _covered(trials: int, clustered: Callable[[Bets], Bets]) -> int:
    """How many of so many intervals hold the true mean: of bets on 40 matches, four on each, which share most of what
    moves their closing EV."""
    rng = np.random.default_rng(11)
    match = np.repeat(np.arange(40), 4)
    covered = 0
    for trial in range(trials):
        closing_ev = 0.01 + 0.9 * rng.normal(0.0, 0.05, 40)[match] + 0.4 * rng.normal(0.0, 0.05, 160)
        bets = clustered(Bets(closing_ev, closing_ev, closing_ev, closing_ev, match))
        told = summary(bets, "made up", resamples=200, seed=trial).closing_ev
        assert told.low is not None
        assert told.high is not None
        covered += told.low <= 0.01 <= told.high
    return covered


def test_intervals_of_bets_hold_the_truth_as_often_as_they_say() -> None:
    # Of 400 intervals of 95 %, 380 ± 4.4 would hold it. These are a little short: ± 1.96·√(39/40) standard errors,
    # where Student's t of 40 matches asks for 2.02, which makes 94 %; and beyond the fifth of 200 draws lie 3 % rather
    # than 2.5 to either side, which makes 93: 372 ± 5.1. The bounds are four of these to both sides.
    assert abs(_covered(400, lambda bets: bets) - 372) <= 20
    # Had each bet a match of its own, it would be two of three: the test could tell.
    assert _covered(400, lambda bets: bets._replace(match=np.arange(160))) < 320
