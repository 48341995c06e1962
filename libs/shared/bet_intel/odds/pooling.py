"""Pooling: one fair probability per outcome out of the devigged probabilities of many books.

Two pools, two names. The *consensus* is over all books. The *leave-one-out* pool j is over all books but j: the number
against which the price of book j is judged, so that no price is its own reference.

Both work in log-odds, λ = ln(p/(1 − p)), per outcome:

1. the median of λ by weight, no book counting for more than .15 (or an equal part, where they are fewer than seven), so
   that it stays among the sound books when two of five are wrong; and MAD, the plain median of |λ − median| over the
   books present;
2. a book further than max(3 · 1.4826 · MAD, 0.20) from the median on any outcome is an *outlier* and is not used. The
   furthest is named, in limits, with those at least half as far; the others are judged again as if these had never been
   there, from 1. on, until nobody is named, or more would leave no majority: of those only the furthest are named;
3. shares of the weights of the others, none above 40 % where three or more books are left;
4. the median of λ by these shares, and from it the mean of the distances by the shares, none counting for more than a
   twentieth of an outlier's; back to probabilities, divided by their sum over outcomes.

1.4826 · MAD estimates the standard deviation σ of normal errors. Step 4 is one step of Huber's M-estimator of location
from the weighted median, with a small bound ("Robust statistics", 1981; one step: Bickel, "One-step Huber estimates in
the linear model", 1975). What a book adds is bounded however far it is; and where the heaviest book differs from the
others, which it does when it knows more, the pool stays with it until half of the weight is on one side of it. Two
books are pooled by the mean: of two that disagree nobody can say which is wrong.
"""

from typing import NamedTuple, Self

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray, IntArray, over_outcomes, refuse, require_target
from bet_intel.odds.weighing import DEFAULT_RULE, PoolingRule, Weights, weigh, with_and_without_each


class Pool(NamedTuple):
    """Pooled fair probabilities of m markets of n outcomes over b books.

    Shapes for :func:`consensus`; :func:`leave_one_out` puts the book left out in front, (b, ...). probability (n, m):
    NaN where no book is left. share (b, m): share of the weight in the final mean, 0 where not used, summing to 1.
    outlier (b, m): excluded by the rule; of fair prices also :func:`unmargined_outliers`. dispersion (m,): MAD in
    log-odds over all books with weight, outliers included, the largest over outcomes; NaN without books. books_used
    (m,): books with a share. drawn_in (n, m): what bounding the distances adds to the mean of the log-odds by the
    shares, 0 where every book is within reach. limit (n, m): how far in log-odds an outlier is from the books in the
    pool.
    """

    probability: FloatArray
    share: FloatArray
    outlier: BoolArray
    dispersion: FloatArray
    books_used: IntArray
    drawn_in: FloatArray
    limit: FloatArray

    def at(self, level: "int | slice") -> Self:
        """Of pools with one more axis in front those at `level`."""
        return type(self)(
            self.probability[level],
            self.share[level],
            self.outlier[level],
            self.dispersion[level],
            self.books_used[level],
            self.drawn_in[level],
            self.limit[level],
        )


def consensus(
    probability: FloatArray, weight: FloatArray, rule: PoolingRule = DEFAULT_RULE, target: float = 1.0
) -> Pool:
    """The pool over all books: `probability` (n, b, m) with NaN for absent books, `weight` (b, m) ≥ 0, 0 = not used.

    A book counts in a market where its weight is above 0 and all its probabilities are there. ValueError: shapes that
    do not fit, a weight that is negative or not finite, a probability outside (0, 1) of a book that counts.
    """
    return _pool(probability, _present_weight(probability, weight, target)[..., np.newaxis], rule, target).at(0)


def leave_one_out(
    probability: FloatArray, weight: FloatArray, rule: PoolingRule = DEFAULT_RULE, target: float = 1.0
) -> Pool:
    """For every book j the pool over the others, on a new first axis; arguments and errors as :func:`consensus`.

    Entry j does not depend on the probabilities or the weight of book j. Where book j does not count anyway, it equals
    the consensus.
    """
    present = _present_weight(probability, weight, target)
    return _pool(probability, with_and_without_each(present)[..., 1:], rule, target)


