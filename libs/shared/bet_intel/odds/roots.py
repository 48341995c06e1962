"""Newton's method for many one-parameter equations at once, kept inside a bracket."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray

_MAX_STEPS = 80  # bisection alone halves a bracket to the last bit in about 60
_SETTLED = 1e-10  # Newton is quadratic here: the error after a step of this relative size is below 1e-18


@dataclass(frozen=True, slots=True)
class Roots:
    """`value` (m,) and whether each one `converged` (m,)."""

    value: FloatArray
    converged: BoolArray


def decreasing_root(
    residual: Callable[[FloatArray], tuple[FloatArray, FloatArray]], start: FloatArray, upper: FloatArray
) -> Roots:
    """The root of each of m functions that are ≥ 0 at `start` (m,), fall from there, and are ≤ 0 at `upper` (m,).

    `residual` maps x (m,) to f (m,) and f' (m,); `upper` may be infinite. A step that would leave the bracket, or that
    a vanishing slope makes meaningless, is replaced by bisection (or doubling while there is no finite upper bound). A
    step within the tolerance is always taken: at the root the sign of f, and with it the bracket, is rounding noise. A
    market that has settled is frozen, so that its root does not depend on the others in the batch.
    """
    x = start.copy()
    low = start.copy()
    high = upper.copy()
    settled = np.zeros(x.shape, dtype=np.bool_)
    for _ in range(_MAX_STEPS):
        value, slope = residual(x)
        above = value > 0.0
        low = np.where(above, np.maximum(low, x), low)
        high = np.where(above, high, np.minimum(high, x))
        tolerance = _SETTLED * (1.0 + np.abs(x))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            proposed = np.where(value == 0.0, x, x - value / slope)
        newton = (proposed >= low - tolerance) & (proposed <= high + tolerance)
        if not newton.all():
            with np.errstate(invalid="ignore"):
                halved = np.where(np.isfinite(high), 0.5 * (low + high), 2.0 * low + 1.0)
            proposed = np.where(newton, proposed, halved)
        near = newton & (np.abs(proposed - x) <= tolerance)
        x = np.where(settled, x, proposed)
        settled |= near
        if settled.all():
            break
    return Roots(value=x, converged=settled)
