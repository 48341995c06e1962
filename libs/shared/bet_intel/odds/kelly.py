"""Kelly stakes: the shares of a bankroll that let its logarithm grow most (Kelly 1956).

Plain numbers: a stake is worked out for the few prices that beat their fair price. `net_price` is decimal, after
commission.
"""

import math
from collections.abc import Sequence

from bet_intel.odds.settlement import Settlement

_SURE = 1e-9  # by how much rounding may bring a sum of probabilities above 1


def kelly_settled(ways: Settlement, net_price: float) -> float:
    """The stake of one bet that may also be returned, half won or half lost; 0 where its EV is not positive.

    It maximises won·ln(1 + f·b) + half_won·ln(1 + f·b/2) + half_lost·ln(1 − f/2) + lost·ln(1 − f), b = d' − 1. A
    returned stake leaves the bankroll as it is and moves nothing: on a whole line f is that of the stake that stands.
    The derivative is zero where a quadratic is (a line splits the stake one way, so that three terms are left).

    Raises:
        ValueError: the price is not above 1, or the bet is half won and half lost by one line.
    """
    b = net_price - 1.0
    if not b > 0.0:
        raise ValueError(f"a price must be above 1, got {net_price}")
    if ways.half_won > 0.0 and ways.half_lost > 0.0:
        raise ValueError("a line splits the stake one way: half_won and half_lost cannot both be above 0")
    if ways.expected_value(net_price) <= 0.0:
        return 0.0
    if ways.half_won > 0.0:
        return _root(ways.won, ways.half_won, ways.lost, b, half=b / 2.0)
    if ways.half_lost > 0.0:
        return _root(ways.won, ways.half_lost, ways.lost, b, half=-0.5)
    standing = ways.won + ways.lost
    return (ways.won * b - ways.lost) / (b * standing)


def _root(won: float, split: float, lost: float, b: float, half: float) -> float:
    """The f in (0, 1] with won·b/(1 + f·b) + split·h/(1 + f·h) − lost/(1 − f) = 0, h what half the stake returns.

    Multiplied out it is A·f² + B·f + C = 0, where C is the EV: positive at 0, and not positive at 1.
    """
    a = -b * half * (won + split + lost)
    linear = won * b * (half - 1.0) + split * half * (b - 1.0) - lost * (b + half)
    constant = won * b + split * half - lost
    # Of the two forms of the root the one without cancellation; for h < 0 both roots are positive: the smaller counts.
    discriminant = math.sqrt(max(linear * linear - 4.0 * a * constant, 0.0))
    if linear <= 0.0:
        return min(2.0 * constant / (-linear + discriminant), 1.0)
    return min((-linear - discriminant) / (2.0 * a), 1.0)


def kelly_exclusive(probability: Sequence[float], net_price: Sequence[float]) -> list[float]:
    """The stakes on outcomes of which one wins, taken together: in the order given, 0 where none is worth staking.

    By Smoczynski and Tomkins ("An explicit solution to the problem of optimizing the allocations of a bettor's wealth
    when wagering on horse races", Mathematical Scientist 35, 2010): outcomes by falling p·d', each added while p·d'
    exceeds the reserve R = (1 − Σp)/(1 − Σ1/d') of those before it; f = p − R/d'. An outcome may be worth a stake that
    alone has a negative EV: it insures the others. Outcomes without a price that can be had are left out of both lists.
    Where every outcome is there and Σ1/d' < 1, R is 0 and the whole bankroll is staked: no result loses.

    Raises:
        ValueError: lists of different lengths, a price not above 1, a probability outside [0, 1], Σp above 1.
    """
    if len(probability) != len(net_price):
        raise ValueError(f"each probability needs its price, got {len(probability)} and {len(net_price)}")
    if not all(d > 1.0 for d in net_price):
        raise ValueError(f"a price must be above 1, got {list(net_price)}")
    if not all(0.0 <= p <= 1.0 for p in probability) or math.fsum(probability) > 1.0 + _SURE:
        raise ValueError(f"probabilities must lie between 0 and 1 and add up to at most 1, got {list(probability)}")
    chosen: list[int] = []
    reserve, left, spread = 1.0, 1.0, 1.0
    for i in sorted(range(len(net_price)), key=lambda i: -probability[i] * net_price[i]):
        if probability[i] * net_price[i] <= reserve:
            break
        rest = spread - 1.0 / net_price[i]
        if rest <= 0.0:
            # Only rounding brings a price here that the sums of p ≤ 1 would not.
            break
        chosen.append(i)
        left, spread = max(left - probability[i], 0.0), rest
        reserve = left / spread
    stakes = [0.0] * len(net_price)
    for i in chosen:
        stakes[i] = max(probability[i] - reserve / net_price[i], 0.0)
    return stakes


def scaled_stakes(stakes: Sequence[float], fraction: float, cap: float) -> list[float]:
    """A `fraction` of each stake, all reduced in proportion where together they exceed `cap`.

    Raises:
        ValueError: a fraction or cap outside (0, 1].
    """
    if not (0.0 < fraction <= 1.0 and 0.0 < cap <= 1.0):
        raise ValueError(f"fraction and cap must lie above 0 and not above 1, got {fraction} and {cap}")
    total = fraction * math.fsum(stakes)
    factor = fraction if total <= cap else fraction * (cap / total)
    return [stake * factor for stake in stakes]
