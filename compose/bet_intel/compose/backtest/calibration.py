"""Calibration: of the outcomes given a probability of about p, does the share p win?"""

import numpy as np

from bet_intel.compose.backtest.report import Bin
from bet_intel.odds import FloatArray

_BINS = 20


def bins(probability: FloatArray, truth: FloatArray) -> list[Bin]:
    """Outcomes of all markets by their probability, in steps of 5 %; steps without any are left out."""
    known = ~(np.isnan(probability) | np.isnan(truth))
    p, won = probability[known], truth[known]
    place = np.minimum((p * _BINS).astype(np.int64), _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    means, shares = (np.bincount(place, weights, _BINS) / np.maximum(counts, 1) for weights in (p, won))
    return [
        Bin(i / _BINS, (i + 1) / _BINS, int(counts[i]), float(means[i]), float(shares[i]))
        for i in range(_BINS)
        if counts[i]
    ]
