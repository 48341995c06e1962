"""Expected value, Kelly stake and exchange mid.

Probabilities are fair probabilities of winning, prices decimal; `net_price` is the price after commission, d'. Every
function takes floats (returns a float) or arrays that broadcast (returns an array). NaN stands for missing and stays
NaN. ValueError: a probability outside [0, 1], a price of 1 or less, a commission outside [0, 1).
"""

from typing import overload

import numpy as np

from bet_intel.odds.arrays import FloatArray, refuse, same_kind
from bet_intel.odds.conversion import checked_commission, checked_decimal

Number = float | FloatArray


def _checked_probability(probability: Number) -> FloatArray:
    p = np.asarray(probability, dtype=np.float64)
    refuse((p < 0.0) | (p > 1.0), p, "a probability must lie between 0 and 1")
    return p


@overload
def expected_value(probability: float, net_price: float) -> float: ...
@overload
def expected_value(probability: FloatArray, net_price: Number) -> FloatArray: ...
@overload
def expected_value(probability: float, net_price: FloatArray) -> FloatArray: ...
def expected_value(probability: Number, net_price: Number) -> Number:
    """EV = p·d' − 1 per unit staked."""
    ev = _checked_probability(probability) * checked_decimal(net_price) - 1.0
    result: Number = same_kind(ev, probability, net_price)
    return result


@overload
def expected_value_with_push(p_win: float, p_lose: float, net_price: float) -> float: ...
@overload
def expected_value_with_push(p_win: FloatArray, p_lose: FloatArray, net_price: Number) -> FloatArray: ...
def expected_value_with_push(p_win: Number, p_lose: Number, net_price: Number) -> Number:
    """EV = p_win·(d' − 1) − p_lose per unit staked; what is left of 1 is the push, which returns it."""
    win, lose = _checked_probability(p_win), _checked_probability(p_lose)
    refuse(win + lose > 1.0 + 1e-12, win + lose, "winning and losing together must not exceed probability 1")
    ev = win * (checked_decimal(net_price) - 1.0) - lose
    result: Number = same_kind(ev, p_win, p_lose, net_price)
    return result


@overload
def lay_expected_value(probability: float, lay_price: float, commission: float) -> float: ...
@overload
def lay_expected_value(probability: FloatArray, lay_price: Number, commission: Number) -> FloatArray: ...
def lay_expected_value(probability: Number, lay_price: Number, commission: Number) -> Number:
    """EV = ((1 − p)(1 − c) − p(d − 1))/(d − 1) per unit of liability, laying at d with commission c on the profit."""
    p, share = _checked_probability(probability), checked_commission(commission)
    liability = checked_decimal(lay_price) - 1.0
    ev = ((1.0 - p) * (1.0 - share) - p * liability) / liability
    result: Number = same_kind(ev, probability, lay_price, commission)
    return result


@overload
def free_bet_expected_value(probability: float, net_price: float) -> float: ...
@overload
def free_bet_expected_value(probability: FloatArray, net_price: Number) -> FloatArray: ...
def free_bet_expected_value(probability: Number, net_price: Number) -> Number:
    """EV = p·(d' − 1) per unit of free bet, whose stake is not returned."""
    ev = _checked_probability(probability) * (checked_decimal(net_price) - 1.0)
    result: Number = same_kind(ev, probability, net_price)
    return result


@overload
def kelly_fraction(probability: float, net_price: float) -> float: ...
@overload
def kelly_fraction(probability: FloatArray, net_price: Number) -> FloatArray: ...
@overload
def kelly_fraction(probability: float, net_price: FloatArray) -> FloatArray: ...
def kelly_fraction(probability: Number, net_price: Number) -> Number:
    """f = (p·d' − 1)/(d' − 1) of the bankroll, 0 where the bet has no positive EV (Kelly 1956, one bet)."""
    d = checked_decimal(net_price)
    f = np.maximum((_checked_probability(probability) * d - 1.0) / (d - 1.0), 0.0)
    result: Number = same_kind(f, probability, net_price)
    return result


@overload
def exchange_mid(back: float, lay: float, max_spread: float = 0.10) -> float: ...
@overload
def exchange_mid(back: FloatArray, lay: FloatArray, max_spread: float = 0.10) -> FloatArray: ...
def exchange_mid(back: Number, lay: Number, max_spread: float = 0.10) -> Number:
    """(1/back + 1/lay)/2: the implied probability in the middle of an exchange's best back and lay prices.

    NaN where one side is missing, where 1/back is more than `max_spread` above 1/lay, or below it: in a nearly empty
    book the middle of two placeholders is nobody's price, and a crossed one is in error, as nobody leaves it so.
    """
    offered, asked = 1.0 / checked_decimal(back), 1.0 / checked_decimal(lay)
    spread = offered - asked  # below 0 where the book is crossed
    mid = np.where((spread >= 0.0) & (spread <= max_spread), 0.5 * (offered + asked), np.nan)
    result: Number = same_kind(mid, back, lay)
    return result
