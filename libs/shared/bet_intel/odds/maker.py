"""Maker odds: the price to offer on an exchange, so that the bet has a wanted EV after commission if it is taken.

EV is linear in what a won bet pays, however the bet may end, so that each price is in closed form. `ways` are those of
a bet to back the outcome; with W = won + half_won/2 and L = lost + half_lost/2, the shares of the stake that are
expected to win and to lose, what is left of 1 comes back. c is the commission on the profit.
"""

import math

from bet_intel.odds.settlement import Settlement

_SURE = 1e-12


def maker_back_price(ways: Settlement, commission: float, wanted_ev: float) -> float | None:
    """The odds to ask for, backing: W·(d − 1)(1 − c) − L = EV, per unit staked.

    d = 1 + (L + EV)/(W·(1 − c)). None where no price above 1 has that EV.

    Raises:
        ValueError: probabilities that are none, or do not add up to 1, or a commission outside [0, 1).
    """
    win, lose = _shares(ways, commission)
    profit = lose + wanted_ev
    return _price(1.0 + profit / (win * (1.0 - commission))) if win > 0.0 and profit > 0.0 else None


def maker_lay_price(ways: Settlement, commission: float, wanted_ev: float) -> float | None:
    """The odds to offer, laying: (L·(1 − c) − W·(d − 1))/(d − 1) = EV, per unit of liability.

    d = 1 + L·(1 − c)/(W + EV). None where no price above 1 has that EV.

    Raises:
        ValueError: as above.
    """
    win, lose = _shares(ways, commission)
    risk = win + wanted_ev
    return _price(1.0 + lose * (1.0 - commission) / risk) if lose > 0.0 and risk > 0.0 else None


def _price(price: float) -> float | None:
    # What is no more than rounding above 1, or beyond every number, is no price.
    return price if 1.0 < price < math.inf else None


def _shares(ways: Settlement, commission: float) -> tuple[float, float]:
    if not (min(ways) >= 0.0 and abs(math.fsum(ways) - 1.0) <= _SURE):
        raise ValueError(f"the ways a bet ends must be 0 or more each and add up to 1, got {tuple(ways)}")
    if not 0.0 <= commission < 1.0:
        raise ValueError(f"commission must be a share of the profit, 0 or more and less than 1, got {commission}")
    return ways.won + 0.5 * ways.half_won, ways.lost + 0.5 * ways.half_lost
