"""Array types of the kernel and the checks that every public function shares."""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
StatusArray = npt.NDArray[np.int8]
_FEW = 3
_SMALL = 4096
_SUBSCRIPTS = {2: "om,om->m", 3: "om,om,om->m"}


def refuse(invalid: npt.NDArray[np.bool_] | np.bool_, values: npt.NDArray[Any], requirement: str) -> None:
    """Raise ValueError naming the first of `values` that is `invalid` and what is required of it."""
    if not np.count_nonzero(invalid):
        return
    flags = np.atleast_1d(invalid)
    first = tuple(int(i) for i in np.argwhere(flags)[0])
    offender = np.broadcast_to(np.atleast_1d(values), flags.shape)[first]
    where = f" at index {first}" if np.ndim(invalid) else ""
    raise ValueError(f"{requirement}, got {offender}{where}")


def same_kind(result: FloatArray, *inputs: npt.ArrayLike) -> Any:
    """A Python float where every input was a scalar, else the array.

    A zero-dimensional array or NumPy scalar counts as a scalar.
    """
    return result if any(np.ndim(value) for value in inputs) else float(result)


def places(*shape: int) -> IntArray:
    """The place in memory of each cell of an array of that `shape`: 0, 1, … in it. Not to be written to.

    By these numbers a row is taken from each column in a third of the time that an index for each axis takes.
    """
    return _small_places(shape) if prod(shape) <= _SMALL else _places(shape)


def _places(shape: tuple[int, ...]) -> IntArray:
    made: IntArray = np.arange(prod(shape)).reshape(shape)
    made.flags.writeable = False
    return made


# Of few cells, to make them takes as long as to use them.
_small_places = lru_cache(maxsize=512)(_places)


def require_target(target: float, outcomes: int) -> None:
    """Refuse a target sum that probabilities of that many outcomes, each in (0, 1), cannot have."""
    if not 0.0 < target < outcomes:
        raise ValueError(f"target must lie between 0 and the number of outcomes ({outcomes}), got {target}")


def over_outcomes(values: FloatArray) -> FloatArray:
    """Sum over the first axis: what ``np.add.reduce`` gives, which for a few rows takes longer to begin than to add."""
    rows = len(values)
    if rows == 1 or rows > _FEW:
        total: FloatArray = np.add.reduce(values, axis=0)
        return total
    total = values[0] + values[1]
    if rows == _FEW:
        total += values[2]
    return total


def product_over_outcomes(*factors: FloatArray) -> FloatArray:
    """Sum over the first axis of the product of arrays (n, m): (m,)."""
    if factors[0].shape[0] > _FEW:
        total: FloatArray = np.einsum(_SUBSCRIPTS[len(factors)], *factors)
        return total
    product = factors[0] * factors[1]
    for factor in factors[2:]:
        product *= factor
    return over_outcomes(product)
