"""The scalar twin of :func:`bet_intel.odds.devig`: one market in plain floats, for whoever asks about one or two.

The models are those of `bet_intel.odds.margin`, whose sources hold here too; the equations are solved by Newton's
method within a bracket. Neither is an approximation of the other: both agree to 1e-15 (a test compares them). For one
market of two or three outcomes arrays take about ten times as long to begin as this takes in all; from a few markets on
they are the faster ones.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import NormalDist
from types import MappingProxyType
from typing import NamedTuple

from bet_intel.odds.arrays import require_target
from bet_intel.odds.devig import DISTINCT_MODELS, EXACT_SUM, NEUTRAL_PARAMETER, SMALLEST, DevigStatus, Method

_STEPS = 200
_SETTLED = 2e-16
_NORMAL = NormalDist()
_ROOT_2, _ROOT_2_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)


class DeviggedMarket(NamedTuple):
    """One market's fair probabilities by `method`, and what became of it, each as in :class:`bet_intel.odds.Devigged`:
    probabilities are NaN unless the status is OK or NEGATIVE."""

    method: Method
    probability: tuple[float, ...]
    parameter: float
    overround: float
    status: DevigStatus


class MethodBand(NamedTuple):
    """The lowest and the highest fair probability of an outcome over several methods."""

    lowest: float
    highest: float


class _Solved(NamedTuple):
    """Probabilities and the parameter; `converged`: None for a closed form, which always has them."""

    probability: Sequence[float]
    parameter: float
    converged: bool | None = None


def devig_market(implied: Sequence[float], method: Method = Method.POWER, target: float = 1.0) -> DeviggedMarket:
    """Fair probabilities of one market from its implied ones, 1/price, margin included.

    ValueError: fewer than two outcomes, or a target that so many probabilities cannot sum to.
    """
    if len(implied) < 2:
        raise ValueError(f"implied must have two outcomes or more, got {len(implied)}")
    require_target(target, len(implied))
    if method is Method.WORST_CASE:
        return _worst_case(implied, target)
    if not all(SMALLEST <= r <= 1.0 - SMALLEST for r in implied):
        return _without(implied, method, math.nan, DevigStatus.INCOMPLETE)
    overround = sum(implied) - target
    if overround < -EXACT_SUM:
        return _without(implied, method, overround, DevigStatus.NO_OVERROUND)
    if overround <= EXACT_SUM:
        return DeviggedMarket(method, tuple(implied), NEUTRAL_PARAMETER[method], overround, DevigStatus.OK)
    solved = _MODELS[method](implied, target)
    p = tuple(solved.probability)
    sums = solved.converged is None or (solved.converged and abs(sum(p) - target) <= EXACT_SUM * len(p))
    if not sums:
        return _without(implied, method, overround, DevigStatus.NOT_CONVERGED)
    status = DevigStatus.OK if all(0.0 < one < 1.0 for one in p) else DevigStatus.NEGATIVE
    return DeviggedMarket(method, p, solved.parameter, overround, status)


def bands(found: Iterable[DeviggedMarket]) -> list[MethodBand]:
    """For each outcome the lowest and the highest probability over those of `found` that are OK; none where none is."""
    usable = [one.probability for one in found if one.status is DevigStatus.OK]
    return [MethodBand(min(each), max(each)) for each in zip(*usable, strict=True)]


def _without(implied: Sequence[float], method: Method, overround: float, status: DevigStatus) -> DeviggedMarket:
    return DeviggedMarket(method, (math.nan,) * len(implied), math.nan, overround, status)


def _worst_case(implied: Sequence[float], target: float) -> DeviggedMarket:
    found = [devig_market(implied, method, target) for method in DISTINCT_MODELS]
    lowest = bands(found)
    if not lowest:
        return found[0]._replace(method=Method.WORST_CASE)
    p = tuple(one.lowest for one in lowest)
    return DeviggedMarket(Method.WORST_CASE, p, math.nan, found[0].overround, DevigStatus.OK)


class _Root(NamedTuple):
    at: float
    converged: bool


def _falling_root(equation: Callable[[float], tuple[float, float]], low: float, high: float) -> _Root:
    """The root of a function, told with its slope, that is above 0 at `low`, falls from there, and is at or below 0 at
    `high`, which may be infinite."""
    x = low
    for _ in range(_STEPS):
        value, slope = equation(x)
        if value > 0.0:
            low = max(low, x)
        elif value < 0.0:
            high = min(high, x)
        else:
            return _Root(x, slope < 0.0)
        step = value / slope if slope < 0.0 else math.inf
        if abs(step) <= _SETTLED * (1.0 + abs(x)):
            return _Root(x - step, True)
        x -= step
        if not low < x < high:
            x = 0.5 * (low + high) if math.isfinite(high) else 2.0 * low + 1.0
        if x in (low, high):  # no number lies between: which of both is rounding noise
            return _Root(x, True)
    return _Root(x, False)


def _multiplicative(r: Sequence[float], target: float) -> _Solved:
    scale = target / sum(r)
    return _Solved([one * scale for one in r], math.nan)


def _additive(r: Sequence[float], target: float) -> _Solved:
    step = (sum(r) - target) / len(r)
    return _Solved([one - step for one in r], step)


def _power(r: Sequence[float], target: float) -> _Solved:
    logs = [math.log(one) for one in r]

    def equation(k: float) -> tuple[float, float]:
        """Of ln(Σp/T), which is convex: Newton's method comes from the left and never passes the root."""
        p = [math.exp(k * log) for log in logs]
        total = sum(p)
        return math.log(total / target), sum(map(float.__mul__, p, logs)) / total

    root = _falling_root(equation, 1.0, math.inf)
    return _Solved([math.exp(root.at * log) for log in logs], root.at, root.converged)


