"""Errors as feeds make them, put into a share of the quotes: what a pool has to withstand.

A quote is one bookmaker's prices of one market. Each kind of error was seen in recorded feeds: one price half as high
again, the sides swapped, American odds read as decimal ones (of which a favourite's are no price at all), and an
exchange's placeholder of 1.01.
"""

from collections.abc import Callable, Mapping

import numpy as np

from bet_intel.odds import BoolArray, FloatArray

Error = Callable[[FloatArray, BoolArray, np.random.Generator], FloatArray]
_PLACEHOLDER = 1.01


def _half_as_high_again(price: FloatArray, hit: BoolArray, rng: np.random.Generator) -> FloatArray:
    return np.where(_one_outcome(price, hit, rng), price * 1.5, price)


def _sides_swapped(price: FloatArray, hit: BoolArray, _rng: np.random.Generator) -> FloatArray:
    swapped = price.copy()
    swapped[0], swapped[-1] = np.where(hit, price[-1], price[0]), np.where(hit, price[0], price[-1])
    return swapped


def _american_as_decimal(price: FloatArray, hit: BoolArray, _rng: np.random.Generator) -> FloatArray:
    american = np.where(price >= 2.0, np.round(100.0 * (price - 1.0)), np.nan)
    return np.where(hit, american, price)


def _placeholder(price: FloatArray, hit: BoolArray, rng: np.random.Generator) -> FloatArray:
    return np.where(_one_outcome(price, hit, rng) & ~np.isnan(price), _PLACEHOLDER, price)


def _one_outcome(price: FloatArray, hit: BoolArray, rng: np.random.Generator) -> BoolArray:
    outcome = rng.integers(0, price.shape[0], hit.shape)
    chosen: BoolArray = hit & (np.arange(price.shape[0])[:, np.newaxis, np.newaxis] == outcome)
    return chosen


ERRORS: Mapping[str, Error] = {
    "price x 1.5": _half_as_high_again,
    "sides swapped": _sides_swapped,
    "American read as decimal": _american_as_decimal,
    "placeholder": _placeholder,
}


def with_error(price: FloatArray, kind: str, share: float, rng: np.random.Generator) -> FloatArray:
    """Decimal odds (n, b, m) with an error of that kind in a `share` of their quotes."""
    hit = rng.random(price.shape[1:]) < share
    return ERRORS[kind](price, hit, rng)
