"""The band: how far the pooled fair probability moves when only the devig method is changed.

Rule: the books, their shares and what the pool draws in are those of the pool the band belongs to, so that the band
shows the methods and nothing else. A method takes part in a market only where it gives a fair probability (status OK)
for every book that the pool uses there; where one book's market is flagged (additive below 0 on a long shot, say) the
method is left out of that market's band altogether and `methods_used` says so. No flagged number enters, and no method
speaks for fewer books than the pool. The method of the pool itself always takes part: lowest ≤ pooled ≤ highest.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray
from bet_intel.odds.devig import Method


class Band(NamedTuple):
    """Lowest and highest pooled fair probability over `methods`.

    Shapes beside a consensus; beside a leave-one-out pool the book left out comes first. lowest, highest (n, m): NaN
    where the pool is. methods_used: (q, m), beside a leave-one-out pool (q, b, m).
    """

    methods: tuple[Method, ...]
    lowest: FloatArray
    highest: FloatArray
    methods_used: BoolArray

    def at(self, level: "int | slice") -> Self:
        """Of bands with one more axis in front (in `methods_used` behind the methods) those at `level`."""
        return type(self)(self.methods, self.lowest[level], self.highest[level], self.methods_used[:, level])


def band(methods: Sequence[Method], pooled: FloatArray, flagged: BoolArray, share: FloatArray) -> Band:
    """The bands of l pools: `pooled` (q, l, n, m) by each of `methods`, of which the first is that of the pools, by
    the `share` (l, b, m) of each book. `flagged` (q, b, m): where a method gives a book no fair probability."""
    used = share > 0.0
    methods_used = np.empty((len(methods), len(used), used.shape[2]), dtype=np.bool_)  # (q, l, m)
    methods_used[:] = np.logical_or.reduce(used, axis=1)
    # The pool uses nobody whom its own method gives no fair probability: only what others flag beyond that matters.
    flagged = flagged & ~flagged[0]
    if flagged.any():
        methods_used &= ~np.logical_or.reduce(used & flagged[:, np.newaxis], axis=2)
        pooled = np.where(methods_used[:, :, np.newaxis], pooled, np.nan)
    lowest = np.fmin.reduce(pooled, axis=0)
    highest = np.fmax.reduce(pooled, axis=0)
    return Band(tuple(methods), lowest, highest, methods_used)
