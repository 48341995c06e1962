"""The margin models: each takes the implied probabilities of overround books and returns fair ones.

r is an outcome-major array (n, m) with 0 < r < 1 and Σr > target in every column; p has its shape and sums to the
target; the parameter has shape (m,). Sources: Clarke, Kovalchik, Ingram, "Adjusting bookmaker's odds to allow for
overround", Am. J. Sports Sci. 5 (2017) (multiplicative, additive, power, Shin, odds ratio); Cheung, "Fixed-odds betting
and traditional odds" (odds ratio); Shin, "Measuring the incidence of insider trading", Econ. J. 103 (1993) with the
solution of Jullien, Salanié, Econ. J. 104 (1994); goto: margin in proportion to the standard error of the outcome.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray
from bet_intel.odds.normal import normal_cdf, normal_density, normal_quantile
from bet_intel.odds.roots import decreasing_root


@dataclass(frozen=True, slots=True)
class FairColumns:
    """Fair probabilities (n, m), the model's parameter (m,), and whether its root was found (m,)."""

    probability: FloatArray
    parameter: FloatArray
    converged: BoolArray


MarginModel = Callable[[FloatArray, float], FairColumns]


def _closed_form(probability: FloatArray, parameter: FloatArray) -> FairColumns:
    return FairColumns(probability, parameter, np.ones(parameter.shape, dtype=np.bool_))


def multiplicative(r: FloatArray, target: float) -> FairColumns:
    """p = r·T/Σr; no parameter (NaN)."""
    total = r.sum(axis=0)
    return _closed_form(r * (target / total), np.full(total.shape, np.nan))


def additive(r: FloatArray, target: float) -> FairColumns:
    """p = r − M/n with M = Σr − T (margin weights in proportion to the odds); parameter M/n. May fall below 0."""
    step = (r.sum(axis=0) - target) / r.shape[0]
    return _closed_form(r - step, step)


def power(r: FloatArray, target: float) -> FairColumns:
    """p = r^k with Σp = T; parameter k ≥ 1. ln Σ r^k is convex and falls, so Newton climbs to k from 1."""
    log_r = np.log(r)
    log_target = np.log(target)

    def residual(k: FloatArray) -> tuple[FloatArray, FloatArray]:
        p = np.exp(k * log_r)
        total = p.sum(axis=0)
        return np.log(total) - log_target, (p * log_r).sum(axis=0) / total

    markets = r.shape[1]
    roots = decreasing_root(residual, np.ones(markets), np.full(markets, np.inf))
    return FairColumns(np.exp(roots.value * log_r), roots.value, roots.converged)


def shin(r: FloatArray, target: float) -> FairColumns:
    """p = (√(z² + 4(1 − z) r²/S) − z) / (2(1 − z)) with S = Σr and Σp = 1; parameter z, the share of insiders.

    Two outcomes: equal to additive, z in closed form. The model is one of a single winner: another target T is solved
    for r/T and scaled back by T. Solved is Σ√(z² + 4(1 − z) r²/S) − (n − 2)z − 2 = 0, convex and falling from z = 0.
    """
    scaled = r / target
    total = scaled.sum(axis=0)
    outcomes, markets = r.shape
    if outcomes == 2:
        difference_squared = (scaled[0] - scaled[1]) ** 2
        with np.errstate(divide="ignore"):
            z = (total - 1.0) * (total - difference_squared) / (total * (1.0 - difference_squared))
        return _closed_form(additive(r, target).probability, z)

    weight = scaled * scaled / total

    def residual(z: FloatArray) -> tuple[FloatArray, FloatArray]:
        root = np.sqrt(z * z + 4.0 * (1.0 - z) * weight)
        slope = ((z - 2.0 * weight) / root).sum(axis=0) - (outcomes - 2)
        return root.sum(axis=0) - (outcomes - 2) * z - 2.0, slope

    roots = decreasing_root(residual, np.zeros(markets), np.ones(markets))
    z = roots.value
    root = np.sqrt(z * z + 4.0 * (1.0 - z) * weight)
    # The formula above with its numerator rationalised: no cancellation for long shots.
    return FairColumns(2.0 * target * weight / (root + z), z, roots.converged)


def odds_ratio(r: FloatArray, target: float) -> FairColumns:
    """p = r/(c + r − c·r) with Σp = T; parameter c ≥ 1. 1/Σp is concave and rises, so Newton climbs to c from 1.

    Two outcomes with T = 1: c = √(r₁r₂/((1 − r₁)(1 − r₂))).
    """
    against = 1.0 - r
    outcomes, markets = r.shape
    if outcomes == 2 and target == 1.0:
        c = np.sqrt(r[0] * r[1] / (against[0] * against[1]))
        return _closed_form(r / (r + c * against), c)

    def residual(c: FloatArray) -> tuple[FloatArray, FloatArray]:
        denominator = r + c * against
        p = r / denominator
        total = p.sum(axis=0)
        return 1.0 / target - 1.0 / total, -(p * against / denominator).sum(axis=0) / (total * total)

    roots = decreasing_root(residual, np.ones(markets), np.full(markets, np.inf))
    return FairColumns(r / (r + roots.value * against), roots.value, roots.converged)


def probit(r: FloatArray, target: float) -> FairColumns:
    """p = Φ(Φ⁻¹(r) − c) with Σp = T; parameter c ≥ 0. Two outcomes with T = 1: c = (Φ⁻¹(r₁) + Φ⁻¹(r₂))/2."""
    x = normal_quantile(r)
    outcomes = r.shape[0]
    if outcomes == 2 and target == 1.0:
        c = 0.5 * (x[0] + x[1])
        return _closed_form(normal_cdf(x - c), c)

    def residual(c: FloatArray) -> tuple[FloatArray, FloatArray]:
        shifted = x - c
        return normal_cdf(shifted).sum(axis=0) - target, -normal_density(shifted).sum(axis=0)

    # Where even the likeliest outcome is down to T/n the sum is at or below T.
    equal_share = float(normal_quantile(np.array([target / outcomes]))[0])
    upper = np.maximum(x.max(axis=0) - equal_share, 0.0)
    roots = decreasing_root(residual, np.zeros(r.shape[1]), upper)
    return FairColumns(normal_cdf(x - roots.value), roots.value, roots.converged)


def goto(r: FloatArray, target: float) -> FairColumns:
    """p = r − s·√(1 − r) with s = M/Σ√(1 − r), M = Σr − T; parameter s. May fall below 0.

    √(1 − r) = √((r − r²)/r) is the standard error that the published goto conversion uses.
    """
    standard_error = np.sqrt(1.0 - r)
    step = (r.sum(axis=0) - target) / standard_error.sum(axis=0)
    return _closed_form(r - step * standard_error, step)
