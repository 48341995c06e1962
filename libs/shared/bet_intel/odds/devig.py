"""Devig: from the implied probabilities of one bookmaker's complete market to its fair probabilities.

One call takes a group of markets with the same number of outcomes as an outcome-major array (n_outcomes, n_markets)
and works through it in chunks that stay in the processor's second-level cache. Nothing is repaired on the way: a market
that cannot be devigged says why in its status.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from bet_intel.odds import margin
from bet_intel.odds.arrays import BoolArray, FloatArray, StatusArray, require_target

_CHUNK_QUOTES = 32_768
_LEAST_MARKETS = 256
EXACT_SUM = 1e-12
_SMALLEST = 1e-12  # prices above 10¹² or below 1 + 10⁻¹² are not prices, and their squares leave the number range


class Method(enum.StrEnum):
    """How a bookmaker is taken to have spread its margin over the outcomes.

    WORST_CASE is no model of that but a bound on all of them: the lowest fair probability of each outcome over the
    models. Its probabilities sum to less than the target.
    """

    MULTIPLICATIVE = "multiplicative"
    ADDITIVE = "additive"
    POWER = "power"
    SHIN = "shin"
    ODDS_RATIO = "odds_ratio"
    LOGARITHMIC = "logarithmic"
    PROBIT = "probit"
    GOTO = "goto"
    WORST_CASE = "worst_case"


MODELS = tuple(method for method in Method if method is not Method.WORST_CASE)


class DevigStatus(enum.IntEnum):
    """What became of one market of one book.

    OK: fair probabilities in (0, 1) that sum to the target (those of the worst case to less).
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


# Logarithmic is odds ratio with another parameter: its probabilities add nothing to a comparison of the models.
DISTINCT_MODELS = tuple(method for method in MODELS if method is not Method.LOGARITHMIC)

_MODELS: Mapping[Method, margin.MarginModel] = MappingProxyType(
    {
        Method.MULTIPLICATIVE: margin.multiplicative,
        Method.ADDITIVE: margin.additive,
        Method.POWER: margin.power,
        Method.SHIN: margin.shin,
        Method.ODDS_RATIO: margin.odds_ratio,
        Method.LOGARITHMIC: margin.logarithmic,
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
        Method.LOGARITHMIC: 0.0,
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

    if method is Method.WORST_CASE:
        return _worst_case(implied, target)
    probability = np.empty(implied.shape)
    parameter, overround = np.empty(markets), np.empty(markets)
    status = np.empty(markets, dtype=np.int8)
    model, neutral = _MODELS[method], _NEUTRAL_PARAMETER[method]
    size = max(_LEAST_MARKETS, _CHUNK_QUOTES // outcomes)
    left = []
    for begin in range(0, markets, size):
        chunk = slice(begin, begin + size)
        one = _devig_chunk(np.ascontiguousarray(implied[:, chunk]), model, neutral, target)
        probability[:, chunk], parameter[chunk], overround[chunk], status[chunk] = one[:4]
        if one.left is not None:
            left.append(begin + np.flatnonzero(one.left))
    if left:
        columns = np.concatenate(left)
        apart = devig(implied[:, columns], method, target)
        probability[:, columns] = apart.probability
        parameter[columns], status[columns] = apart.parameter, apart.status
    return Devigged(method, probability, parameter, overround, status)


def _worst_case(implied: FloatArray, target: float) -> Devigged:
    """The lowest fair probability of every outcome over the models that have a fair answer (status OK)."""
    bound = devig(implied, Method.MULTIPLICATIVE, target)
    lowest = np.where(bound.status == DevigStatus.OK, bound.probability, np.nan)
    status = bound.status.copy()
    for method in DISTINCT_MODELS:
        other = devig(implied, method, target)
        fair = other.status == DevigStatus.OK
        np.fmin(lowest, other.probability, out=lowest, where=fair)
        status[fair] = DevigStatus.OK
    return Devigged(Method.WORST_CASE, lowest, np.full(status.shape, np.nan), bound.overround, status)


class _Chunk(NamedTuple):
    """`left`: the markets that are to be solved anew, because they take their method longer than the others."""

    probability: FloatArray
    parameter: FloatArray
    overround: FloatArray
    status: StatusArray
    left: BoolArray | None


def _devig_chunk(r: FloatArray, model: margin.MarginModel, neutral: float, target: float) -> _Chunk:
    total = r.sum(axis=0)
    overround = total - target
    # Three numbers tell whether every market of the chunk has a margin to take out: the usual case, without masks.
    if r.min() >= _SMALLEST and r.max() <= 1.0 - _SMALLEST and overround.min() > EXACT_SUM:
        result = model(r, total, target)
        status = _verdict(result, target)
        if result.converged is not None and (status == DevigStatus.NOT_CONVERGED).any():
            _forget(result, status)
        return _Chunk(result.probability, result.parameter, overround, status, result.left)

    complete = ((r >= _SMALLEST) & (r <= 1.0 - _SMALLEST)).all(axis=0)
    overround = np.where(complete, overround, np.nan)
    probability = np.full(r.shape, np.nan)
    parameter = np.full(r.shape[1], np.nan)
    status = np.where(complete, DevigStatus.NO_OVERROUND, DevigStatus.INCOMPLETE).astype(np.int8)
    fair = complete & (np.abs(overround) <= EXACT_SUM)
    probability[:, fair] = r[:, fair]
    parameter[fair] = neutral
    status[fair] = DevigStatus.OK
    columns = np.flatnonzero(complete & (overround > EXACT_SUM))
    left = None
    if columns.size:
        solved = _devig_chunk(np.ascontiguousarray(r[:, columns]), model, neutral, target)
        probability[:, columns], parameter[columns] = solved.probability, solved.parameter
        status[columns] = solved.status
        if solved.left is not None:
            left = np.zeros(r.shape[1], dtype=np.bool_)
            left[columns] = solved.left
    return _Chunk(probability, parameter, overround, status, left)


def _verdict(result: margin.FairColumns, target: float) -> StatusArray:
    p = result.probability
    if result.converged is None:
        if p.min() > 0.0:
            return np.zeros(p.shape[1], dtype=np.int8)  # DevigStatus.OK
        return np.where((p > 0.0).all(axis=0), DevigStatus.OK, DevigStatus.NEGATIVE).astype(np.int8)
    solved = result.converged & (np.abs(p.sum(axis=0) - target) <= EXACT_SUM * p.shape[0])
    if solved.all() and p.min() > 0.0 and p.max() < 1.0:
        return np.zeros(p.shape[1], dtype=np.int8)
    inside = ((p > 0.0) & (p < 1.0)).all(axis=0)
    verdict = np.where(inside, DevigStatus.OK, DevigStatus.NEGATIVE)
    return np.where(solved, verdict, DevigStatus.NOT_CONVERGED).astype(np.int8)


def _forget(result: margin.FairColumns, status: StatusArray) -> None:
    """Blank the numbers of markets whose equation was not solved, in place: they are not fair probabilities."""
    unsolved = status == DevigStatus.NOT_CONVERGED
    result.probability[:, unsolved] = np.nan
    result.parameter[unsolved] = np.nan
