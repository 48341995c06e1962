"""Maker odds: the price to offer on an exchange, so that the bet has a wanted EV after commission if it is taken.

EV is linear in what a won bet pays, so that each price is in closed form. p_win and p_lose are those of the outcome;
what is left of 1 returns the stake. c is the commission on the profit.
"""

_SURE = 1e-12


def maker_back_price(p_win: float, p_lose: float, commission: float, wanted_ev: float) -> float | None:
    """The odds to ask for, backing: p_win·(d − 1)(1 − c) − p_lose = EV, per unit staked.

    d = 1 + (p_lose + EV)/(p_win·(1 − c)). None where no price above 1 has that EV.

    Raises:
        ValueError: probabilities that are none, or a commission outside [0, 1).
    """
    _check(p_win, p_lose, commission)
    profit = p_lose + wanted_ev
    return 1.0 + profit / (p_win * (1.0 - commission)) if p_win > 0.0 and profit > 0.0 else None


def maker_lay_price(p_win: float, p_lose: float, commission: float, wanted_ev: float) -> float | None:
    """The odds to offer, laying: (p_lose·(1 − c) − p_win·(d − 1))/(d − 1) = EV, per unit of liability.

    d = 1 + p_lose·(1 − c)/(p_win + EV). None where no price above 1 has that EV.

    Raises:
        ValueError: as above.
    """
    _check(p_win, p_lose, commission)
    risk = p_win + wanted_ev
    return 1.0 + p_lose * (1.0 - commission) / risk if p_lose > 0.0 and risk > 0.0 else None


def _check(p_win: float, p_lose: float, commission: float) -> None:
    if not (p_win >= 0.0 and p_lose >= 0.0 and p_win + p_lose <= 1.0 + _SURE):
        raise ValueError(f"p_win and p_lose must be 0 or more and together at most 1, got {p_win} and {p_lose}")
    if not 0.0 <= commission < 1.0:
        raise ValueError(f"commission must be a share of the profit, 0 or more and less than 1, got {commission}")
