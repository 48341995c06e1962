"""The margin models: each takes the implied probabilities of overround books and returns fair ones.

r is an outcome-major array (n, m) with 0 < r < 1 and Σr > target in every column; p, the last argument, is one of its
shape that is filled in, and then sums to the target; the parameter has shape (m,). Sources: Clarke, Kovalchik, Ingram,
"Adjusting bookmaker's odds to allow for overround", Am. J. Sports Sci. 5 (2017) (multiplicative, additive, power, Shin,
odds ratio); Cheung, "Fixed-odds betting and traditional odds" (odds ratio); Shin, "Measuring the incidence of insider
trading", Econ. J. 103 (1993) with the solution of Jullien, Salanié, Econ. J. 104 (1994); goto: margin in proportion to
the standard error of the outcome.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray, over_outcomes, product_over_outcomes
from bet_intel.odds.normal import cdf_and_density, normal_cdf, normal_density, normal_quantile
from bet_intel.odds.roots import Derivatives, falling_root

# Of more outcomes the first step mostly comes so near to the root that the third derivative costs more than it saves.
_OUTCOMES_OF_THIRD = 8
_NO_PARAMETER = np.array([np.nan])


class FairColumns(NamedTuple):
    """Fair probabilities (n, m), the model's parameter (m,), a single NaN where it has none, and whether its root was
    found (m,): None for a closed form, whose probabilities sum to the target and lie below r by their making. `left` as
    in :class:`Roots`."""

    probability: FloatArray
    parameter: FloatArray
    converged: BoolArray | None
    left: BoolArray | None = None


MarginModel = Callable[[FloatArray, FloatArray, float, FloatArray], FairColumns]
"""Of r, Σr (m,), the target, and where the probabilities go."""


def _closed_form(probability: FloatArray, parameter: FloatArray) -> FairColumns:
    return FairColumns(probability, parameter, None)


def multiplicative(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = r·T/Σr; no parameter (NaN)."""
    return _closed_form(np.multiply(r, target / total, out=p), _NO_PARAMETER)


