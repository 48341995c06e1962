"""Devig: from the implied probabilities of one bookmaker's complete market to its fair probabilities.

One call takes a group of markets with the same number of outcomes as an outcome-major array (n_outcomes, n_markets)
and works through it in chunks that stay in the processor's second-level cache. Nothing is repaired on the way: a market
that cannot be devigged says why in its status.
"""

import enum
from collections.abc import Iterable, Mapping
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
    _checked_shape(implied, target)
    if method is Method.WORST_CASE:
        return _worst_case(implied, target)
    return devig_each(implied, (method,), target)[method]


def devig_each(implied: FloatArray, methods: Iterable[Method], target: float = 1.0) -> dict[Method, Devigged]:
    """The same by several models, without asking for each anew which markets have a margin to take out.

    ValueError: as :func:`devig`; KeyError: `Method.WORST_CASE`, which is no model.
    """
    outcomes, markets = _checked_shape(implied, target)
    size = max(_LEAST_MARKETS, _CHUNK_QUOTES // outcomes)
    if markets <= size:
        chunk = _Chunk(np.ascontiguousarray(implied), target)
        return {method: _finished(implied, chunk.by(method), target) for method in methods}
    whole = {method: _empty(method, implied.shape) for method in methods}
    left: dict[Method, BoolArray] = {method: np.zeros(markets, dtype=np.bool_) for method in whole}
    for begin in range(0, markets, size):
        part = slice(begin, begin + size)
        chunk = _Chunk(np.ascontiguousarray(implied[:, part]), target)
        for method, into in whole.items():
            one = chunk.by(method)
            into.probability[:, part], into.parameter[part] = one.devigged.probability, one.devigged.parameter
            into.overround[part], into.status[part] = chunk.overround, one.devigged.status
            if one.left is not None:
                left[method][part] = one.left
    return {method: _finished(implied, _Part(whole[method], left[method]), target) for method in whole}


def _checked_shape(implied: FloatArray, target: float) -> tuple[int, int]:
    if implied.ndim != 2 or implied.shape[0] < 2:
        raise ValueError(f"implied must have the shape (n_outcomes >= 2, n_markets), got {implied.shape}")
    outcomes, markets = implied.shape
    require_target(target, outcomes)
    return outcomes, markets


class _Part(NamedTuple):
    """`left` (m,): the markets that are to be solved anew, because they take their method longer than the others."""

    devigged: Devigged
    left: BoolArray | None


def _finished(implied: FloatArray, part: _Part, target: float) -> Devigged:
    """With what is left solved, in place."""
    whole, left = part
    if left is not None and left.any():
        apart = devig(implied[:, left], whole.method, target)
        whole.probability[:, left] = apart.probability
        whole.parameter[left], whole.status[left] = apart.parameter, apart.status
    return whole


def _empty(method: Method, shape: tuple[int, ...]) -> Devigged:
    markets = shape[1]
    return Devigged(method, np.empty(shape), np.empty(markets), np.empty(markets), np.empty(markets, dtype=np.int8))


def _worst_case(implied: FloatArray, target: float) -> Devigged:
    """The lowest fair probability of every outcome over the models that have a fair answer (status OK)."""
    by_model = devig_each(implied, DISTINCT_MODELS, target)
    bound = by_model[Method.MULTIPLICATIVE]
    lowest = np.where(bound.status == DevigStatus.OK, bound.probability, np.nan)
    status = bound.status.copy()
    for other in by_model.values():
        fair = other.status == DevigStatus.OK
        np.fmin(lowest, other.probability, out=lowest, where=fair)
        status[fair] = DevigStatus.OK
    return Devigged(Method.WORST_CASE, lowest, np.full(status.shape, np.nan), bound.overround, status)


class _Chunk:
    """Markets to be devigged by one method or several: which of them have a margin to take out is found once."""

    def __init__(self, r: FloatArray, target: float) -> None:
        self._target = target
        total = np.add.reduce(r, axis=0)
        self.overround = total - target
        # Three numbers tell whether every market of the chunk has a margin to take out: the usual case, without masks.
        if r.min() >= _SMALLEST and r.max() <= 1.0 - _SMALLEST and self.overround.min() > EXACT_SUM:
            self._r, self._total, self._columns = r, total, None
            return
        complete = ((r >= _SMALLEST) & (r <= 1.0 - _SMALLEST)).all(axis=0)
        self.overround = np.where(complete, self.overround, np.nan)
        self._columns = np.flatnonzero(complete & (self.overround > EXACT_SUM))
        fair = complete & (np.abs(self.overround) <= EXACT_SUM)
        self._fair = fair if fair.any() else None
        self._as_they_stand = np.where(fair, r, np.nan)
        status = np.where(complete, DevigStatus.NO_OVERROUND, DevigStatus.INCOMPLETE).astype(np.int8)
        status[fair] = DevigStatus.OK
        self._status = status
        self._r = np.ascontiguousarray(r[:, self._columns])
        self._total = np.add.reduce(self._r, axis=0)

    def by(self, method: Method) -> _Part:
        if self._columns is None:
            return self._solved(method)
        probability, status = self._as_they_stand.copy(), self._status.copy()
        parameter = np.full(status.shape, np.nan)
        if self._fair is not None:
            parameter[self._fair] = _NEUTRAL_PARAMETER[method]
        left = None
        if self._columns.size:
            solved, solved_left = self._solved(method)
            probability[:, self._columns] = solved.probability
            parameter[self._columns], status[self._columns] = solved.parameter, solved.status
            if solved_left is not None:
                left = np.zeros(status.shape, dtype=np.bool_)
                left[self._columns] = solved_left
        return _Part(Devigged(method, probability, parameter, self.overround, status), left)

    def _solved(self, method: Method) -> _Part:
        """The markets that have a margin to take out."""
        result = _MODELS[method](self._r, self._total, self._target)
        status = _verdict(result, self._target)
        if result.converged is not None and (status == DevigStatus.NOT_CONVERGED).any():
            _forget(result, status)
        return _Part(Devigged(method, result.probability, result.parameter, self.overround, status), result.left)


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
