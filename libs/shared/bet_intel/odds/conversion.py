"""Decimal odds, American odds and implied probability, and the net price after commission.

Formulas (d decimal, a American, r implied probability, c commission on profit):
r = 1/d; a > 0: d = 1 + a/100; a < 0: d = 1 + 100/|a|; d' = 1 + (d − 1)(1 − c).

Every function takes a float (returns a float) or an array of any shape (returns an array of that shape). NaN stands for
a missing quote and stays NaN. A price of 1 or less, or an American price with |a| < 100, raises ValueError: the usual
cause is one notation read as the other.
"""

from typing import overload

import numpy as np

from bet_intel.odds.arrays import FloatArray, IntArray, refuse, same_kind

_DECIMAL_RULE = "decimal odds must be finite and greater than 1 (is this an American price?)"
_AMERICAN_RULE = "American odds must be finite, +100 or more, or -100 or less (is this a decimal price?)"
_PROBABILITY_RULE = "an implied probability must lie strictly between 0 and 1"
_COMMISSION_RULE = "commission must be a share of the profit, 0 or more and less than 1"


def checked_decimal(price: float | FloatArray) -> FloatArray:
    """The price as an array; ValueError where it is not greater than 1 or is infinite."""
    decimal = np.asarray(price, dtype=np.float64)
    refuse((decimal <= 1.0) | np.isinf(decimal), decimal, _DECIMAL_RULE)
    return decimal


def checked_commission(commission: float | FloatArray) -> FloatArray:
    """The commission as an array; ValueError where it is not in [0, 1)."""
    share = np.asarray(commission, dtype=np.float64)
    refuse(~((share >= 0.0) & (share < 1.0)), share, _COMMISSION_RULE)
    return share


def _checked_american(american: float | FloatArray | IntArray) -> FloatArray:
    price = np.asarray(american, dtype=np.float64)
    refuse((np.abs(price) < 100.0) | np.isinf(price), price, _AMERICAN_RULE)
    return price


@overload
def implied_probability(price: float) -> float: ...
@overload
def implied_probability(price: FloatArray) -> FloatArray: ...
def implied_probability(price: float | FloatArray) -> float | FloatArray:
    """r = 1/d, margin included."""
    result: float | FloatArray = same_kind(1.0 / checked_decimal(price), price)
    return result


@overload
def decimal_price(probability: float) -> float: ...
@overload
def decimal_price(probability: FloatArray) -> FloatArray: ...
def decimal_price(probability: float | FloatArray) -> float | FloatArray:
    """d = 1/p, unrounded; ValueError where p is not strictly between 0 and 1."""
    p = np.asarray(probability, dtype=np.float64)
    refuse((p <= 0.0) | (p >= 1.0), p, _PROBABILITY_RULE)
    result: float | FloatArray = same_kind(1.0 / p, probability)
    return result


@overload
def american_to_decimal(american: float) -> float: ...
@overload
def american_to_decimal(american: FloatArray | IntArray) -> FloatArray: ...
def american_to_decimal(american: float | FloatArray | IntArray) -> float | FloatArray:
    """d = 1 + a/100 for a > 0, 1 + 100/|a| for a < 0; unrounded."""
    a = _checked_american(american)
    magnitude = np.abs(a)
    result: float | FloatArray = same_kind(1.0 + np.where(a > 0.0, magnitude / 100.0, 100.0 / magnitude), american)
    return result


@overload
def american_to_probability(american: float) -> float: ...
@overload
def american_to_probability(american: FloatArray | IntArray) -> FloatArray: ...
def american_to_probability(american: float | FloatArray | IntArray) -> float | FloatArray:
    """r = 100/(a + 100) for a > 0, |a|/(|a| + 100) for a < 0."""
    a = _checked_american(american)
    magnitude = np.abs(a)
    result: float | FloatArray = same_kind(np.where(a > 0.0, 100.0, magnitude) / (magnitude + 100.0), american)
    return result


@overload
def decimal_to_american(price: float) -> int: ...
@overload
def decimal_to_american(price: FloatArray) -> IntArray: ...
def decimal_to_american(price: float | FloatArray) -> int | IntArray:
    """The nearest integer American price; even money is +100. NaN raises ValueError: no integer says "missing"."""
    decimal = checked_decimal(price)
    refuse(np.isnan(decimal), decimal, "a missing price (NaN) has no American price; leave it out before converting")
    profit = decimal - 1.0
    american = np.where(profit >= 1.0, profit * 100.0, -100.0 / profit)
    refuse(np.abs(american) >= 2.0**53, decimal, "the American price of these odds is beyond exact integers")
    # −100.4 rounds to −100, which is even money; its one spelling here is +100.
    rounded = np.rint(american).astype(np.int64)
    rounded = np.where(rounded == -100, 100, rounded)
    return rounded if np.ndim(price) else int(rounded)


@overload
def net_price(price: float, commission: float) -> float: ...
@overload
def net_price(price: FloatArray, commission: float | FloatArray) -> FloatArray: ...
@overload
def net_price(price: float, commission: FloatArray) -> FloatArray: ...
def net_price(price: float | FloatArray, commission: float | FloatArray) -> float | FloatArray:
    """d' = 1 + (d − 1)(1 − c): what a winning back bet returns after commission c on its profit."""
    decimal = checked_decimal(price)
    share = checked_commission(commission)
    result: float | FloatArray = same_kind(1.0 + (decimal - 1.0) * (1.0 - share), price, commission)
    return result
