"""The simulated bookmakers: how each sees the true probabilities, and what it makes of them.

The keys are those of the field, so that weights and commissions set for real bookmakers apply; the titles say that the
prices are simulated.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Ladder = tuple[tuple[float, float], ...]
"""Price steps: (up to this price, in steps of)."""

_HUNDREDTHS: Ladder = ((math.inf, 0.01),)
_TRADITIONAL: Ladder = ((1.5, 0.01), (2.0, 0.02), (3.0, 0.05), (5.0, 0.1), (10.0, 0.25), (math.inf, 1.0))
_EXCHANGE: Ladder = (
    (2.0, 0.01), (3.0, 0.02), (4.0, 0.05), (6.0, 0.1), (10.0, 0.2), (20.0, 0.5), (30.0, 1.0), (math.inf, 2.0),
)  # fmt: skip
_LOWEST_PRICE = 1.01


@dataclass(frozen=True, slots=True)
class Bookmaker:
    """A bookmaker's manners.

    `margin` is the overround of a market (for an exchange: the distance of each side from the true probability,
    relative). Prices are confirmed every `interval` seconds and follow the truth `lag` seconds late. `bias` is the
    half range of a lasting error per match, in log-odds. `blunder` is the chance that one price of a market is wrong
    for some minutes. `limit` is the largest stake told, if any.
    """

    key: str
    title: str
    margin: float
    interval: int
    lag: float
    bias: float
    blunder: float
    ladder: Ladder
    opens_after: float = 0.0
    is_exchange: bool = False
    quarter_lines: bool = False
    limit: int | None = None


BOOKMAKERS = (
    Bookmaker("pinnacle", "Pinnacle (simulated)", 0.024, 10, 4.0, 0.008, 0.01, _HUNDREDTHS, 0.0, False, True, 5000),
    Bookmaker("betfair_ex_eu", "Betfair (simulated)", 0.004, 8, 6.0, 0.006, 0.0, _EXCHANGE, 0.0, True, False, 800),
    Bookmaker("bet365", "bet365 (simulated)", 0.048, 24, 45.0, 0.015, 0.05, _TRADITIONAL, 300.0),
    Bookmaker("draftkings", "DraftKings (simulated)", 0.045, 20, 40.0, 0.02, 0.06, _HUNDREDTHS, 600.0),
    Bookmaker("fanduel", "FanDuel (simulated)", 0.044, 20, 60.0, 0.02, 0.06, _HUNDREDTHS, 600.0),
    Bookmaker("betmgm", "BetMGM (simulated)", 0.05, 30, 90.0, 0.02, 0.08, _TRADITIONAL, 900.0),
    Bookmaker("williamhill", "William Hill (simulated)", 0.06, 40, 120.0, 0.025, 0.1, _TRADITIONAL, 900.0),
    Bookmaker("unibet_eu", "Unibet (simulated)", 0.052, 30, 100.0, 0.02, 0.08, _HUNDREDTHS, 600.0, quarter_lines=True),
    Bookmaker("bovada", "Bovada (simulated)", 0.056, 45, 180.0, 0.03, 0.1, _TRADITIONAL, 1200.0),
    Bookmaker("betsson", "Betsson (simulated)", 0.058, 60, 150.0, 0.025, 0.1, _HUNDREDTHS, 900.0),
)  # fmt: skip


class Quoted(NamedTuple):
    """Prices of one market in the order of its outcomes; `lay` is empty for all but an exchange."""

    back: list[float]
    lay: list[float]


def quote(bookmaker: Bookmaker, probabilities: Sequence[float]) -> Quoted:
    """Decimal odds for exclusive outcomes of the given probabilities (sum 1).

    A bookmaker's margin is laid on each outcome in proportion to p(1 − p), so that long shots carry relatively more of
    it, as they do at real ones.
    """
    if bookmaker.is_exchange:
        ladder, margin = bookmaker.ladder, bookmaker.margin
        return Quoted(
            [_on_ladder(1.0 / (p * (1.0 + margin)), ladder, math.floor) for p in probabilities],
            [_on_ladder(1.0 / (p * (1.0 - margin)), ladder, math.ceil) for p in probabilities],
        )
    share = bookmaker.margin / sum(p * (1.0 - p) for p in probabilities)
    return Quoted([on_ladder(1.0 / (p + share * p * (1.0 - p)), bookmaker.ladder) for p in probabilities], [])


def on_ladder(price: float, ladder: Ladder) -> float:
    """The price of the ladder nearest to `price`."""
    return _on_ladder(price, ladder, round)


def _on_ladder(price: float, ladder: Ladder, rounding: Callable[[float], int]) -> float:
    for upper, step in ladder:
        if price <= upper:
            # 1e-9: a price that stands on a step must not fall off it by the error of the division.
            steps = rounding(price / step + (1e-9 if rounding is math.floor else -1e-9))
            return max(_LOWEST_PRICE, round(steps * step, 2))
    raise ValueError("the last step of a ladder must reach to infinity")
