"""The kernel of the EV pass, which row 9 measures, and the memory it takes.

A module without the peers, whose imports would hide it.
"""

from pathlib import Path
from typing import NamedTuple

from bench.markets import FloatArray, prices
from bet_intel.odds import Method, devig

OUTCOMES, BOOKS, MARKETS = 2, 20, 3_900
_KILOBYTES = 1024.0


class Answer(NamedTuple):
    """Per market: the mean fair probability, best price and EV of each outcome (2, m), and Σ 1/best (m,)."""

    fair: FloatArray
    best: FloatArray
    ev: FloatArray
    arbitrage: FloatArray


def kernel(odds: FloatArray) -> Answer:
    """Devig every bookmaker, take the mean, the best price, its EV, and whether the best prices are an arbitrage."""
    outcomes, books, markets = odds.shape
    devigged = devig((1.0 / odds).reshape(outcomes, books * markets), Method.MULTIPLICATIVE).probability
    fair = devigged.reshape(odds.shape).mean(axis=1)
    best = odds.max(axis=1)
    return Answer(fair, best, fair * best - 1.0, (1.0 / best).sum(axis=0))


def memory() -> float:
    """By how many MB the peak of this process grows by a board and ten passes over it."""
    begin = _peak()
    odds = prices(OUTCOMES, BOOKS, MARKETS)
    for _ in range(10):
        kernel(odds)
    return (_peak() - begin) / _KILOBYTES


def _peak() -> float:
    """Of this program alone, in kB: `ru_maxrss` begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text("utf-8")
    return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
