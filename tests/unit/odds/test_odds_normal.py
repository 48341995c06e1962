import math
import statistics

import numpy as np

from bet_intel.odds.normal import normal_cdf, normal_quantile


def test_cdf_agrees_with_erfc_over_its_three_regions() -> None:
    x = np.linspace(-8.0, 8.0, 4001)
    expected = np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in x])
    assert np.abs(normal_cdf(x) - expected).max() <= 1e-15
    # Relative accuracy in the tail is what a long shot's probability needs.
    np.testing.assert_allclose(normal_cdf(x), expected, rtol=2e-14)


def test_quantile_agrees_with_the_standard_library() -> None:
    p = np.concatenate([np.logspace(-14, -1, 500), np.linspace(0.1, 0.9, 801), 1.0 - np.logspace(-1, -12, 500)])
    normal = statistics.NormalDist()
    expected = np.array([normal.inv_cdf(value) for value in p])
    np.testing.assert_allclose(normal_quantile(p), expected, rtol=1e-14, atol=1e-15)


def test_quantile_and_cdf_undo_each_other() -> None:
    p = np.linspace(1e-4, 1.0 - 1e-4, 2001)
    np.testing.assert_allclose(normal_cdf(normal_quantile(p)), p, rtol=1e-14)
