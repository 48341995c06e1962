"""The margin models: each takes the implied probabilities of overround books and returns fair ones.

r is an outcome-major array (n, m) with 0 < r < 1 and Σr > target in every column; p has its shape and sums to the
target; the parameter has shape (m,). Sources: Clarke, Kovalchik, Ingram, "Adjusting bookmaker's odds to allow for
overround", Am. J. Sports Sci. 5 (2017) (multiplicative, additive, power, Shin, odds ratio); Cheung, "Fixed-odds betting
and traditional odds" (odds ratio); Shin, "Measuring the incidence of insider trading", Econ. J. 103 (1993) with the
solution of Jullien, Salanié, Econ. J. 104 (1994); goto: margin in proportion to the standard error of the outcome.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray, over_outcomes
from bet_intel.odds.normal import cdf_and_density, normal_cdf, normal_density, normal_quantile
from bet_intel.odds.roots import Derivatives, falling_root


class FairColumns(NamedTuple):
    """Fair probabilities (n, m), the model's parameter (m,), and whether its root was found (m,): None for a closed
    form, whose probabilities sum to the target and lie below r by their making. `left` as in :class:`Roots`."""

    probability: FloatArray
    parameter: FloatArray
    converged: BoolArray | None
    left: BoolArray | None = None


MarginModel = Callable[[FloatArray, FloatArray, float], FairColumns]
"""Of r, Σr (m,) and the target."""


def _closed_form(probability: FloatArray, parameter: FloatArray) -> FairColumns:
    return FairColumns(probability, parameter, None)


def multiplicative(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = r·T/Σr; no parameter (NaN)."""
    return _closed_form(r * (target / total), np.full(total.shape, np.nan))


