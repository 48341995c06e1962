"""Devig: from the implied probabilities of one bookmaker's complete market to its fair probabilities.

One call takes a group of markets with the same number of outcomes as an outcome-major array (n_outcomes, n_markets)
and works through it in chunks that stay in the processor's caches. Nothing is repaired on the way: a market that cannot
be devigged says why in its status.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np

from bet_intel.odds import margin
from bet_intel.odds.arrays import BoolArray, FloatArray, IntArray, StatusArray, over_outcomes, require_target

# Of a chunk. A step to the root takes some sixty operations on a number of each market: few markets, and the calls cost
# more than the work; many, and what is read again and again lies in the third-level cache.
_QUOTES, _MARKETS = 196_608, 32_768
EXACT_SUM = 1e-12
SMALLEST = 1e-12  # prices above 10¹² or below 1 + 10⁻¹² are not prices, and their squares leave the number range


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


# As numbers: an enumeration's members are looked up by a function of it.
_OK, _NO_OVERROUND, _NEGATIVE, _INCOMPLETE, _NOT_CONVERGED = (np.int8(status) for status in DevigStatus)

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

NEUTRAL_PARAMETER: Mapping[Method, float] = MappingProxyType(
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


PARAMETER_NAMES: Mapping[Method, str] = MappingProxyType(
    {
        Method.ADDITIVE: "margin_per_outcome",
        Method.POWER: "k",
        Method.SHIN: "z",
        Method.ODDS_RATIO: "c",
        Method.LOGARITHMIC: "ln c",
        Method.PROBIT: "c",
        Method.GOTO: "s",
    }
)
"""By which name the parameter of a method is shown; none where it has no parameter."""


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
    each = devig_stacked(implied, tuple(methods), target)
    return {method: each.of(place) for place, method in enumerate(each.methods)}


@dataclass(frozen=True, slots=True)
class DeviggedEach:
    """The same m markets by q methods: probability (q, n, m), parameter and status (q, m), overround (m,), each as in
    :class:`Devigged`, by the place of each method."""

    methods: tuple[Method, ...]
    probability: FloatArray
    parameter: FloatArray
    overround: FloatArray
    status: StatusArray

    @classmethod
    def empty(cls, methods: tuple[Method, ...], outcomes: int, markets: int) -> Self:
        """Of as many outcomes and markets, to be filled in."""
        shape = len(methods), markets
        probability = np.empty((len(methods), outcomes, markets))
        return cls(methods, probability, np.empty(shape), np.empty(markets), np.empty(shape, dtype=np.int8))

    def of(self, place: int) -> Devigged:
        probability, parameter, status = self.probability[place], self.parameter[place], self.status[place]
        return Devigged(self.methods[place], probability, parameter, self.overround, status)

    def part(self, markets: slice) -> Self:
        """Some of the markets, as views."""
        return type(self)(
            self.methods,
            self.probability[..., markets],
            self.parameter[:, markets],
            self.overround[markets],
            self.status[:, markets],
        )


def devig_stacked(implied: FloatArray, methods: tuple[Method, ...], target: float = 1.0) -> DeviggedEach:
    """:func:`devig_each` with the methods on an axis in front."""
    outcomes, markets = _checked_shape(implied, target)
    # In another layout sums over outcomes cost twice as much, and single precision has too few digits.
    implied = np.ascontiguousarray(implied, dtype=np.float64)
    whole = DeviggedEach.empty(methods, outcomes, markets)
    left: dict[int, list[IntArray]] = {}
    size = max(1, min(_QUOTES // outcomes, _MARKETS))
    for begin in range(0, markets, size):
        for place, columns in _devig_chunk(implied, whole, slice(begin, begin + size), target):
            left.setdefault(place, []).append(columns)
    for place, found in left.items():
        columns = np.concatenate(found)
        apart, one = devig(implied.take(columns, axis=1), methods[place], target), whole.of(place)
        one.probability[:, columns] = apart.probability
        one.parameter[columns], one.status[columns] = apart.parameter, apart.status
    return whole


def _checked_shape(implied: FloatArray, target: float) -> tuple[int, int]:
    if implied.ndim != 2 or implied.shape[0] < 2:
        raise ValueError(f"implied must have the shape (n_outcomes >= 2, n_markets), got {implied.shape}")
    outcomes, markets = implied.shape
    require_target(target, outcomes)
    return outcomes, markets


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


def _devig_chunk(
    implied: FloatArray, whole: DeviggedEach, part: slice, target: float
) -> Iterator[tuple[int, IntArray]]:
    """Devig the markets `part`, into `whole`. Yields the place of a method and the markets that take it longer than the
    others: these are to be solved anew, as a batch of their own."""
    r = implied[:, part]
    into = whole.part(part)
    total = over_outcomes(r)
    np.subtract(total, target, out=into.overround)
    # Three numbers tell whether every market of the chunk has a margin to take out: then without masks.
    if r.min() >= SMALLEST and r.max() <= 1.0 - SMALLEST and into.overround.min() > EXACT_SUM:
        for place, left in _solve(r, total, target, into):
            yield place, part.start + left
        return
    complete = (np.minimum.reduce(r, axis=0) >= SMALLEST) & (np.maximum.reduce(r, axis=0) <= 1.0 - SMALLEST)
    margined = complete & (into.overround > EXACT_SUM)
    if 2 * np.count_nonzero(margined) > margined.size:
        # To solve something in place of the few others costs less than to pick out the many.
        solvable = np.where(margined, r, _slight_margin(len(r), target))
        for place, left in _solve(solvable, over_outcomes(solvable), target, into):
            yield place, part.start + left
    elif (columns := margined.nonzero()[0]).size:
        solved = DeviggedEach.empty(whole.methods, len(r), columns.size)
        for place, left in _solve(r.take(columns, axis=1), total.take(columns), target, solved):
            yield place, part.start + columns[left]
        into.probability[..., columns] = solved.probability
        into.parameter[:, columns] = solved.parameter
        into.status[:, columns] = solved.status
    _settle_unmargined(r, complete, ~margined, into)


def _slight_margin(outcomes: int, target: float) -> float:
    """An implied probability that leaves a usual margin where all of them are that."""
    fair = target / outcomes
    return min(1.02 * fair, 0.5 * (fair + 1.0))


def _settle_unmargined(r: FloatArray, complete: BoolArray, unmargined: BoolArray, into: DeviggedEach) -> None:
    """What becomes of the `unmargined` markets (m,), which have no margin to take out or are not `complete`. Methods
    differ in nothing but the parameter of those that are fair as they stand."""
    np.copyto(into.overround, np.nan, where=~complete)
    np.copyto(into.status, np.where(complete, _NO_OVERROUND, _INCOMPLETE), where=unmargined)
    np.copyto(into.probability, np.nan, where=unmargined)
    np.copyto(into.parameter, np.nan, where=unmargined)
    fair = unmargined & (into.overround >= -EXACT_SUM)
    if np.count_nonzero(fair):
        into.status[:, fair] = _OK
        into.probability[..., fair] = r[:, fair]
        into.parameter[:, fair] = [[NEUTRAL_PARAMETER[method]] for method in into.methods]


def _solve(r: FloatArray, total: FloatArray, target: float, into: DeviggedEach) -> Iterator[tuple[int, IntArray]]:
    """Devig markets that all have a margin to take out; yields as :func:`_devig_chunk`."""
    results = []
    for place, method in enumerate(into.methods):
        result = _MODELS[method](r, total, target, into.probability[place])
        into.parameter[place] = result.parameter
        results.append(result)
        if result.left is not None:
            columns = result.left.nonzero()[0]
            result.probability[:, columns] = target / len(r)  # until then: nothing that the checks below would find
            yield place, columns
    if _all_fair(results, into.probability, target):
        into.status.fill(_OK)
        return
    for place, result in enumerate(results):
        into.status[place] = _verdict(result.converged, into.of(place), target)


def _all_fair(results: Sequence[margin.FairColumns], p: FloatArray, target: float) -> bool:
    """Whether every market is OK by every method: the usual case, asked for all of them at once."""
    if not p.min() > 0.0:
        return False
    for place, result in enumerate(results):
        if result.converged is not None and not (result.converged.all() and _sums_to(target, p[place]).all()):
            return False
    return target == 1.0 or bool(p.max() < 1.0)  # what is above 0 and sums to 1 is below it


def _sums_to(target: float, p: FloatArray) -> BoolArray:
    """Whether `p` (n, m) sum to the target: (m,)."""
    off = over_outcomes(p)
    off -= target
    sums: BoolArray = np.abs(off, out=off) <= EXACT_SUM * len(p)
    return sums


def _verdict(converged: BoolArray | None, one: Devigged, target: float) -> StatusArray:
    """The status of each market. The numbers of one whose equation was not solved are blanked: they are not fair
    probabilities."""
    p = one.probability
    if converged is None:
        return np.where((p > 0.0).all(axis=0), _OK, _NEGATIVE).astype(np.int8)
    solved = converged & _sums_to(target, p)
    inside = ((p > 0.0) & (p < 1.0)).all(axis=0)
    status = np.where(solved, np.where(inside, _OK, _NEGATIVE), _NOT_CONVERGED).astype(np.int8)
    unsolved = ~solved
    if np.count_nonzero(unsolved):
        p[:, unsolved] = np.nan
        one.parameter[unsolved] = np.nan
    return status
