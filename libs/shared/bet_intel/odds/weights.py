"""Weight shares of books in a pool, with a ceiling for any one of them."""

import numpy as np

from bet_intel.odds.arrays import FloatArray

_ROUNDING = 1e-12


def capped_shares(weight: FloatArray, ceiling: FloatArray) -> FloatArray:
    """Shares in proportion to `weight` (..., books, markets) ≥ 0, summing to 1 over the books, none above `ceiling`.

    A book above its ceiling (..., 1, markets) is set to it, and what remains is divided among the others in proportion
    to their weights, until none is above. A ceiling must leave room: ceiling × books with weight ≥ 1. A market without
    any weight has shares of 0.
    """
    total = np.add.reduce(weight, axis=-2, keepdims=True)
    share: FloatArray = np.divide(weight, total, out=np.zeros(weight.shape), where=total > 0.0)
    capped = np.zeros(weight.shape, dtype=np.bool_)
    for _ in range(weight.shape[-2]):  # each round but the last puts at least one more book at the ceiling
        above = share > ceiling + _ROUNDING
        if not np.count_nonzero(above):
            break
        capped |= above
        rest = np.where(capped, 0.0, weight)
        rest_total = np.add.reduce(rest, axis=-2, keepdims=True)
        left = 1.0 - ceiling * np.add.reduce(capped.astype(np.float64), axis=-2, keepdims=True)
        divided = np.divide(rest * left, rest_total, out=np.zeros(weight.shape), where=rest_total > 0.0)
        share = np.where(capped, ceiling, divided)
    return share
