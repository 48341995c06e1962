"""Roots of many one-parameter equations at once: a third-order iteration, and a bracket for what it does not settle."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray

_STEPS = 8
_BRACKETED_STEPS = 80  # bisection alone halves a bracket to the last bit in about 60
# A step this small, relative to 1 + |x|, is the last, by the number of derivatives: Newton's method leaves its square,
# Halley's its cube, Householder's its fourth power; and so far from straight may the function be over it.
_SETTLED = {1: 1e-9, 2: 2e-6, 3: 5e-5}
_STRAIGHT = {2: 2e-5, 3: 1e-4}
# Where so many have settled, another evaluation of all costs more than one of the others apart.
_NEARLY_ALL = 0.75
_WORTH_DIVIDING = 64


class Step(NamedTuple):
    """The `length` (m,) of a step to the root, by so many `derivatives`; `bend` (m,) is how much the slope changes on
    the way, as a part of it."""

    length: FloatArray
    bend: FloatArray
    derivatives: int

    def last_for_all(self) -> bool:
        """Whether it surely is for every function: asked first, as it costs half of :meth:`last`."""
        settled, straight = _SETTLED[self.derivatives], _STRAIGHT[self.derivatives]
        return bool(np.abs(self.length).max() <= settled and np.abs(self.bend).max() <= straight)

    def last(self, x: FloatArray) -> BoolArray:
        """Whether the step from `x` is the last one: small, and the function nearly straight over it. (m,)"""
        small = np.abs(self.length) <= _SETTLED[self.derivatives] * (1.0 + np.abs(x))
        last: BoolArray = small & (np.abs(self.bend) <= _STRAIGHT[self.derivatives])
        return last


class Derivatives(NamedTuple):
    """An equation's left side and its first two or three derivatives at some x, each (m,)."""

    value: FloatArray
    first: FloatArray
    second: FloatArray
    third: FloatArray | None = None

    def step(self) -> Step:
        """The step to the root of Halley's method, or with three derivatives of Householder's.

        Source: Householder, "The numerical treatment of a single nonlinear equation" (1970).
        """
        newton = self.value / self.first
        bend = newton * self.second
        bend /= self.first
        if self.third is None:
            length = 0.5 * bend
            length -= 1.0
            return Step(np.divide(newton, length, out=length), bend, 2)
        # −u(1 − b/2)/(1 − b + u²f'''/6f') with u = f/f' and b = uf''/f'.
        divisor = newton * newton
        divisor *= self.third
        divisor /= 6.0 * self.first
        divisor -= bend
        divisor += 1.0
        length = 0.5 * bend
        length -= 1.0
        length *= newton
        length /= divisor
        return Step(length, bend, 3)

    def of_logarithm(self, target: float) -> "Derivatives":
        """Those of ln((f + `target`)/`target`), by those of f, without the third: where f + `target` is a sum of
        exponentials, that is nearly straight."""
        value = self.value + target
        first, second = self.first / value, self.second / value
        value /= target
        return Derivatives(np.log(value), first, second - first * first)


class Roots(NamedTuple):
    """`root` (m,) is `step` from where the equation was last evaluated: the rest of the way is too small to need
    another evaluation. `converged` (m,): whether it was found. `left` (m,): the few that are still under way, to be
    solved as a batch of their own; until then they pass for found at the start. None where there are none."""

    root: FloatArray
    step: FloatArray
    converged: BoolArray
    left: BoolArray | None = None


Equation = Callable[[FloatArray], Derivatives]


def falling_root(equation: Equation, start: float, begin: Derivatives, upper: FloatArray | float) -> Roots:
    """The root of each of m functions that are ≥ 0 at `start` ≥ 0, fall from there, and are ≤ 0 at `upper` (m,).

    `begin` is the equation at `start`, which has a simple form there; `upper` may be infinite. For overround books the
    iteration needs no safeguard from these starts and ends after one or two evaluations; where it does not, or leaves
    the bracket, :func:`bracketed_root` takes over. A market that has settled is frozen, so that its root does not
    depend on the others in the batch; the few that take longer than the others are `left`.
    """
    # The first step is never the last: where all but one market of a batch are still under way, it would be evaluated
    # again at the start, by the general form, with another rounding.
    with np.errstate(all="ignore"):  # an iteration that runs away is taken up below
        x = begin.step().length
        x += start
        for _ in range(1 + _STEPS):
            at = equation(x)
            step = at.step()
            if step.last_for_all():
                near = np.ones(x.shape, dtype=np.bool_)
                break
            near = step.last(x)
            settled = np.count_nonzero(near)
            if settled == near.size or (near.size >= _WORTH_DIVIDING and settled >= _NEARLY_ALL * near.size):
                break
            x = x + step.length * ~near
    root = x + step.length
    # Where the function rises is another root: Shin's equation has one at z = 1, whatever the prices.
    found = near & (at.first < 0.0) & (root >= start) & (root <= upper)
    if np.count_nonzero(found) == found.size:
        return Roots(root, step.length, found)
    if near.size >= _WORTH_DIVIDING and np.count_nonzero(found) >= _NEARLY_ALL * found.size:
        return Roots(np.where(found, root, start), np.where(found, step.length, 0.0), np.ones_like(found), ~found)
    value, converged = bracketed_root(equation, start, upper, x.size)
    x = np.where(found, x, value)
    length = np.where(found, step.length, 0.0)
    equation(x)  # so that what the equation keeps belongs to these values
    return Roots(x + length, length, found | converged)


def bracketed_root(
    equation: Equation, start: float, upper: FloatArray | float, functions: int
) -> tuple[FloatArray, BoolArray]:
    """The same by Newton's method inside a bracket: the roots (m,), and whether each converged (m,).

    A step that would leave the bracket, or that a vanishing slope makes meaningless, is replaced by bisection (or
    doubling while there is no finite upper bound). A step within the tolerance is always taken: at the root the sign of
    the function, and with it the bracket, is rounding noise.
    """
    x, low = np.full(functions, start), np.full(functions, start)
    high = np.full(functions, upper)
    settled = np.zeros(functions, dtype=np.bool_)
    for _ in range(_BRACKETED_STEPS):
        at = equation(x)
        above = at.value > 0.0
        low = np.where(above, np.maximum(low, x), low)
        high = np.where(above, high, np.minimum(high, x))
        tolerance = _SETTLED[1] * (1.0 + np.abs(x))
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
