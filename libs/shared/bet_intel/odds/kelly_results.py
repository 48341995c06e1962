"""Kelly stakes on bets of one market of which one result may settle several: backs and lays of its outcomes."""

from collections.abc import Sequence

import numpy as np

from bet_intel.odds.arrays import FloatArray

_ROUNDS = 60
_NEAR = 1e-10
_SURE = 1e-9  # by how much rounding may bring a sum of probabilities away from 1
_NOTHING = 1e-7  # of the bankroll: below it is what the search leaves of a stake that is worth none


def kelly_results(probability: Sequence[float], returned: Sequence[Sequence[float]]) -> list[float]:
    """The stakes f ≥ 0, Σf ≤ 1, that maximise Σ p·ln(1 − Σf + Σ f·r) over the results, in the order of the bets.

    `probability` is that of each result, summing to 1; `returned` what each bet returns per unit staked at each result,
    the net price where it wins and 0 where it loses. Where together they lose at no result the whole bankroll is
    staked.

    What is not staked is an asset that returns 1 at every result. The shares x of all assets that let the logarithm
    grow most also maximise Σ p·ln(Σ x·r) − Σx over x ≥ 0 alone, since the best have Σx = 1 (Cover 1984, "An algorithm
    for maximizing expected log investment return"). That is solved by a primal-dual interior-point method (Boyd,
    Vandenberghe, "Convex optimization", 11.7): a few Newton steps, also where shares are not told apart by results.

    Raises:
        ValueError: probabilities below 0 or that do not sum to 1, or returns that are below 0 or not of each result.
    """
    p, bets = np.asarray(probability, dtype=np.float64), np.asarray(returned, dtype=np.float64)
    if not (p >= 0.0).all() or abs(p.sum() - 1.0) > _SURE:
        raise ValueError(f"the probabilities of all results must be 0 or more and sum to 1, got {list(probability)}")
    if bets.ndim != 2 or bets.shape[1] != len(p) or not ((bets >= 0.0) & (bets < np.inf)).all():
        raise ValueError(f"each bet needs what it returns, 0 or more, at each of {len(p)} results")
    possible = p > 0.0
    assets = np.vstack([np.ones(int(possible.sum())), bets[:, possible]])
    shares = _log_optimal(p[possible], assets)[1:]
    return [share if share > _NOTHING else 0.0 for share in map(float, shares)]


def _log_optimal(p: FloatArray, assets: FloatArray) -> FloatArray:
    """The shares (a,) of `assets` (a, s) that maximise Σ p·ln(Σ x·r) − Σx.

    With z ≥ 0 what a unit more of an asset would lose, the best have 1 − z = Σ p·r/w and x·z = 0: Newton steps towards
    x·z = μ, a tenth of its mean, within x > 0 and z > 0.
    """
    count = len(assets)
    x, z = np.full(count, 1.0 / count), np.ones(count)
    for _ in range(_ROUNDS):
        wealth = x @ assets
        gain = assets @ (p / wealth)
        gap = float(x @ z) / count
        if gap < _NEAR and np.abs(1.0 - gain - z).max() < _NEAR:
            break
        aim = 0.1 * gap
        curved = (assets * (p / wealth**2)) @ assets.T
        step = np.linalg.solve(curved + np.diag(z / x), gain - 1.0 + aim / x).astype(np.float64, copy=False)
        slope = (aim - z * step) / x - z
        kept = min(_within(x, step), _within(z, slope))
        x, z = x + kept * step, z + kept * slope
    return x


def _within(values: FloatArray, step: FloatArray) -> float:
    """How much of `step` leaves all values above 0."""
    down = step < 0.0
    return min(1.0, 0.99 * float((-values[down] / step[down]).min())) if down.any() else 1.0