def _present_weight(probability: FloatArray, weight: FloatArray, target: float) -> FloatArray:
    """The weight of the books that count, 0 for the others, after checking both arrays."""
    if probability.ndim != 3 or probability.shape[0] < 2 or probability.shape[1] < 1:
        raise ValueError(
            f"probability must have the shape (n_outcomes >= 2, n_books >= 1, n_markets), got {probability.shape}"
        )
    if weight.shape != probability.shape[1:]:
        raise ValueError(f"weight must have the shape {probability.shape[1:]} (n_books, n_markets), got {weight.shape}")
    require_target(target, probability.shape[0])
    refuse(~(np.isfinite(weight) & (weight >= 0.0)), weight, "a book's weight must be finite and 0 or more")
    present = np.where(np.isnan(probability).any(axis=0), 0.0, weight)
    impossible = (present > 0.0) & ((probability <= 0.0) | (probability >= 1.0))
    refuse(impossible, probability, "a pooled probability must lie strictly between 0 and 1 (give its book weight 0)")
    return present


def _pool(probability: FloatArray, weight: FloatArray, rule: PoolingRule, target: float) -> Pool:
    """The pools for each row of `weight` (b, m, l)."""
    log_odds = log_odds_of(probability, np.asarray((weight > 0.0).any(axis=2)))
    weighed = weigh(log_odds, Weights.of(weight, rule), rule, target)
    return Pool(pooled_probability(log_odds[np.newaxis], weighed.share, weighed.drawn_in, target)[0], *weighed)


def unmargined_outliers(implied: FloatArray, weight: FloatArray, pool: Pool, rule: PoolingRule) -> BoolArray:
    """Who is too far from each `pool` (l, ...) among books that are not in it, because their prices `implied`
    (n, b, m) leave no margin: (l, b, m). `weight` (l, b, m), 0 for the books that are not asked about.

    Without a margin to remove, a price is held against the fair one as it stands, by how many times it is as long: in
    log-odds two percent more of a short price would be far. One that is longer by half, or an American one read as
    decimal, is an error.
    """
    outlier = np.zeros(weight.shape, dtype=np.bool_)
    enough = pool.books_used >= rule.outlier_from_books - 1  # the judged one is another
    level, book, market = np.nonzero((weight > 0.0) & enough[:, np.newaxis])
    if level.size:
        said, fair = implied[:, book, market], pool.probability[level, :, market].T
        apart = np.abs(np.log(said / fair))
        outlier[level, book, market] = (apart > pool.limit[level, :, market].T).any(axis=0)
    return outlier


def log_odds_of(probability: FloatArray, counts: BoolArray) -> FloatArray:
    """λ = ln(p/(1 − p)) of `probability` (…, n, b, m); 0 for books that do not count (…, 1, b, m), whose p may be
    anything."""
    p = np.where(counts, probability, 0.5)
    log_odds: FloatArray = np.log(p / (1.0 - p))
    return log_odds


def pooled_probability(log_odds: FloatArray, share: FloatArray, drawn_in: FloatArray, target: float) -> FloatArray:
    """Mean of `log_odds` (q, n, b, m) by `share` (l, b, m) and `drawn_in` (l, n, m), back to probabilities that sum to
    `target`: (q, l, n, m).

    NaN where nothing has a share, and where for a target other than 1 the division would bring a probability to 1.
    """
    p = _mean(log_odds, share)  # (n, q, m, l)
    p += drawn_in.transpose(1, 2, 0)[:, np.newaxis]
    np.negative(p, out=p)
    np.exp(p, out=p)
    p += 1.0
    np.divide(1.0, p, out=p)
    p *= target / over_outcomes(p)
    unusable = np.add.reduce(share.transpose(1, 2, 0), axis=0) == 0.0
    if target != 1.0:
        unusable = unusable | (p >= 1.0).any(axis=0)
    if np.count_nonzero(unusable):
        p = np.where(unusable, np.nan, p)
    return p.transpose(1, 3, 0, 2)


def _mean(log_odds: FloatArray, share: FloatArray) -> FloatArray:
    """Σ over books of `share` (l, b, m) · `log_odds` (q, n, b, m): (n, q, m, l)."""
    methods, outcomes, books, markets = log_odds.shape
    # A product of two matrices for each market: for few markets a tenth of the time of other ways, for many no more.
    rows = log_odds.reshape(-1, books, markets)
    by_market = np.matmul(rows.transpose(2, 0, 1), share.transpose(2, 1, 0))  # (m, q·n, l)
    return np.ascontiguousarray(by_market.reshape(markets, methods, outcomes, -1).transpose(2, 1, 0, 3))
