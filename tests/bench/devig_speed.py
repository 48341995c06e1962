"""Rows 6 and 7: `bet_intel.odds.devig` of whole arrays beside peers that take one market, or any function."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import penaltyblog.implied
import shin
from scipy.optimize import elementwise
from scipy.special import ndtr, ndtri

from bench.markets import FloatArray, implied
from bench.measure import Figure, interleaved, times_faster
from bet_intel.odds import Method, devig

_MARKETS = 100_000
_AGREE = 1e-6

_PENALTYBLOG = {
    **{
        method.value: method
        for method in (
            Method.MULTIPLICATIVE,
            Method.ADDITIVE,
            Method.POWER,
            Method.SHIN,
            Method.ODDS_RATIO,
            Method.LOGARITHMIC,
        )
    },
    # Buchdahl's margin in proportion to the odds: its probabilities are those of additive.
    "differential_margin_weighting": Method.ADDITIVE,
}
"""Every method it has."""

Residual = Callable[..., FloatArray]


def run_shin(rounds: int) -> Iterable[Figure]:
    for outcomes, some, goal in ((2, 4_000, 100), (3, 2_000, 50), (20, 1_000, 15)):
        r = implied(outcomes, _MARKETS)
        prices = (1.0 / r[:, :some]).T.tolist()
        taken = interleaved(
            {
                "ours": lambda r=r: devig(r, Method.SHIN),  # type: ignore[misc]  # a lambda's default has no type
                "shin": lambda prices=prices: [shin.calculate_implied_probabilities(one) for one in prices],  # type: ignore[misc]  # as above
            },
            rounds,
        )
        theirs = np.array([shin.calculate_implied_probabilities(one) for one in prices]).T
        _require_agreement("shin", devig(r, Method.SHIN).probability[:, :some], theirs)
        faster = times_faster(taken["shin"], taken["ours"], work=_MARKETS / some)
        yield Figure(f"faster than shin (Rust), {outcomes} outcomes", faster, goal, at_least=True)


def run_methods(rounds: int) -> Iterable[Figure]:
    for outcomes, goal in ((2, 500), (3, 500), (20, 200)):
        yield _slowest(f"faster than penaltyblog, {outcomes} outcomes", _against_penaltyblog(outcomes, rounds), goal)
    for outcomes in (2, 3, 20):
        yield _slowest(f"faster than scipy find_root, {outcomes} outcomes", _against_scipy(outcomes, rounds), 8)


def _slowest(what: str, faster: Mapping[str, float], goal: float) -> Figure:
    """The method in which the lead is smallest is held against the goal."""
    detail = ", ".join(f"{method} {times:.0f}" for method, times in faster.items())
    return Figure(f"{what}, least of the methods", min(faster.values()), goal, at_least=True, detail=detail)


def _against_penaltyblog(outcomes: int, rounds: int) -> Mapping[str, float]:
    r = implied(outcomes, _MARKETS)
    some = 100
    prices = (1.0 / r[:, :some]).T.tolist()
    faster = {}
    for name, method in _PENALTYBLOG.items():

        def ours(method: Method = method) -> object:
            return devig(r, method)

        def theirs(name: str = name) -> list[Sequence[float]]:
            return [penaltyblog.implied.calculate_implied(one, method=name).probabilities for one in prices]

        if method is not Method.ADDITIVE:  # it clips what is negative
            _require_agreement(method, devig(r, method).probability[:, :some], np.array(theirs()).T)
        taken = interleaved({"ours": ours, "theirs": theirs}, rounds)
        faster[name] = times_faster(taken["theirs"], taken["ours"], work=_MARKETS / some)
    return faster


def _power(k: FloatArray, *r: FloatArray) -> FloatArray:
    return np.asarray(sum(one**k for one in r) - 1.0)


def _shin(z: FloatArray, *r: FloatArray) -> FloatArray:
    total = sum(r)
    roots = sum(np.sqrt(z * z + 4.0 * (1.0 - z) * one * one / total) - z for one in r)
    return np.asarray(roots / (2.0 * (1.0 - z)) - 1.0)


def _odds_ratio(c: FloatArray, *r: FloatArray) -> FloatArray:
    return np.asarray(sum(one / (c + one - c * one) for one in r) - 1.0)


def _probit(c: FloatArray, *r: FloatArray) -> FloatArray:
    return np.asarray(sum(ndtr(ndtri(one) - c) for one in r) - 1.0)


_RESIDUALS: Mapping[Method, tuple[Residual, tuple[float, float]]] = {
    Method.POWER: (_power, (0.9, 20.0)),
    Method.SHIN: (_shin, (0.0, 0.9)),
    Method.ODDS_RATIO: (_odds_ratio, (0.9, 20.0)),
    Method.PROBIT: (_probit, (-0.1, 3.0)),
}


def _against_scipy(outcomes: int, rounds: int) -> Mapping[str, float]:
    r = implied(outcomes, _MARKETS)
    columns = tuple(r)
    faster = {}
    for method, (residual, bracket) in _RESIDUALS.items():

        def ours(method: Method = method) -> object:
            return devig(r, method)

        def theirs(residual: Residual = residual, bracket: tuple[float, float] = bracket) -> FloatArray:
            return np.asarray(elementwise.find_root(residual, bracket, args=columns).x)

        _require_agreement(f"find_root, {method}", devig(r, method).parameter, theirs())
        taken = interleaved({"ours": ours, "theirs": theirs}, rounds)
        faster[method.value] = times_faster(taken["theirs"], taken["ours"])
    return faster


def _require_agreement(what: str, ours: FloatArray, theirs: FloatArray) -> None:
    """A peer that computes something else is no peer."""
    apart = float(np.abs(ours - theirs).max())
    if not apart <= _AGREE:
        raise AssertionError(f"{what} and ours differ by {apart:.1e}: they do not compute the same")
