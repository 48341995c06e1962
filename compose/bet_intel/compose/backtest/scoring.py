"""How good probabilities were: log loss and Brier score, with confidence intervals by resampling matches.

For one market with the truth q (1 for the outcome that won, or probabilities of its own) and the probabilities p:

    log loss = −Σ q·ln p          Brier score = Σ (p² − 2·p·q + q), which is Σ (p − q)² where q is 0 or 1

Good (1952) and Brier (1950). Both are the smaller the better, and smallest in expectation for the true probabilities.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bet_intel.odds import FloatArray

IntArray = npt.NDArray[np.int64]

_CHUNK = 50


class Estimate(NamedTuple):
    """A mean with the limits of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def log_loss(probability: FloatArray, truth: FloatArray) -> FloatArray:
    """(n, m), (n, m) → (m,), in nats; NaN where a probability or the truth is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(truth > 0.0, truth * np.log(probability), 0.0)
    loss: FloatArray = -terms.sum(axis=0)
    return np.where(np.isnan(probability).any(axis=0) | np.isnan(truth).any(axis=0), np.nan, loss)


def brier(probability: FloatArray, truth: FloatArray) -> FloatArray:
    """(n, m), (n, m) → (m,); NaN where a probability or the truth is."""
    score: FloatArray = (probability * probability - 2.0 * probability * truth + truth).sum(axis=0)
    return score


class Bootstrap:
    """Percentile intervals (Efron 1979) of means over `size` markets: the matches are drawn anew, with replacement,
    `resamples` times, the same for everything that is estimated. `step` is told how many were drawn.

    matches: (size,), which match each market is of; each of its own where None. A match is drawn with all that is of
    it (Davison and Hinkley 1997, 3.8): markets of one match are right or wrong together, and as many as they are, they
    tell little more than one.
    """

    def __init__(self, size: int, resamples: int, seed: int, matches: IntArray | None = None) -> None:
        self._match = np.arange(size) if matches is None else np.unique(matches, return_inverse=True)[1]
        self._size = int(self._match.max(initial=-1)) + 1
        self._resamples = resamples
        self._seed = seed

    def estimates(self, values: FloatArray, step: Callable[[int], None] = lambda _: None) -> list[Estimate]:
        """For each row of `values` (k, m) the mean over what is not NaN; all NaN where nothing is. Of one match alone
        there is no interval: it would come out as certain."""
        present = ~np.isnan(values)
        stacked = self._by_match(np.concatenate([np.where(present, values, 0.0), present.astype(np.float64)]).T)
        rng = np.random.default_rng(self._seed)
        drawn: list[npt.NDArray[np.float64]] = []
        for begin in range(0, self._resamples, _CHUNK):
            count = min(_CHUNK, self._resamples - begin)
            chosen = rng.integers(0, self._size, (count, self._size)) if self._size else np.empty((count, 0), np.int64)
            times = np.stack([np.bincount(row, minlength=self._size) for row in chosen]).astype(np.float64)
            drawn.append(_means(times @ stacked))
            step(count)
        means = np.concatenate(drawn)
        whole = _means(np.ones((1, self._size)) @ stacked)[0]
        low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
        known = (stacked[:, len(values) :] > 0.0).sum(axis=0) > 1
        if known.any():
            low[known], high[known] = np.nanpercentile(means[:, known], (2.5, 97.5), axis=0)
        return [Estimate(*map(float, row)) for row in zip(whole, low, high, strict=True)]

    def _by_match(self, markets: FloatArray) -> FloatArray:
        """(size, k) → (matches, k), the sums over the markets of each match."""
        if self._size == len(markets):
            return markets
        sums = np.zeros((self._size, markets.shape[1]))
        np.add.at(sums, self._match, markets)
        return sums


def _means(sums: FloatArray) -> FloatArray:
    totals, counts = np.hsplit(sums, 2)
    return np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
