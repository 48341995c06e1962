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
    """A bookmaker's manners. `title` is that of the real one, to which responses add that it is simulated.

    `margin` is the overround of a market (for an exchange: the distance of each side from the true probability,
    relative). Prices are confirmed every `interval` seconds and follow the truth `lag` seconds late. `bias` is the
    half range of a lasting error per match, in log-odds. `blunder` is the chance that one price of a market is wrong
    for some minutes. `limit` is the largest stake on a main market near the start; `props` tells whether it prices
    players.
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
    limit: int = 500
    props: bool = False


BOOKMAKERS = (
    Bookmaker("pinnacle", "Pinnacle", 0.024, 10, 4.0, 0.008, 0.004, _HUNDREDTHS, 0.0, False, True, 5000, True),
    Bookmaker("betfair_ex_eu", "Betfair", 0.004, 8, 6.0, 0.006, 0.0, _EXCHANGE, 0.0, True, False, 800),
    Bookmaker("smarkets", "Smarkets", 0.006, 12, 10.0, 0.008, 0.0, _EXCHANGE, 600.0, True, False, 400),
    Bookmaker("betonlineag", "BetOnline", 0.04, 16, 20.0, 0.012, 0.015, _HUNDREDTHS, 120.0, limit=2000),
    Bookmaker("bet365", "bet365", 0.048, 24, 45.0, 0.015, 0.02, _TRADITIONAL, 300.0, limit=1000),
    Bookmaker("draftkings", "DraftKings", 0.045, 20, 40.0, 0.02, 0.025, _HUNDREDTHS, 600.0, limit=1000, props=True),
    Bookmaker("fanduel", "FanDuel", 0.044, 20, 60.0, 0.02, 0.025, _HUNDREDTHS, 600.0, limit=1500, props=True),
    Bookmaker("betmgm", "BetMGM", 0.05, 30, 90.0, 0.02, 0.03, _TRADITIONAL, 900.0, limit=500, props=True),
    Bookmaker("betrivers", "BetRivers", 0.05, 36, 110.0, 0.02, 0.03, _HUNDREDTHS, 900.0, limit=400),
    Bookmaker("williamhill", "William Hill", 0.06, 40, 120.0, 0.025, 0.04, _TRADITIONAL, 900.0, limit=600),
    Bookmaker("unibet_eu", "Unibet", 0.052, 30, 100.0, 0.02, 0.03, _HUNDREDTHS, 600.0, quarter_lines=True, limit=300),
    Bookmaker("bovada", "Bovada", 0.056, 45, 180.0, 0.03, 0.04, _TRADITIONAL, 1200.0, limit=250, props=True),
    Bookmaker("betsson", "Betsson", 0.058, 60, 150.0, 0.025, 0.04, _HUNDREDTHS, 900.0, limit=350),
)  # fmt: skip


class Quoted(NamedTuple):
    """Prices of one market in the order of its outcomes; `lay` is empty for all but an exchange."""

    back: list[float]
    lay: list[float]


def quote(bookmaker: Bookmaker, probabilities: Sequence[float], markup: float = 1.0) -> Quoted:
    """Decimal odds for exclusive outcomes of the given probabilities (sum 1), with `markup` times the usual margin.

    A bookmaker's margin is laid on each outcome in proportion to p(1 − p), so that long shots carry relatively more of
    it, as they do at real ones.
    """
    if bookmaker.is_exchange:
        ladder, margin = bookmaker.ladder, bookmaker.margin
        return Quoted(
            [_on_ladder(1.0 / (p * (1.0 + margin)), ladder, math.floor) for p in probabilities],
            [_on_ladder(1.0 / (p * (1.0 - margin)), ladder, math.ceil) for p in probabilities],
        )
    share = markup * bookmaker.margin / (1.0 - sum([p * p for p in probabilities]))
    return Quoted([on_ladder(1.0 / (p * (1.0 + share * (1.0 - p))), bookmaker.ladder) for p in probabilities], [])


def on_ladder(price: float, ladder: Ladder) -> float:
    """The price of the ladder nearest to `price`."""
    if ladder is _HUNDREDTHS:
        return max(_LOWEST_PRICE, round(price, 2))
    return _on_ladder(price, ladder, round)


def _on_ladder(price: float, ladder: Ladder, rounding: Callable[[float], int]) -> float:
    for upper, step in ladder:
        if price <= upper:
            # 1e-9: a price that stands on a step must not fall off it by the error of the division.
            steps = rounding(price / step + (1e-9 if rounding is math.floor else -1e-9))
            return max(_LOWEST_PRICE, round(steps * step, 2))
    raise ValueError("the last step of a ladder must reach to infinity")
