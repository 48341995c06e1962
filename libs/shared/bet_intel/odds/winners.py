"""How many outcomes of a market win, as its prices tell it."""

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray, over_outcomes

# Implied probabilities that add up to this much more than the winners are those of one more: no bookmaker keeps half of
# what is staked.
_ANOTHER_WINNER = 1.0


def more_outcomes_win(implied: FloatArray, target: float = 1.0, unasked: BoolArray | None = None) -> BoolArray:
    """Markets of which more outcomes win than `target`, because most books price them so: nobody says what their fair
    probabilities add up to. (m,)

    `implied` (n, b, m) is 1/price with NaN for what is missing; a book that misses one has no say. `unasked` (b, m):
    who has none either; exchanges, which look the same where they are nearly empty.
    """
    sums = over_outcomes(implied)
    priced_so = sums >= target + _ANOTHER_WINNER
    if unasked is not None:
        priced_so &= ~unasked
    if not np.count_nonzero(priced_so):
        return np.zeros(sums.shape[-1], dtype=np.bool_)
    complete = ~np.isnan(sums)
    if unasked is not None:
        complete &= ~unasked
    several: BoolArray = 2 * np.add.reduce(priced_so, axis=0) > np.add.reduce(complete, axis=0)
    return several
