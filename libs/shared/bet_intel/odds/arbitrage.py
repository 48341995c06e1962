"""Stakes that cover every outcome: shares, the profit they lock in, and stakes that can really be placed.

A set of legs covers a market where at every result w of them win, as a rule one. With d′ the net prices, stakes in
inverse proportion to d′ return the same whichever win: w/Σ(1/d′) per unit staked in all. Below Σ(1/d′) = w that is a
profit (arbitrage).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple, overload

import numpy as np

from bet_intel.odds.arrays import FloatArray, same_kind
from bet_intel.odds.conversion import checked_commission, checked_decimal
from bet_intel.odds.settlement import Split

Number = float | FloatArray
_NEAR = 1e-6
_TRIED = 1200


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
    """Stakes of the legs, multiples of the step, and what is won or lost in all when each of them wins: where several
    win at once, beside those that return least."""

    stakes: tuple[Decimal, ...]
    profits: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        return sum(self.stakes, Decimal(0))

    def where_split(self, splits: Sequence[Split]) -> Decimal | None:
        """What is won or lost where the result is the number beside the line that all legs are on; None on a line that
        has none.

        A whole line returns every stake. On a quarter line one leg wins by half a stake and the others lose half of
        theirs, which in all is half of what is won when that leg wins.
        """
        if Split.RETURNED in splits:
            return Decimal(0)
        return self.profits[splits.index(Split.HALF_WON)] / 2 if Split.HALF_WON in splits else None

    @property
    def worst(self) -> Decimal:
        """The profit that is certain where no stake is returned; below 0 it is a loss."""
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
    winning: int = 1,
) -> Stakes:
    """At most `total` on all legs in multiples of `step` (one of all legs, or one of each), no leg above its limit, the
    profit taken after rounding. `winning` of them win.

    Where a limit binds, all stakes shrink in proportion. Each stake is rounded to the nearest step; where they are more
    than the total together, as few steps as can be are taken off, of those that leave the highest profit that is
    certain. Then, as long as that raises it, and within the total, one step more is put on the leg that returns least.
    Where that leaves none of what unrounded stakes would win, others within the total and the limits are tried, because
    they may divide better. A total too small for the step gives stakes of 0 somewhere, and a loss.

    ValueError: `total` or a step is not above 0, a price is 1 or less, or the numbers of prices, steps and limits
    differ.
    """
    steps = _steps(step, len(net_prices))
    if not (total > 0 and all(each > 0 for each in steps)):
        raise ValueError(f"total and step must be above 0, got {total} and {step}")
    shares = [Decimal(repr(share)) for share in stake_shares(net_prices)]
    prices = [Decimal(repr(float(price))) for price in net_prices]
    legs = _Legs(shares, prices, steps, _ceilings(limits, steps), total, winning)
    scale = min([total, *(most / share for most, share in zip(legs.ceilings, shares, strict=True) if most >= 0)])
    best = legs.placed(scale)
    # What loses by its prices would lose least with no stake at all.
    wins = math.fsum([1.0 / price for price in net_prices]) < winning
    if wins and best.worst <= 0 and (other := legs.divides_better(best)) is not None and other.worst > 0:
        return other
    return best


class _Legs(NamedTuple):
    """What the stakes of each leg are made of; `ceilings` as of :func:`_ceilings`."""

    shares: Sequence[Decimal]
    prices: Sequence[Decimal]
    steps: Sequence[Decimal]
    ceilings: Sequence[Decimal]
    total: Decimal
    winning: int

    def placed(self, scale: Decimal) -> Stakes:
        """The stakes of `scale` in all, rounded to what the total allows, and one step more on a leg where that is
        better."""
        best = self.within(
            [
                _capped(_to_step(share * scale, step, ROUND_HALF_EVEN), ceiling)
                for share, step, ceiling in zip(self.shares, self.steps, self.ceilings, strict=True)
            ]
        )
        for _ in self.prices:
            least = min(range(len(self.prices)), key=lambda leg: best.profits[leg])
            more = [*best.stakes]
            more[least] += self.steps[least]
            again = self.outcome(more)
            above = 0 <= self.ceilings[least] < more[least] or again.total > self.total
            if again.worst <= best.worst or above:
                break
            best = again
        return best

    def within(self, stakes: list[Decimal]) -> Stakes:
        """`stakes` that were rounded to the nearest step, with steps taken off until they are no more than the total:
        one of the legs of which one is enough, or else of the largest, each once. Without one step of each that was
        rounded up they are always within it."""
        left = [leg for leg, stake in enumerate(stakes) if stake > 0]
        while (over := sum(stakes, Decimal(0)) - self.total) > 0:
            enough = min(over, max([self.steps[leg] for leg in left]))
            less = [
                (leg, self.outcome([*stakes[:leg], stakes[leg] - self.steps[leg], *stakes[leg + 1 :]]))
                for leg in left
                if self.steps[leg] >= enough
            ]
            # Of steps of one size the leg that returns most gives its own: the least return is what is certain.
            taken, best = max(less, key=lambda each: (each[1].worst, self.prices[each[0]] * each[1].stakes[each[0]]))
            stakes = list(best.stakes)
            left.remove(taken)
        return self.outcome(stakes)

    def outcome(self, stakes: Sequence[Decimal]) -> Stakes:
        return _outcome(stakes, self.prices, self.winning)

    def divides_better(self, placed: Stakes) -> Stakes | None:
        """Of stakes of up to one step more than those `placed`, or fewer, on one leg, and on the others as many as
        return as much, those of which most is left; None where there are none. Whichever leg returns least in the best
        stakes, the others need no more than that. Looked for in plain floats: only those found are worked out."""
        legs = len(self.prices)
        steps, prices = np.array((self.steps, self.prices), dtype=np.float64)[..., np.newaxis]
        tried = [
            np.arange(max(1, most - _TRIED // legs), most + 2) * float(step * price)
            for step, price, most in zip(
                self.steps,
                self.prices,
                [int(stake / step) for stake, step in zip(placed.stakes, self.steps, strict=True)],
                strict=True,
            )
        ]
        wanted = np.concatenate(tried) / (steps * prices)
        counts = np.ceil(wanted - _NEAR)
        if self.winning > 1:
            # One of several that win may return less where another returns more.
            counts = np.concatenate([counts, np.rint(wanted), np.maximum(np.floor(wanted), 1.0)], axis=1)
        stakes = counts * steps
        whole = stakes.sum(axis=0)
        ceilings = np.array([float(most) if most >= 0 else math.inf for most in self.ceilings])[:, np.newaxis]
        over = (whole > float(self.total) + _NEAR) | (stakes > ceilings + _NEAR).any(axis=0)
        returned = np.sort(stakes * prices, axis=0)[: self.winning].sum(axis=0)
        left = np.where(over, -math.inf, returned - whole)
        best = left.argmax()
        if over[best]:
            return None
        found = [step * int(number) for step, number in zip(self.steps, counts[:, best], strict=True)]
        return self.outcome(found) if sum(found, Decimal(0)) <= self.total else None


def _worst(stakes: Sequence[float], prices: Sequence[float], winning: int) -> float:
    returned = sorted([stake * price for stake, price in zip(stakes, prices, strict=True)])
    return sum(returned[:winning]) - sum(stakes)


def survives_rounding(
    net_prices: Sequence[float],
    total: Decimal,
    step: Decimal | Sequence[Decimal],
    limits: Sequence[float | None] | None = None,
    winning: int = 1,
) -> bool:
    """Whether :func:`rounded_stakes` leave a profit whatever wins; arguments and errors as there.

    In plain floats first: only where these leave no profit to speak of, or a limit may bind, are the stakes worked out.
    """
    steps = _steps(step, len(net_prices))
    unlimited = limits is None or not any(limit is not None and math.isfinite(limit) for limit in limits)
    if unlimited and min(steps, default=0) > 0 and len(net_prices) > 1 and min(net_prices) > 1.0:
        whole, sizes = float(total), [float(each) for each in steps]
        wanted = [share * whole / size for share, size in zip(stake_shares(net_prices), sizes, strict=True)]
        counts = [round(number) for number in wanted]
        # Which way a half is rounded is for decimals to say, and which steps are taken off what is above the total.
        sure = min([abs(number % 1.0 - 0.5) for number in wanted]) > _NEAR
        if sure and sum([each * count for each, count in zip(steps, counts, strict=True)]) <= total:
            stakes = [size * count for size, count in zip(sizes, counts, strict=True)]
            if _worst(stakes, net_prices, winning) > _NEAR * whole:
                return True
    return rounded_stakes(net_prices, total, steps, limits, winning).worst > 0


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


def _outcome(stakes: Sequence[Decimal], prices: Sequence[Decimal], winning: int) -> Stakes:
    total = sum(stakes, Decimal(0))
    returned = [stake * price for stake, price in zip(stakes, prices, strict=True)]
    if winning == 1:
        return Stakes(tuple(stakes), tuple([each - total for each in returned]))
    least = sorted(returned)
    # Beside one of those that return least win the others of these, beside any other the least but one of them.
    beside, bound = sum(least[: winning - 1], Decimal(0)), least[winning - 1]
    profits = [max(each, bound) + beside - total for each in returned]
    return Stakes(tuple(stakes), tuple(profits))