def additive(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = r − M/n with M = Σr − T (margin weights in proportion to the odds); parameter M/n. May fall below 0."""
    step = (total - target) / r.shape[0]
    return _closed_form(np.subtract(r, step, out=p), step)


def power(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = r^k with Σp = T; parameter k ≥ 1. The derivatives of p by k are p·(ln r)^i; at k = 1, p is r."""
    outcomes = len(r)
    few = outcomes <= _OUTCOMES_OF_THIRD
    log_r, term = np.log(r), np.empty_like(r)

    def derivatives(p: FloatArray, value: FloatArray) -> Derivatives:
        np.multiply(p, log_r, out=term)
        first, second = over_outcomes(term), product_over_outcomes(term, log_r)
        return Derivatives(value, first, second, product_over_outcomes(term, log_r, log_r) if few else None)

    def equation(k: FloatArray) -> Derivatives:
        np.multiply(log_r, k, out=p)
        np.exp(p, out=p)
        return derivatives(p, over_outcomes(p) - target)

    begin = derivatives(r, total - target)
    roots = falling_root(equation, 1.0, begin if few else begin.of_logarithm(target), np.inf)
    np.multiply(log_r, roots.root, out=p)
    return FairColumns(np.exp(p, out=p), roots.root, roots.converged, roots.left)


def shin(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = (√(z² + 4(1 − z) r²/S) − z) / (2(1 − z)) with S = Σr and Σp = 1; parameter z, the share of insiders.

    Two outcomes: equal to additive, z in closed form. The model is one of a single winner: another target T is solved
    for r/T and scaled back by T. Solved is Σ√(z² + 4(1 − z)w) − (n − 2)z − 2 = 0 with w = r²/S, convex and falling
    from z = 0, where the roots are 2r/√S.
    """
    scaled, scaled_total = (r, total) if target == 1.0 else (r / target, total / target)
    outcomes = len(r)
    if outcomes == 2:
        difference_squared = (scaled[0] - scaled[1]) ** 2
        with np.errstate(divide="ignore"):
            z = (scaled_total - 1.0) * (scaled_total - difference_squared) / (scaled_total * (1.0 - difference_squared))
        return _closed_form(additive(r, total, target, p).probability, z)

    weight = scaled * scaled
    weight /= scaled_total
    curvature = 1.0 - weight
    curvature *= weight
    inverse, term, bend = np.empty_like(r), np.empty_like(r), np.empty_like(r)
    root = p

    def halved_root(z: FloatArray) -> None:
        """v = √(z²/4 + (1 − z)w)."""
        np.multiply(weight, 1.0 - z, out=root)
        np.add(root, 0.25 * z * z, out=root)
        np.sqrt(root, out=root)

    def equation(z: FloatArray) -> Derivatives:
        # 2v' = (z/2 − w)/v, 4v'' = w(1 − w)/v³, v''' = −3v'v''/v.
        halved_root(z)
        np.divide(1.0, root, out=inverse)
        np.subtract(0.5 * z, weight, out=term)
        np.multiply(term, inverse, out=term)
        np.multiply(inverse, inverse, out=bend)
        np.multiply(bend, inverse, out=bend)
        np.multiply(bend, curvature, out=bend)
        return Derivatives(
            2.0 * over_outcomes(root) - (outcomes - 2) * z - 2.0,
            over_outcomes(term) - (outcomes - 2),
            0.5 * over_outcomes(bend),
            -0.75 * product_over_outcomes(term, bend, inverse) if outcomes <= _OUTCOMES_OF_THIRD else None,
        )

    root_total = np.sqrt(scaled_total)
    np.divide(1.0, scaled, out=term)
    bent = 0.5 * root_total * (over_outcomes(term) - 1.0)
    begin = Derivatives(2.0 * root_total - 2.0, -root_total - (outcomes - 2), bent, 1.5 * bent)
    roots = falling_root(equation, 0.0, begin, 1.0)
    z = roots.root
    halved_root(z)
    root += 0.5 * z
    # The formula above with its numerator rationalised, w/(v + z/2): no cancellation for long shots.
    np.divide(weight, root, out=p)
    if target != 1.0:
        p *= target
    return FairColumns(p, z, roots.converged, roots.left)


def odds_ratio(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = r/(c + r − c·r) with Σp = T; parameter c ≥ 1. The derivatives of p by c are p·i!·(−(1 − p)/c)^i.

    Two outcomes with T = 1: c = √(r₁r₂/((1 − r₁)(1 − r₂))).
    """
    against = 1.0 - r
    outcomes = len(r)
    if outcomes == 2 and target == 1.0:
        c = np.sqrt(r[0] * r[1] / (against[0] * against[1]))
        against *= c
        against += r
        return _closed_form(np.divide(r, against, out=p), c)

    square, few = np.empty_like(r), outcomes <= _OUTCOMES_OF_THIRD

    def derivatives(p: FloatArray, one: FloatArray, c: FloatArray | float) -> Derivatives:
        # Σp(1 − p)^i by the sums of the powers of p, of which `one` is the first.
        np.multiply(p, p, out=square)
        two, three = over_outcomes(square), product_over_outcomes(p, square)
        first = two - one
        second = first + two
        second -= three
        third = None
        if few:
            third = (second + two - 2.0 * three + product_over_outcomes(square, square)) * 6.0 / (c * c * c)
        return Derivatives(one - target, first / c, second / (-0.5 * c * c), third)

    def equation(c: FloatArray) -> Derivatives:
        np.multiply(against, c, out=p)
        np.add(p, r, out=p)
        np.divide(r, p, out=p)
        return derivatives(p, over_outcomes(p), c)

    roots = falling_root(equation, 1.0, derivatives(r, total, 1.0), np.inf)
    against *= roots.root
    against += r
    return FairColumns(np.divide(r, against, out=p), roots.root, roots.converged, roots.left)


def logarithmic(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """logit p = logit r − c' with Σp = T: the probabilities of odds ratio, whose c is e^c'; parameter c' = ln c ≥ 0."""
    by_ratio = odds_ratio(r, total, target, p)
    return FairColumns(by_ratio.probability, np.log(by_ratio.parameter), by_ratio.converged, by_ratio.left)


def probit(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = Φ(Φ⁻¹(r) − c) with Σp = T; parameter c ≥ 0. Two outcomes with T = 1: c = (Φ⁻¹(r₁) + Φ⁻¹(r₂))/2.

    With y = Φ⁻¹(r) − c the derivatives of p by c are −φ(y), −yφ(y), (1 − y²)φ(y).
    """
    quantile = normal_quantile(r)
    outcomes = len(r)
    if outcomes == 2 and target == 1.0:
        c = 0.5 * (quantile[0] + quantile[1])
        p[:] = normal_cdf(quantile - c)
        return _closed_form(p, c)

    y, reached, density = quantile, r, normal_density(quantile)
    term = np.empty_like(r)

    def equation(c: FloatArray) -> Derivatives:
        nonlocal y, reached, density
        y = quantile - c
        reached, density = cdf_and_density(y)
        return Derivatives(over_outcomes(reached) - target, -over_outcomes(density), -product_over_outcomes(density, y))

    slope = over_outcomes(density)
    np.multiply(density, quantile, out=term)
    begin = Derivatives(total - target, -slope, -over_outcomes(term), slope - product_over_outcomes(term, quantile))
    # Where even the likeliest outcome is down to T/n the sum is at or below T.
    equal_share = float(normal_quantile(np.array([target / outcomes]))[0])
    upper = np.maximum(quantile.max(axis=0) - equal_share, 0.0)
    roots = falling_root(equation, 0.0, begin, upper)
    # The last step δ without another Φ, by its series: Φ(y − δ) = Φ(y) − φ(y)·δ(1 + y·δ/2 …), the rest of which is
    # below the last digit.
    step = roots.step
    np.multiply(y, 0.5 * step, out=term)
    term += 1.0
    term *= step
    term *= density
    return FairColumns(np.subtract(reached, term, out=p), roots.root, roots.converged, roots.left)


def goto(r: FloatArray, total: FloatArray, target: float, p: FloatArray) -> FairColumns:
    """p = r − s·√(1 − r) with s = M/Σ√(1 − r), M = Σr − T; parameter s. May fall below 0.

    √(1 − r) = √((r − r²)/r) is the standard error that the published goto conversion uses.
    """
    standard_error = 1.0 - r
    np.sqrt(standard_error, out=standard_error)
    step = (total - target) / over_outcomes(standard_error)
    standard_error *= step
    return _closed_form(np.subtract(r, standard_error, out=p), step)
