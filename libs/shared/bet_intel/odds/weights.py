"""Weight shares of books in a pool, with a ceiling for any one of them."""

import numpy as np

from bet_intel.odds.arrays import FloatArray

_ROUNDING = 1e-12
_SMALLEST = float(np.finfo(np.float64).tiny)


def capped_shares(weight: FloatArray, ceiling: FloatArray) -> FloatArray:
    """Shares in proportion to `weight` (books, ...) ≥ 0, summing to 1 over the books, none above `ceiling` (...).

    A book above its ceiling is set to it, and what remains is divided among the others in proportion to their weights,
    until none is above. A ceiling must leave room: ceiling × books with weight ≥ 1. Where there is no weight at all,
    shares are 0.
    """
    share = _divided(weight, np.add.reduce(weight, axis=0))
    highest = ceiling + _ROUNDING
    capped = above = share > highest
    while np.count_nonzero(above):  # each round puts at least one more book at the ceiling
        rest = np.where(capped, 0.0, weight)
        left = 1.0 - ceiling * np.add.reduce(capped.astype(np.float64), axis=0)
        share = np.where(capped, ceiling, _divided(rest * left, np.add.reduce(rest, axis=0)))
        above = share > highest
        capped = capped | above
    return share


def _divided(weight: FloatArray, total: FloatArray) -> FloatArray:
    """`weight` / `total`, 0 where there is none."""
    return weight / np.maximum(total, _SMALLEST)