def additive(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = r − M/n with M = Σr − T (margin weights in proportion to the odds); parameter M/n. May fall below 0."""
    step = (total - target) / r.shape[0]
    return _closed_form(r - step, step)


def power(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = r^k with Σp = T; parameter k ≥ 1. The derivatives of p by k are p·(ln r)^i; at k = 1, p is r."""
    log_r = np.log(r)
    p = r.copy()
    term = np.empty_like(r)

    def derivatives() -> Derivatives:
        value = over_outcomes(p) - target
        np.multiply(p, log_r, out=term)
        first = over_outcomes(term)
        np.multiply(term, log_r, out=term)
        second = over_outcomes(term)
        np.multiply(term, log_r, out=term)
        return Derivatives(value, first, second, over_outcomes(term))

    def equation(k: FloatArray) -> Derivatives:
        np.multiply(log_r, k, out=p)
        np.exp(p, out=p)
        return derivatives()

    markets = r.shape[1]
    roots = falling_root(equation, np.ones(markets), derivatives(), np.full(markets, np.inf))
    # The last step x = δ·ln r without another exponential, by its series: e^x = 1 + x(1 + x/2(1 + x/3)).
    x = np.multiply(log_r, roots.step, out=log_r)
    np.multiply(x, 1.0 / 3.0, out=term)
    term += 1.0
    term *= x
    term *= 0.5
    term += 1.0
    term *= x
    term *= p
    p += term
    return FairColumns(p, roots.root, roots.converged, roots.left)


def shin(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = (√(z² + 4(1 − z) r²/S) − z) / (2(1 − z)) with S = Σr and Σp = 1; parameter z, the share of insiders.

    Two outcomes: equal to additive, z in closed form. The model is one of a single winner: another target T is solved
    for r/T and scaled back by T. Solved is Σ√(z² + 4(1 − z)w) − (n − 2)z − 2 = 0 with w = r²/S, convex and falling
    from z = 0, where the roots are 2r/√S.
    """
    scaled, scaled_total = (r, total) if target == 1.0 else (r / target, total / target)
    outcomes, markets = r.shape
    if outcomes == 2:
        difference_squared = (scaled[0] - scaled[1]) ** 2
        with np.errstate(divide="ignore"):
            z = (scaled_total - 1.0) * (scaled_total - difference_squared) / (scaled_total * (1.0 - difference_squared))
        return _closed_form(additive(r, total, target).probability, z)

    weight = scaled * scaled
    weight /= scaled_total
    curvature = 1.0 - weight
    curvature *= weight
    curvature *= 4.0
    root, term, bend = np.empty_like(r), np.empty_like(r), np.empty_like(r)

    def equation(z: FloatArray) -> Derivatives:
        # With u = z² + 4(1 − z)w and v = √u: v' = (z − 2w)/v, v'' = 4w(1 − w)/uv, v''' = −3v'v''/v.
        np.multiply(weight, 4.0 * (1.0 - z), out=root)
        np.add(root, z * z, out=root)
        np.divide(curvature, root, out=bend)
        np.sqrt(root, out=root)
        np.divide(bend, root, out=bend)
        np.multiply(weight, -2.0, out=term)
        np.add(term, z, out=term)
        np.divide(term, root, out=term)
        first, second = over_outcomes(term), over_outcomes(bend)
        np.multiply(term, bend, out=term)
        np.divide(term, root, out=term)
        value = over_outcomes(root) - (outcomes - 2) * z - 2.0
        return Derivatives(value, first - (outcomes - 2), second, -3.0 * over_outcomes(term))

    root_total = np.sqrt(scaled_total)
    np.divide(1.0, scaled, out=term)
    bent = 0.5 * root_total * (over_outcomes(term) - 1.0)
    begin = Derivatives(2.0 * root_total - 2.0, -root_total - (outcomes - 2), bent, 1.5 * bent)
    roots = falling_root(equation, np.zeros(markets), begin, np.ones(markets))
    z = roots.root
    np.multiply(weight, 4.0 * (1.0 - z), out=root)
    root += z * z
    np.sqrt(root, out=root)
    root += z
    # The formula above with its numerator rationalised, 2w/(√u + z): no cancellation for long shots.
    weight *= 2.0 * target
    return FairColumns(np.divide(weight, root, out=weight), z, roots.converged, roots.left)


def odds_ratio(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = r/(c + r − c·r) with Σp = T; parameter c ≥ 1. The derivatives of p by c are p·i!·(−(1 − p)/c)^i.

    Two outcomes with T = 1: c = √(r₁r₂/((1 − r₁)(1 − r₂))).
    """
    against = 1.0 - r
    outcomes, markets = r.shape
    if outcomes == 2 and target == 1.0:
        c = np.sqrt(r[0] * r[1] / (against[0] * against[1]))
        return _closed_form(r / (r + c * against), c)

    p = r.copy()
    q = against.copy()

    def derivatives(c: FloatArray) -> Derivatives:
        value = over_outcomes(p) - target
        np.multiply(p, q, out=p)
        first = over_outcomes(p)
        np.multiply(p, q, out=p)
        second = over_outcomes(p)
        np.multiply(p, q, out=p)
        third = over_outcomes(p)
        return Derivatives(value, -first / c, 2.0 * second / (c * c), -6.0 * third / (c * c * c))

    def equation(c: FloatArray) -> Derivatives:
        np.multiply(against, c, out=q)
        np.add(q, r, out=p)
        np.divide(q, p, out=q)
        np.divide(r, p, out=p)
        return derivatives(c)

    start = np.ones(markets)
    roots = falling_root(equation, start, derivatives(start), np.full(markets, np.inf))
    against *= roots.root
    against += r
    return FairColumns(np.divide(r, against, out=against), roots.root, roots.converged, roots.left)


def logarithmic(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """logit p = logit r − c' with Σp = T: the probabilities of odds ratio, whose c is e^c'; parameter c' = ln c ≥ 0."""
    by_ratio = odds_ratio(r, total, target)
    return FairColumns(by_ratio.probability, np.log(by_ratio.parameter), by_ratio.converged, by_ratio.left)


def probit(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = Φ(Φ⁻¹(r) − c) with Σp = T; parameter c ≥ 0. Two outcomes with T = 1: c = (Φ⁻¹(r₁) + Φ⁻¹(r₂))/2.

    With y = Φ⁻¹(r) − c the derivatives of p by c are −φ(y), −yφ(y), (1 − y²)φ(y).
    """
    quantile = normal_quantile(r)
    outcomes = r.shape[0]
    if outcomes == 2 and target == 1.0:
        c = 0.5 * (quantile[0] + quantile[1])
        return _closed_form(normal_cdf(quantile - c), c)

    y = quantile.copy()
    p, density = r, normal_density(quantile)
    term = np.empty_like(r)

    def derivatives() -> Derivatives:
        slope = over_outcomes(density)
        np.multiply(density, y, out=term)
        second = over_outcomes(term)
        np.multiply(term, y, out=term)
        return Derivatives(over_outcomes(p) - target, -slope, -second, slope - over_outcomes(term))

    def equation(c: FloatArray) -> Derivatives:
        nonlocal p, density
        np.subtract(quantile, c, out=y)
        p, density = cdf_and_density(y)
        return derivatives()

    # Where even the likeliest outcome is down to T/n the sum is at or below T.
    equal_share = float(normal_quantile(np.array([target / outcomes]))[0])
    upper = np.maximum(quantile.max(axis=0) - equal_share, 0.0)
    roots = falling_root(equation, np.zeros(r.shape[1]), derivatives(), upper)
    # The last step δ without another Φ, by its series: Φ(y − δ) = p − φ(y)·δ(1 + δ/2·(y + δ/3·(y² − 1))).
    step = roots.step
    np.multiply(y, y, out=term)
    term -= 1.0
    term *= step / 3.0
    term += y
    term *= 0.5 * step
    term += 1.0
    term *= step
    term *= density
    return FairColumns(p - term, roots.root, roots.converged, roots.left)


def goto(r: FloatArray, total: FloatArray, target: float) -> FairColumns:
    """p = r − s·√(1 − r) with s = M/Σ√(1 − r), M = Σr − T; parameter s. May fall below 0.

    √(1 − r) = √((r − r²)/r) is the standard error that the published goto conversion uses.
    """
    standard_error = 1.0 - r
    np.sqrt(standard_error, out=standard_error)
    step = (total - target) / over_outcomes(standard_error)
    standard_error *= step
    return _closed_form(np.subtract(r, standard_error, out=standard_error), step)