def _shin(r: Sequence[float], target: float) -> _Solved:
    scaled = [one / target for one in r]
    total, n = sum(scaled), len(r)
    if n == 2:
        apart = (scaled[0] - scaled[1]) ** 2
        z = (total - 1.0) * (total - apart) / (total * (1.0 - apart)) if apart != 1.0 else math.inf
        return _Solved(_additive(r, target).probability, z)
    weights = [one * one / total for one in scaled]

    def equation(z: float) -> tuple[float, float]:
        halved = [math.sqrt(0.25 * z * z + (1.0 - z) * weight) for weight in weights]
        slope = sum((0.5 * z - weight) / v for weight, v in zip(weights, halved, strict=True))
        return 2.0 * sum(halved) - (n - 2) * z - 2.0, slope - (n - 2)

    root = _falling_root(equation, 0.0, 1.0)
    z = root.at
    p = [target * weight / (math.sqrt(0.25 * z * z + (1.0 - z) * weight) + 0.5 * z) for weight in weights]
    return _Solved(p, z, root.converged)


def _odds_ratio(r: Sequence[float], target: float) -> _Solved:
    def fair(c: float) -> list[float]:
        return [one / (one + c * (1.0 - one)) for one in r]

    if len(r) == 2 and target == 1.0:
        c = math.sqrt(r[0] * r[1] / ((1.0 - r[0]) * (1.0 - r[1])))
        return _Solved(fair(c), c)

    def equation(c: float) -> tuple[float, float]:
        p = fair(c)
        return sum(p) - target, -sum(one * (1.0 - one) for one in p) / c

    root = _falling_root(equation, 1.0, math.inf)
    return _Solved(fair(root.at), root.at, root.converged)


def _logarithmic(r: Sequence[float], target: float) -> _Solved:
    by_ratio = _odds_ratio(r, target)
    return by_ratio._replace(parameter=math.log(by_ratio.parameter))


def _probit(r: Sequence[float], target: float) -> _Solved:
    quantiles = [_NORMAL.inv_cdf(one) for one in r]

    def fair(c: float) -> list[float]:
        return [0.5 * math.erfc((c - quantile) / _ROOT_2) for quantile in quantiles]

    if len(r) == 2 and target == 1.0:
        c = 0.5 * sum(quantiles)
        return _Solved(fair(c), c)

    def equation(c: float) -> tuple[float, float]:
        densities = (math.exp(-0.5 * (quantile - c) ** 2) / _ROOT_2_PI for quantile in quantiles)
        return sum(fair(c)) - target, -sum(densities)

    # Where even the likeliest outcome is down to T/n the sum is at or below T.
    high = max(quantiles) - _NORMAL.inv_cdf(target / len(r))
    root = _falling_root(equation, 0.0, math.nextafter(high, math.inf))
    return _Solved(fair(root.at), root.at, root.converged)


def _goto(r: Sequence[float], target: float) -> _Solved:
    errors = [math.sqrt(1.0 - one) for one in r]
    step = (sum(r) - target) / sum(errors)
    return _Solved([one - step * error for one, error in zip(r, errors, strict=True)], step)


_MODELS: Mapping[Method, Callable[[Sequence[float], float], _Solved]] = MappingProxyType(
    {
        Method.MULTIPLICATIVE: _multiplicative,
        Method.ADDITIVE: _additive,
        Method.POWER: _power,
        Method.SHIN: _shin,
        Method.ODDS_RATIO: _odds_ratio,
        Method.LOGARITHMIC: _logarithmic,
        Method.PROBIT: _probit,
        Method.GOTO: _goto,
    }
)
