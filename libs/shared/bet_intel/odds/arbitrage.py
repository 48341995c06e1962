"""Stakes that cover every outcome: shares, the profit they lock in, and stakes that can really be placed.

A set of legs covers a market where exactly one of them wins. With d′ the net prices, stakes in inverse proportion to d′
return the same whichever wins: 1/Σ(1/d′) per unit staked in all. Below Σ(1/d′) = 1 that is a profit (arbitrage).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import overload

import numpy as np

from bet_intel.odds.arrays import FloatArray, same_kind
from bet_intel.odds.conversion import checked_commission, checked_decimal

Number = float | FloatArray
_SURELY = 1.0 + 1e-6


@overload
def lay_as_back(lay_price: float, commission: float) -> float: ...
@overload
def lay_as_back(lay_price: FloatArray, commission: Number) -> FloatArray: ...
def lay_as_back(lay_price: Number, commission: Number) -> Number:
    """1 + (1 − c)/(d − 1): the net price, per unit of liability, of the outcome's not coming, which a lay at d backs.

    ValueError: a price of 1 or less, a commission outside [0, 1).
    """
    net = 1.0 + (1.0 - checked_commission(commission)) / (checked_decimal(lay_price) - 1.0)
    result: Number = same_kind(net, lay_price, commission)
    return result


def stake_shares(net_prices: Sequence[float]) -> tuple[float, ...]:
    """Shares of the whole stake, (1/d′)/Σ(1/d′), summing to 1: the same is returned whichever leg wins.

    ValueError: no price, or one of 1 or less.
    """
    # Plain floats: the legs are two or three, and there are many such sets.
    if not net_prices or not all(1.0 < price < math.inf for price in net_prices):
        checked_decimal(np.asarray(net_prices, dtype=np.float64))
        raise ValueError(f"every leg needs a price, got {list(net_prices)}")
    inverse = [1.0 / price for price in net_prices]
    whole = math.fsum(inverse)
    return tuple([share / whole for share in inverse])


@dataclass(frozen=True, slots=True)
class Stakes:
    """Stakes of the legs, multiples of the step, and what is won or lost in all when each of them wins."""

    stakes: tuple[Decimal, ...]
    profits: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        return sum(self.stakes, Decimal(0))

    @property
    def worst(self) -> Decimal:
        """The profit that is certain; below 0 it is a loss."""
        return min(self.profits)


def liability_step(step: Decimal, lay_price: float) -> Decimal:
    """step·(d − 1): the liability of a lay at d whose backer's stake, which is what an exchange takes, is `step`.

    ValueError: a price of 1 or less.
    """
    checked_decimal(lay_price)
    return step * (Decimal(repr(float(lay_price))) - 1)


def rounded_stakes(
    net_prices: Sequence[float],
    total: Decimal,
    step: Decimal | Sequence[Decimal],
    limits: Sequence[float | None] | None = None,
) -> Stakes:
    """About `total` on all legs in multiples of `step` (one of all legs, or one of each), no leg above its limit, the
    profit taken after rounding.

    Where a limit binds, all stakes shrink in proportion. Each stake is rounded to the nearest step; then, as long as
    that raises the profit that is certain, one step more is put on the leg that returns least. A total too small for
    the step gives stakes of 0 somewhere, and a loss.

    ValueError: `total` or a step is not above 0, a price is 1 or less, or the numbers of prices, steps and limits
    differ.
    """
    steps = _steps(step, len(net_prices))
    if not (total > 0 and all(each > 0 for each in steps)):
        raise ValueError(f"total and step must be above 0, got {total} and {step}")
    shares = [Decimal(repr(share)) for share in stake_shares(net_prices)]
    prices = [Decimal(repr(float(price))) for price in net_prices]
    ceilings = _ceilings(limits, steps)
    scale = min([total, *(ceiling / share for ceiling, share in zip(ceilings, shares, strict=True) if ceiling >= 0)])
    stakes = [
        _capped(_to_step(share * scale, each, ROUND_HALF_EVEN), ceiling)
        for share, each, ceiling in zip(shares, steps, ceilings, strict=True)
    ]
    best = _outcome(stakes, prices)
    for _ in prices:
        least = min(range(len(prices)), key=lambda leg: best.profits[leg])
        more = [*best.stakes]
        more[least] += steps[least]
        again = _outcome(more, prices)
        if again.worst <= best.worst or 0 <= ceilings[least] < more[least] or again.total > max(total, best.total):
            break
        best = again
    return best


def survives_rounding(
    net_prices: Sequence[float],
    total: Decimal,
    step: Decimal | Sequence[Decimal],
    limits: Sequence[float | None] | None = None,
) -> bool:
    """Whether :func:`rounded_stakes` leave a profit whatever wins; arguments and errors as there.

    Rounding moves no stake by more than half a step, and with it the profit of no leg by more than half the largest
    step times d′ + n. Only where that may be all of it are the stakes worked out.
    """
    steps = _steps(step, len(net_prices))
    unlimited = limits is None or not any(limit is not None and math.isfinite(limit) for limit in limits)
    if unlimited and min(steps, default=0) > 0 and len(net_prices) > 1 and min(net_prices) > 1.0:
        sure = float(total) * (1.0 / math.fsum([1.0 / price for price in net_prices]) - 1.0)
        if sure > float(max(steps)) * 0.5 * (max(net_prices) + len(net_prices)) * _SURELY:
            return True
    return rounded_stakes(net_prices, total, steps, limits).worst > 0


def _steps(step: Decimal | Sequence[Decimal], legs: int) -> Sequence[Decimal]:
    if isinstance(step, Decimal):
        return [step] * legs
    if len(step) != legs:
        raise ValueError(f"{legs} prices have {len(step)} steps")
    return step


def _ceilings(limits: Sequence[float | None] | None, steps: Sequence[Decimal]) -> list[Decimal]:
    """The highest stake of each leg in whole steps, −1 where there is no limit."""
    known = [None] * len(steps) if limits is None else list(limits)
    if len(known) != len(steps):
        raise ValueError(f"{len(steps)} prices have {len(known)} limits")
    return [
        Decimal(-1) if limit is None or not np.isfinite(limit) else _to_step(Decimal(repr(limit)), step, ROUND_FLOOR)
        for limit, step in zip(known, steps, strict=True)
    ]


def _capped(stake: Decimal, ceiling: Decimal) -> Decimal:
    return min(stake, ceiling) if ceiling >= 0 else stake


def _to_step(amount: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (amount / step).quantize(Decimal(1), rounding) * step


def _outcome(stakes: Sequence[Decimal], prices: Sequence[Decimal]) -> Stakes:
    total = sum(stakes, Decimal(0))
    return Stakes(tuple(stakes), tuple(stake * price - total for stake, price in zip(stakes, prices, strict=True)))
