"""Roots of many one-parameter equations at once: a third-order iteration, and a bracket for what it does not settle."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray

_STEPS = 8
_BRACKETED_STEPS = 80  # bisection alone halves a bracket to the last bit in about 60
# A step this small, relative to 1 + |x|, is the last: Newton's method leaves its square, Halley's its cube,
# Householder's its fourth power.
_SETTLED = {2: 1e-9, 3: 5e-7, 4: 5e-5}
_STRAIGHT = 1e-4
# Where so many have settled, another evaluation of all costs more than one of the others apart.
_NEARLY_ALL = 0.75
_WORTH_DIVIDING = 64


class Derivatives(NamedTuple):
    """An equation's left side and its first derivatives at some x, each (m,)."""

    value: FloatArray
    first: FloatArray
    second: FloatArray | None = None
    third: FloatArray | None = None

    @property
    def order(self) -> int:
        """Of convergence: the power of an error that the next error is proportional to."""
        return 2 if self.second is None else 3 if self.third is None else 4

    def step(self) -> FloatArray:
        """The step to the root of Newton's, Halley's or Householder's method, by the derivatives there are.

        Source: Householder, "The numerical treatment of a single nonlinear equation" (1970).
        """
        f, f1, f2, f3 = self.value, self.first, self.second, self.third
        if f2 is None:
            return -f / f1
        if f3 is None:
            return 2.0 * f * f1 / (f * f2 - 2.0 * f1 * f1)
        curved, squared = f * f2, f1 * f1
        step: FloatArray = -3.0 * f * (2.0 * squared - curved) / (6.0 * f1 * (squared - curved) + f * f * f3)
        return step

    def settled(self, step: FloatArray, x: FloatArray) -> BoolArray:
        """Whether `step` from `x` is the last one: small, and the function nearly straight over it."""
        small = np.abs(step) <= _SETTLED[self.order] * (1.0 + np.abs(x))
        if self.second is None or not np.count_nonzero(small):
            return small
        settled: BoolArray = small & (np.abs(self.second * step) <= _STRAIGHT * np.abs(self.first))
        return settled


class Roots(NamedTuple):
    """`value` + `step` is the root (m,): the equation was last evaluated at `value`, and the rest of the way is too
    small to need another evaluation. `converged` (m,): whether it was found. `left` (m,): the few that are still under
    way, whose numbers mean nothing; they are to be solved as a batch of their own. None where there are none."""

    value: FloatArray
    step: FloatArray
    converged: BoolArray
    left: BoolArray | None = None

    @property
    def root(self) -> FloatArray:
        return self.value + self.step


Equation = Callable[[FloatArray], Derivatives]


def falling_root(equation: Equation, start: FloatArray, begin: Derivatives, upper: FloatArray) -> Roots:
    """The root of each of m functions that are ≥ 0 at `start` (m,), fall from there, and are ≤ 0 at `upper` (m,).

    `begin` is the equation at `start`, which has a simple form there; `upper` may be infinite. For overround books the
    iteration needs no safeguard from these starts and ends after one or two evaluations; where it does not, or leaves
    the bracket, :func:`bracketed_root` takes over. A market that has settled is frozen, so that its root does not
    depend on the others in the batch; the few that take longer than the others are `left`.
    """
    # The first step is never the last: where all but one market of a batch are still under way, it would be evaluated
    # again at the start, by the general form, with another rounding.
    at, x = begin, start
    with np.errstate(all="ignore"):  # an iteration that runs away is taken up below
        x = x + at.step()
        at = equation(x)
        for _ in range(_STEPS):
            step = at.step()
            near = at.settled(step, x)
            settled = np.count_nonzero(near)
            if settled == near.size or (near.size >= _WORTH_DIVIDING and settled >= _NEARLY_ALL * near.size):
                break
            x = x + step * ~near
            at = equation(x)
    root = x + step
    found = near & (root >= start) & (root <= upper)
    if np.count_nonzero(found) == found.size:
        return Roots(x, step, found)
    if near.size >= _WORTH_DIVIDING and np.count_nonzero(found) >= _NEARLY_ALL * found.size:
        return Roots(x, step, found, ~found)
    value, converged = bracketed_root(equation, start, upper)
    x = np.where(found, x, value)
    step = np.where(found, step, 0.0)
    equation(x)  # so that what the equation keeps belongs to these values
    return Roots(x, step, found | converged)


def bracketed_root(equation: Equation, start: FloatArray, upper: FloatArray) -> tuple[FloatArray, BoolArray]:
    """The same by Newton's method inside a bracket: the roots (m,), and whether each converged (m,).

    A step that would leave the bracket, or that a vanishing slope makes meaningless, is replaced by bisection (or
    doubling while there is no finite upper bound). A step within the tolerance is always taken: at the root the sign of
    the function, and with it the bracket, is rounding noise.
    """
    x = start.copy()
    low = start.copy()
    high = upper.copy()
    settled = np.zeros(x.shape, dtype=np.bool_)
    for _ in range(_BRACKETED_STEPS):
        at = equation(x)
        above = at.value > 0.0
        low = np.where(above, np.maximum(low, x), low)
        high = np.where(above, high, np.minimum(high, x))
        tolerance = _SETTLED[2] * (1.0 + np.abs(x))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            proposed = np.where(at.value == 0.0, x, x - at.value / at.first)
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
    return x, settled
