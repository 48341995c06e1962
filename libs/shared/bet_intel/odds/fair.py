"""The fair price of a group of markets: devig per book, pool, leave one out, band — in one call.

The same composition serves a batch and a single market: a market's numbers do not depend on its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bet_intel.odds.arrays import BoolArray, FloatArray, StatusArray, refuse, require_target
from bet_intel.odds.band import Band, band
from bet_intel.odds.devig import DISTINCT_MODELS, Devigged, DevigStatus, Method, devig
from bet_intel.odds.pooling import DEFAULT_RULE, Pool, PoolingRule, consensus, leave_one_out

# What the worst case pools, weighs and finds outliers by: it bounds models and is none itself.
_WORST_CASE_POOL = Method.POWER


@dataclass(frozen=True, slots=True)
class FairPrices:
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


def fair_prices(
    implied: FloatArray,
    weight: FloatArray,
    *,
    is_mid: BoolArray | None = None,
    method: Method = Method.POWER,
    band_methods: Sequence[Method] = DISTINCT_MODELS,
    rule: PoolingRule = DEFAULT_RULE,
    target: float = 1.0,
) -> FairPrices:
    """Fair prices from `implied` (n, b, m) = 1/price with NaN for what is missing, and `weight` (b, m) ≥ 0.

    A weight of 0 shows a book without using it (a stale one, say). Where `is_mid` (b, m) the column is the mid of back
    and lay of an exchange: it carries no margin and is only brought to the target by division, whatever its sum. Any
    other book without overround is reported (NO_OVERROUND) and not pooled. `band_methods` are the methods of the band;
    `method` always takes part in it. By `Method.WORST_CASE` books are pooled by power, and every probability of a book
    or a pool is then the lowest over the band's methods: it sums to less than the target. ValueError: shapes that do
    not fit, a weight that is negative or not finite.
    """
    if implied.ndim != 3 or implied.shape[0] < 2:
        raise ValueError(f"implied must have the shape (n_outcomes >= 2, n_books, n_markets), got {implied.shape}")
    outcomes, books, markets = implied.shape
    require_target(target, outcomes)
    if weight.shape != (books, markets):
        raise ValueError(f"weight must have the shape (n_books, n_markets) = {(books, markets)}, got {weight.shape}")
    refuse(~(np.isfinite(weight) & (weight >= 0.0)), weight, "a book's weight must be finite and 0 or more")
    if is_mid is not None and is_mid.shape != (books, markets):
        raise ValueError(f"is_mid must have the shape (n_books, n_markets) = {(books, markets)}, got {is_mid.shape}")

    columns = np.ascontiguousarray(implied).reshape(outcomes, books * markets)
    mids = np.flatnonzero(is_mid) if is_mid is not None else np.empty(0, dtype=np.intp)
    pooled_by = _WORST_CASE_POOL if method is Method.WORST_CASE else method
    own = _devig_books(columns, mids, pooled_by, target)
    used_weight = np.where(own.status.reshape(books, markets) == DevigStatus.OK, weight, 0.0)
    probability = own.probability.reshape(implied.shape)

    over_all = consensus(probability, used_weight, rule, target)
    without = leave_one_out(probability, used_weight, rule, target)
    alternatives = []
    for other in dict.fromkeys(band_methods):
        if other not in (pooled_by, Method.WORST_CASE):
            devigged = _devig_books(columns, mids, other, target)
            fair = np.where(devigged.status == DevigStatus.OK, devigged.probability, np.nan)
            alternatives.append((other, fair.reshape(implied.shape)))
    over_all_band = band(over_all, pooled_by, alternatives, target)
    without_band = band(without, pooled_by, alternatives, target)
    if method is Method.WORST_CASE:
        usable = [np.where(own.status.reshape(books, markets) == DevigStatus.OK, probability, np.nan)]
        probability = np.fmin.reduce([*usable, *(fair for _, fair in alternatives)])
        over_all = replace(over_all, probability=over_all_band.lowest)
        without = replace(without, probability=without_band.lowest)
    return FairPrices(
        method=method,
        devigged=probability,
        parameter=np.full((books, markets), np.nan)
        if method is Method.WORST_CASE
        else own.parameter.reshape(books, markets),
        overround=own.overround.reshape(books, markets),
        status=own.status.reshape(books, markets),
        consensus=over_all,
        leave_one_out=without,
        consensus_band=over_all_band,
        leave_one_out_band=without_band,
    )


def _devig_books(columns: FloatArray, mids: npt.NDArray[np.intp], method: Method, target: float) -> Devigged:
    """Devig every column, the mids of exchanges by division alone."""
    result = devig(columns, method, target)
    if mids.size == 0:
        return result
    # The sum of a mid is noise around the target on either side: its margin model is division for every method.
    scaled = columns[:, mids]
    complete = result.status[mids] != DevigStatus.INCOMPLETE
    scaled = np.where(complete, scaled * (target / scaled.sum(axis=0)), np.nan)
    inside = (scaled < 1.0).all(axis=0)
    verdict = np.where(inside, DevigStatus.OK, DevigStatus.NEGATIVE)
    result.probability[:, mids] = scaled
    result.parameter[mids] = np.nan
    result.status[mids] = np.where(complete, verdict, DevigStatus.INCOMPLETE)
    return result
