"""Devig: from the implied probabilities of one bookmaker's complete market to its fair probabilities.

One call takes a group of markets with the same number of outcomes as an outcome-major array (n_outcomes, n_markets)
and works through it in chunks that stay in the processor's second-level cache. Nothing is repaired on the way: a market
that cannot be devigged says why in its status.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from bet_intel.odds import margin
from bet_intel.odds.arrays import FloatArray, IntArray, StatusArray, require_target

CHUNK_MARKETS = 4096
EXACT_SUM = 1e-12
_SMALLEST = 1e-12  # prices above 10¹² or below 1 + 10⁻¹² are not prices, and their squares leave the number range


class Method(enum.StrEnum):
    """How a bookmaker is taken to have spread its margin over the outcomes."""

    MULTIPLICATIVE = "multiplicative"
    ADDITIVE = "additive"
    POWER = "power"
    SHIN = "shin"
    ODDS_RATIO = "odds_ratio"
    PROBIT = "probit"
    GOTO = "goto"


class DevigStatus(enum.IntEnum):
    """What became of one market of one book.

    OK: fair probabilities in (0, 1) that sum to the target.
    NO_OVERROUND: Σr is below the target; there is no margin to take out, probabilities are NaN.
    NEGATIVE: the formula left (0, 1) (additive and goto on long shots); the raw numbers are kept, not clipped.
    INCOMPLETE: a price is missing (NaN), or an implied probability is not strictly between 0 and 1.
    NOT_CONVERGED: the equation of the method has no root for these prices, or none was found.
    """

    OK = 0
    NO_OVERROUND = 1
    NEGATIVE = 2
    INCOMPLETE = 3
    NOT_CONVERGED = 4


_MODELS: Mapping[Method, margin.MarginModel] = MappingProxyType(
    {
        Method.MULTIPLICATIVE: margin.multiplicative,
        Method.ADDITIVE: margin.additive,
        Method.POWER: margin.power,
        Method.SHIN: margin.shin,
        Method.ODDS_RATIO: margin.odds_ratio,
        Method.PROBIT: margin.probit,
        Method.GOTO: margin.goto,
    }
)

_NEUTRAL_PARAMETER: Mapping[Method, float] = MappingProxyType(
    {
        Method.MULTIPLICATIVE: np.nan,
        Method.ADDITIVE: 0.0,
        Method.POWER: 1.0,
        Method.SHIN: 0.0,
        Method.ODDS_RATIO: 1.0,
        Method.PROBIT: 0.0,
        Method.GOTO: 0.0,
    }
)


@dataclass(frozen=True, slots=True)
class Devigged:
    """The result of :func:`devig` for m markets of n outcomes.

    probability (n, m): NaN unless the status is OK or NEGATIVE. parameter (m,): the method's own (k, z, c, step), NaN
    where it has none or nothing was computed. overround (m,): Σr − target, NaN where INCOMPLETE. status (m,): int8
    values of :class:`DevigStatus`.
    """

    method: Method
    probability: FloatArray
    parameter: FloatArray
    overround: FloatArray
    status: StatusArray


def devig(implied: FloatArray, method: Method = Method.POWER, target: float = 1.0) -> Devigged:
    """Fair probabilities of the markets in the columns of `implied` (n, m), which are 1/price, margin included.

    `target` is how many outcomes win: 1 for a winner, 2 where two reach the final. A market whose Σr equals the target
    to 1e-12 is fair as it stands: p = r, status OK. ValueError: not two-dimensional, fewer than two outcomes, or a
    target that n probabilities cannot sum to.
    """
    if implied.ndim != 2 or implied.shape[0] < 2:
        raise ValueError(f"implied must have the shape (n_outcomes >= 2, n_markets), got {implied.shape}")
    outcomes, markets = implied.shape
    require_target(target, outcomes)

    complete = ((implied >= _SMALLEST) & (implied <= 1.0 - _SMALLEST)).all(axis=0)
    overround = np.where(complete, implied.sum(axis=0) - target, np.nan)
    probability = np.full(implied.shape, np.nan)
    parameter = np.full(markets, np.nan)
    status = np.where(complete, DevigStatus.NO_OVERROUND, DevigStatus.INCOMPLETE).astype(np.int8)

    fair = complete & (np.abs(overround) <= EXACT_SUM)
    probability[:, fair] = implied[:, fair]
    parameter[fair] = _NEUTRAL_PARAMETER[method]
    status[fair] = DevigStatus.OK

    columns = np.flatnonzero(complete & (overround > EXACT_SUM))
    model = _MODELS[method]
    for begin in range(0, columns.size, CHUNK_MARKETS):
        chunk = _as_slice(columns[begin : begin + CHUNK_MARKETS])
        result = model(np.ascontiguousarray(implied[:, chunk]), target)
        probability[:, chunk] = result.probability
        parameter[chunk] = result.parameter
        status[chunk] = _verdict(result, target)
    _forget(probability, parameter, status)
    return Devigged(method, probability, parameter, overround, status)


def _as_slice(columns: IntArray) -> IntArray | slice:
    """Neighbouring columns as a slice: an array is copied by slices far faster than by indices."""
    first, last = int(columns[0]), int(columns[-1])
    return slice(first, last + 1) if last - first + 1 == columns.size else columns


def _verdict(result: margin.FairColumns, target: float) -> StatusArray:
    p = result.probability
    inside = ((p > 0.0) & (p < 1.0)).all(axis=0)
    solved = result.converged & (np.abs(p.sum(axis=0) - target) <= EXACT_SUM * p.shape[0])
    verdict = np.where(inside, DevigStatus.OK, DevigStatus.NEGATIVE)
    return np.where(solved, verdict, DevigStatus.NOT_CONVERGED).astype(np.int8)


def _forget(probability: FloatArray, parameter: FloatArray, status: StatusArray) -> None:
    """Blank the numbers of markets whose equation was not solved, in place: they are not fair probabilities."""
    unsolved = status == DevigStatus.NOT_CONVERGED
    probability[:, unsolved] = np.nan
    parameter[unsolved] = np.nan
