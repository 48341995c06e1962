"""The fair price of a group of markets: devig per book, pool, leave one out, band — in one call.

The same composition serves a batch and a single market: a market's numbers do not depend on its neighbours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray, IntArray, StatusArray, require_target
from bet_intel.odds.band import Band, band
from bet_intel.odds.devig import DISTINCT_MODELS, DevigStatus, Method, devig_stacked
from bet_intel.odds.pooling import (
    Pool,
    log_odds_of,
    pooled_probability,
    unmargined_outliers,
)
from bet_intel.odds.weighing import (
    DEFAULT_RULE,
    PoolingRule,
    weigh,
    weights_with_and_without_each,
    with_and_without_each,
)

# What the worst case pools, weighs and finds outliers by: it bounds models and is none itself.
_WORST_CASE_POOL = Method.POWER
_WITHOUT_EACH = slice(1, None)
# As numbers: members of an enumeration are looked up by a function of it.
_OK, _NO_OVERROUND, _NEGATIVE = int(DevigStatus.OK), int(DevigStatus.NO_OVERROUND), int(DevigStatus.NEGATIVE)
_INCOMPLETE = int(DevigStatus.INCOMPLETE)


class FairPrices(NamedTuple):
    """Fair prices of m markets of n outcomes, from b books.

    devigged (n, b, m): per book by `method`; NaN unless its status is OK or NEGATIVE. parameter, overround, status
    (b, m): as in :class:`Devigged`, overround being Σr − target. Only books with status OK and a weight above 0 are
    pooled; `consensus.share` says how much each counted.
    """

    method: Method
    devigged: FloatArray
    parameter: FloatArray
    overround: FloatArray
    status: StatusArray
    consensus: Pool
    leave_one_out: Pool
    consensus_band: Band
    leave_one_out_band: Band


class DeviggedBooks(NamedTuple):
    """m markets of n outcomes, from b books, devigged by each of `methods`: what no weight of a book changes.

    probability (q, n, b, m), and status (q, b, m): as in :class:`Devigged`, by the place of each method. parameter,
    overround (b, m): by the first method. log_odds (q, n, b, m): 0 where the status is not OK. implied (n, b, m): what
    was devigged.
    """

    methods: tuple[Method, ...]
    target: float
    probability: FloatArray
    parameter: FloatArray
    overround: FloatArray
    status: StatusArray
    log_odds: FloatArray
    implied: FloatArray


def fair_prices(
    implied: FloatArray,
    weight: FloatArray,
    *,
    is_mid: BoolArray | None = None,
    method: Method = Method.POWER,
    band_methods: Sequence[Method] = DISTINCT_MODELS,
    rule: PoolingRule = DEFAULT_RULE,
    target: float = 1.0,
    counted_as: IntArray | None = None,
) -> FairPrices:
    """Fair prices from `implied` (n, b, m) = 1/price with NaN for what is missing, and `weight` (b, m) ≥ 0.

    A weight of 0 shows a book without using it (a stale one, say). Where `is_mid` (b, m) the column is the mid of back
    and lay of an exchange: it carries no margin and is only brought to the target by division, whatever its sum. Any
    other book without overround is reported (NO_OVERROUND) and not pooled; far from the pool it is an outlier as well.
    `band_methods` are the methods of the band; `method` always takes part in it. By `Method.WORST_CASE` books are
    pooled by power, and every probability of a book or a pool is then the lowest over the band's methods: it sums to
    less than the target. `counted_as` (b, m) says which book stands for each, where several are one under other
    names: that one is left out with it; of the others the weight is to be 0. ValueError: shapes that do not fit, a
    weight that is negative or not finite.
    """
    books = devigged_books(implied, is_mid=is_mid, method=method, band_methods=band_methods, target=target)
    return fair_prices_of(books, weight, method=method, rule=rule, counted_as=counted_as)


def devigged_books(
    implied: FloatArray,
    *,
    is_mid: BoolArray | None = None,
    method: Method = Method.POWER,
    band_methods: Sequence[Method] = DISTINCT_MODELS,
    target: float = 1.0,
) -> DeviggedBooks:
    """The part of :func:`fair_prices` that no weight has to do with, for one or several calls of
    :func:`fair_prices_of`; arguments and errors as there."""
    if implied.ndim != 3 or implied.shape[0] < 2:
        raise ValueError(f"implied must have the shape (n_outcomes >= 2, n_books, n_markets), got {implied.shape}")
    outcomes, books, markets = implied.shape
    require_target(target, outcomes)
    if is_mid is not None and is_mid.shape != (books, markets):
        raise ValueError(f"is_mid must have the shape (n_books, n_markets) = {(books, markets)}, got {is_mid.shape}")

    methods = dict.fromkeys((_pooled_by(method), *band_methods))
    methods.pop(Method.WORST_CASE, None)
    columns = np.ascontiguousarray(implied).reshape(outcomes, books * markets)
    each = devig_stacked(columns, tuple(methods), target)
    probability, parameter, status = each.probability, each.parameter[0], each.status
    if is_mid is not None and (mids := np.flatnonzero(is_mid)).size:
        # The sum of a mid is noise around the target on either side: its margin model is division for every method.
        probability[..., mids], status[:, mids] = _scaled(columns[:, mids], status[0, mids], target)
        parameter[mids] = np.nan
    probability = probability.reshape(len(methods), *implied.shape)
    status = status.reshape(len(methods), books, markets)
    return DeviggedBooks(
        tuple(methods),
        target,
        probability,
        parameter.reshape(books, markets),
        each.overround.reshape(books, markets),
        status,
        log_odds_of(probability, (status == _OK)[:, np.newaxis]),
        implied,
    )


def fair_prices_of(
    books: DeviggedBooks,
    weight: FloatArray,
    *,
    method: Method = Method.POWER,
    rule: PoolingRule = DEFAULT_RULE,
    counted_as: IntArray | None = None,
) -> FairPrices:
    """The other part of :func:`fair_prices`: `books` of that `method`, pooled; arguments and errors as there."""
    if books.methods[0] is not _pooled_by(method):
        raise ValueError(f"books devigged by {books.methods[0]} first are not those of {method}")
    if weight.shape != books.overround.shape:
        raise ValueError(
            f"weight must have the shape (n_books, n_markets) = {books.overround.shape}, got {weight.shape}"
        )
    # The consensus and the pools without each book are so many rows of weights.
    flagged = books.status != _OK
    weights = weights_with_and_without_each(np.where(flagged[0], 0.0, weight), rule, counted_as)
    weighed = weigh(books.log_odds[0], weights, rule, books.target)
    pooled = pooled_probability(books.log_odds, weighed.share, weighed.drawn_in, books.target)
    bands = band(books.methods, pooled, flagged, weighed.share)
    probability, parameter = books.probability[0], books.parameter
    pool = Pool(pooled[0], *weighed)
    unmargined = np.where(books.status[0] == _NO_OVERROUND, weight, 0.0)
    if np.count_nonzero(unmargined):
        each = with_and_without_each(unmargined, counted_as).transpose(2, 0, 1)
        pool = pool._replace(outlier=pool.outlier | unmargined_outliers(books.implied, each, pool, rule))
    if method is Method.WORST_CASE:
        probability = np.fmin.reduce(np.where(flagged[:, np.newaxis], np.nan, books.probability))
        parameter = np.full(weight.shape, np.nan)
        pool = pool._replace(probability=bands.lowest)
    return FairPrices(
        method=method,
        devigged=probability,
        parameter=parameter,
        overround=books.overround,
        status=books.status[0],
        consensus=pool.at(0),
        leave_one_out=pool.at(_WITHOUT_EACH),
        consensus_band=bands.at(0),
        leave_one_out_band=bands.at(_WITHOUT_EACH),
    )


def _pooled_by(method: Method) -> Method:
    return _WORST_CASE_POOL if method is Method.WORST_CASE else method


def _scaled(mids: FloatArray, status: StatusArray, target: float) -> tuple[FloatArray, StatusArray]:
    """Mids of exchanges (n, k) brought to the target, and what became of them (k,)."""
    complete = status != _INCOMPLETE
    scaled = np.where(complete, mids * (target / mids.sum(axis=0)), np.nan)
    inside = (scaled < 1.0).all(axis=0)
    verdict = np.where(inside, _OK, _NEGATIVE)
    return scaled, np.where(complete, verdict, _INCOMPLETE).astype(np.int8)
