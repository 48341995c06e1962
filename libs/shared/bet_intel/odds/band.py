"""The band: how far the pooled fair probability moves when only the devig method is changed.

Rule: the books, their shares and what the pool draws in are those of the pool the band belongs to, so that the band
shows the methods and nothing else. A method takes part in a market only where it gives a fair probability (status OK)
for every book that the pool uses there; where one book's market is flagged (additive below 0 on a long shot, say) the
method is left out of that market's band altogether and `methods_used` says so. No flagged number enters, and no method
speaks for fewer books than the pool. The method of the pool itself always takes part: lowest ≤ pooled ≤ highest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray
from bet_intel.odds.devig import Method
from bet_intel.odds.pooling import Pool, log_odds_of, pooled_probability


@dataclass(frozen=True, slots=True)
class Band:
    """Lowest and highest pooled fair probability over `methods`.

    Shapes beside a consensus; beside a leave-one-out pool the book left out comes first. lowest, highest (n, m): NaN
    where the pool is. methods_used: (q, m), beside a leave-one-out pool (q, b, m).
    """

    methods: tuple[Method, ...]
    lowest: FloatArray
    highest: FloatArray
    methods_used: BoolArray


def band(pool: Pool, method: Method, alternatives: Sequence[tuple[Method, FloatArray]], target: float = 1.0) -> Band:
    """The band around `pool` (of either kind), which was devigged by `method`.

    `alternatives`: for each other method the devigged probabilities (n, b, m), NaN where its status is not OK.
    """
    left_out = pool.share.ndim == 3
    share = pool.share if left_out else pool.share[np.newaxis]
    used = share > 0.0
    drawn_in = pool.drawn_in if left_out else pool.drawn_in[np.newaxis]
    pooled = pool.probability if left_out else pool.probability[np.newaxis]
    lowest = pooled.copy()
    highest = pooled.copy()
    takes_part = [share.sum(axis=1) > 0.0]
    for _, probability in alternatives:
        flagged = np.asarray(np.isnan(probability).any(axis=0))
        usable = takes_part[0] & ~(used & flagged).any(axis=1)  # (l, m)
        p = pooled_probability(log_odds_of(probability, ~flagged), share, drawn_in, target)
        np.fmin(lowest, p, out=lowest, where=usable[:, np.newaxis])
        np.fmax(highest, p, out=highest, where=usable[:, np.newaxis])
        takes_part.append(usable)
    methods_used = np.stack(takes_part)
    methods = (method, *(other for other, _ in alternatives))
    if left_out:
        return Band(methods, lowest, highest, methods_used)
    return Band(methods, lowest[0], highest[0], methods_used[:, 0])
