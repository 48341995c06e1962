"""Log loss, Brier score and their intervals."""

import numpy as np
import pytest

from bet_intel.compose.backtest.scoring import Bootstrap, brier, log_loss

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
