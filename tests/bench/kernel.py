"""The kernel of the EV pass, which row 9 measures, and the memory it takes.

A module without the peers, whose imports would hide it.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.markets import FloatArray, prices
from bet_intel.odds import Method, devig

OUTCOMES, BOOKS, MARKETS = 2, 20, 3_900
# What a pass makes on its way is a few times as large as its prices: of more markets it would be fetched from memory,
# page by page, and a quote of a million would cost four times one of a hundred thousand.
_CHUNK = 4_096
_KILOBYTES = 1024.0


class Answer(NamedTuple):
    """Per market: the mean fair probability, best price and EV of each outcome (2, m), and Σ 1/best (m,)."""

    fair: FloatArray
    best: FloatArray
    ev: FloatArray
    arbitrage: FloatArray


def kernel(odds: FloatArray) -> Answer:
    """Devig every bookmaker, take the mean, the best price, its EV, and whether the best prices are an arbitrage."""
    markets = odds.shape[2]
    if markets <= _CHUNK:
        return _kernel(odds)
    chunks = [_kernel(odds[:, :, begin : begin + _CHUNK]) for begin in range(0, markets, _CHUNK)]
    return Answer(*(np.concatenate(parts, axis=-1) for parts in zip(*chunks, strict=True)))


def _kernel(odds: FloatArray) -> Answer:
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
