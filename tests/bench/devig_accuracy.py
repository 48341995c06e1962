"""Row 8: `bet_intel.odds.devig` beside roots found with 50 digits."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import mpmath
import numpy as np

from bench.markets import implied
from bench.measure import Figure
from bet_intel.odds import MODELS, Method, devig

_DIGITS = 50
_MARKETS = 40

# Parameter, implied probabilities → fair probabilities.
Formula = Callable[[mpmath.mpf, Sequence[mpmath.mpf]], list[mpmath.mpf]]


def run(rounds: int) -> Iterable[Figure]:
    """The largest error of any probability of any method; `rounds` does not matter to it."""
    with mpmath.workdps(_DIGITS):
        for outcomes in (2, 3, 20):
            worst = {method.value: _worst(method, outcomes) for method in MODELS}
            detail = ", ".join(f"{method} {error:.1e}" for method, error in worst.items())
            what = f"largest error of a probability, {outcomes} outcomes"
            yield Figure(what, max(worst.values()), 1e-15, at_least=False, unit="", detail=detail)


def _worst(method: Method, outcomes: int) -> float:
    r = implied(outcomes, _MARKETS, seed=8)
    found = devig(r, method)
    return max(
        max(
            float(abs(mpmath.mpf(ours) - exact))
            for ours, exact in zip(found.probability[:, m].tolist(), exact_probabilities, strict=True)
        )
        for m in np.flatnonzero(~np.isnan(found.probability).any(axis=0)).tolist()
        if (exact_probabilities := _exact(method, [mpmath.mpf(one) for one in r[:, m].tolist()], found.parameter[m]))
    )


def _exact(method: Method, r: Sequence[mpmath.mpf], near: float) -> list[mpmath.mpf]:
    total, n = sum(r), len(r)
    if method is Method.MULTIPLICATIVE:
        return [one / total for one in r]
    if method is Method.ADDITIVE:
        return [one - (total - 1) / n for one in r]
    if method is Method.GOTO:
        step = (total - 1) / sum(mpmath.sqrt(1 - one) for one in r)
        return [one - step * mpmath.sqrt(1 - one) for one in r]
    formula = _FORMULAS[method]
    start = mpmath.mpf(float(near))
    root = mpmath.findroot(lambda x: sum(formula(x, r)) - 1, (start, start + mpmath.mpf("1e-6")), tol=1e-45)
    return formula(root, r)


def _shin(z: mpmath.mpf, r: Sequence[mpmath.mpf]) -> list[mpmath.mpf]:
    total = sum(r)
    return [(mpmath.sqrt(z * z + 4 * (1 - z) * one * one / total) - z) / (2 * (1 - z)) for one in r]


def _probit(c: mpmath.mpf, r: Sequence[mpmath.mpf]) -> list[mpmath.mpf]:
    return [mpmath.ncdf(mpmath.sqrt(2) * mpmath.erfinv(2 * one - 1) - c) for one in r]


_FORMULAS: Mapping[Method, Formula] = {
    Method.POWER: lambda k, r: [one**k for one in r],
    Method.SHIN: _shin,
    Method.ODDS_RATIO: lambda c, r: [one / (c + one - c * one) for one in r],
    Method.LOGARITHMIC: lambda c, r: [one / (mpmath.exp(c) * (1 - one) + one) for one in r],
    Method.PROBIT: _probit,
}
