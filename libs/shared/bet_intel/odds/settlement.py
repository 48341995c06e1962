"""How a bet on a line is settled: whole lines return the stake on a push, quarter lines are two bets of half the stake.

A line is seen from one side as a threshold t: the bet wins where a whole-number result X lies above t (over t goals; a
home side at h covers where its margin exceeds −h). With W the whole number at most a quarter away:

| t | X > W | X = W | X < W |
|---|---|---|---|
| half (2.5) | won above t | – | lost below |
| whole (3) | won | returned | lost |
| W − ¼ (2.75: half at 2.5, half at 3) | won | half won | lost |
| W + ¼ (3.25: half at 3, half at 3.5) | won | half lost | lost |

The two-way prices of a line hold where the stake stands. With q the fair probability that their margin-free numbers
give, and s the share of the stake that is expected to stand (1 − π whole, 1 − π/2 quarter, π = P(X = W)):

EV = s·(q·d' − 1), which is p_win·(d' − 1) − p_lose on a whole line, and on a quarter line the mean of its neighbours.
"""

import enum
import math
from typing import NamedTuple

_QUARTERS = 4
_ROUNDING = 1e-12


class Split(enum.Enum):
    """What becomes of the stake where the result is the whole number beside the line."""

    NONE = "none"
    RETURNED = "returned"
    HALF_WON = "half_won"
    HALF_LOST = "half_lost"

    @property
    def standing(self) -> float:
        """How much of π is taken off the stake that stands: s = 1 − (1 − standing)·π."""
        return {Split.NONE: 1.0, Split.RETURNED: 0.0}.get(self, 0.5)

    @property
    def other_side(self) -> "Split":
        """The same for a bet on the other side of the line."""
        return {Split.HALF_WON: Split.HALF_LOST, Split.HALF_LOST: Split.HALF_WON}.get(self, self)


class Threshold(NamedTuple):
    """A line from the side that wins above it: what splits the stake, and the whole number at which it does (NaN on a
    half line)."""

    split: Split
    whole: float


class Settlement(NamedTuple):
    """Probabilities of the five ways a bet ends, adding up to 1."""

    won: float
    half_won: float
    returned: float
    half_lost: float
    lost: float

    @property
    def standing(self) -> float:
        """Expected share of the stake that is won or lost."""
        return 1.0 - self.returned - 0.5 * (self.half_won + self.half_lost)

    def expected_value(self, net_price: float) -> float:
        """EV per unit staked: won·b + half_won·b/2 − half_lost/2 − lost, with b = d' − 1."""
        return (self.won + 0.5 * self.half_won) * (net_price - 1.0) - 0.5 * self.half_lost - self.lost


def threshold(line: float) -> Threshold | None:
    """How a bet that wins above `line` is settled; None where the line is no multiple of a quarter."""
    quarters = line * _QUARTERS
    if not quarters.is_integer():
        return None
    whole = math.floor(line + 0.25)
    match int(quarters) % _QUARTERS:
        case 0:
            return Threshold(Split.RETURNED, float(whole))
        case 1:
            return Threshold(Split.HALF_LOST, float(whole))
        case 3:
            return Threshold(Split.HALF_WON, float(whole))
        case _:
            return Threshold(Split.NONE, math.nan)


class ResultBand(NamedTuple):
    """Whole-number results, both ends included."""

    lowest: float
    highest: float


def winning_band(above: float, below: float) -> ResultBand | None:
    """The results at which a bet above the line `above` and one below the line `below`, both multiples of a quarter,
    are both won in full; None where there is none.

    Above t everything from ⌊t + ¼⌋ + 1 on is won in full, below t everything up to ⌈t − ¼⌉ − 1. Where there is such a
    result, one of the two bets is won in full at every result, so that both are with P(first won) + P(second won) − 1.
    """
    lowest, highest = math.floor(above + 0.25) + 1, math.ceil(below - 0.25) - 1
    return ResultBand(float(lowest), float(highest)) if lowest <= highest else None


def settlement(probability: float, split: Split, push: float) -> Settlement | None:
    """The five ways of a bet whose fair probability where the stake stands is `probability`, with `push` = π.

    None where no result can be so: the push alone wins or loses more than the probability leaves for it.

    Raises:
        ValueError: a probability outside [0, 1].
    """
    for name, value in (("probability", probability), ("push", push)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must lie between 0 and 1, got {value}")
    if split is Split.NONE:
        return Settlement(probability, 0.0, 0.0, 0.0, 1.0 - probability)
    standing = 1.0 - (1.0 - split.standing) * push
    win, lose = probability * standing, (1.0 - probability) * standing
    match split:
        case Split.RETURNED:
            return Settlement(win, 0.0, push, 0.0, lose)
        case Split.HALF_WON:
            return _possible(win - 0.5 * push, push, 0.0, lose)
        case Split.HALF_LOST:
            return _possible(win, 0.0, push, lose - 0.5 * push)


def _possible(won: float, half_won: float, half_lost: float, lost: float) -> Settlement | None:
    if won < -_ROUNDING or lost < -_ROUNDING:
        return None
    return Settlement(max(won, 0.0), half_won, 0.0, half_lost, max(lost, 0.0))


def line_probability(split: Split, below: float, above: float) -> float | None:
    """The fair probability q of a line, where the stake stands, from its result's curve.

    `below` = P(X > W − ½) and `above` = P(X > W + ½), of which the push is the difference. On a half line give its
    own P(X > t) as both. None where the curve rises (`above` > `below`), or leaves no stake standing.

    q = above/(1 − π) whole; (above + π/2)/(1 − π/2) where half is won; above/(1 − π/2) where half is lost.
    """
    push = below - above
    if not (0.0 <= above <= below <= 1.0) or push == 1.0:
        return None
    standing = 1.0 - (1.0 - split.standing) * push
    won = above + (0.5 * push if split is Split.HALF_WON else 0.0)
    return won / standing


def push_probability(split: Split, probability: float, below: float, above: float, disagreement: float) -> float:
    """π of a line with the fair probability `probability` = q, from the half lines beside its whole number.

    `below` = P(X > W − ½) and `above` = P(X > W + ½), NaN where one is not known. With both π is their difference; with
    one it is what brings q and that line together:

    | split | from `above` | from `below` |
    |---|---|---|
    | returned | 1 − above/q | 1 − (1 − below)/(1 − q) |
    | half won | 2(q − above)/(1 + q) | 2(1 − (1 − below)/(1 − q)) |
    | half lost | 2(1 − above/q) | 2(below − q)/(2 − q) |

    NaN where neither is known, where the numbers contradict each other (a curve that rises, a line that cannot be
    settled so), or where the two half lines put q more than `disagreement` elsewhere.
    """
    q = probability
    if not 0.0 < q < 1.0:
        return math.nan
    if not math.isnan(below) and not math.isnan(above):
        implied = line_probability(split, below, above)
        push = math.nan if implied is None or abs(implied - q) > disagreement else below - above
    elif not math.isnan(above):
        push = 2.0 * (q - above) / (1.0 + q) if split is Split.HALF_WON else 1.0 - above / q
        push = 2.0 * push if split is Split.HALF_LOST else push
    elif not math.isnan(below):
        push = 2.0 * (below - q) / (2.0 - q) if split is Split.HALF_LOST else 1.0 - (1.0 - below) / (1.0 - q)
        push = 2.0 * push if split is Split.HALF_WON else push
    else:
        return math.nan
    possible = 0.0 <= push < 1.0 and settlement(q, split, push) is not None
    return push if possible else math.nan
