"""What a backtest is made on: the prices of many markets of one kind, and what they are judged by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bet_intel.compose.backtest.scoring import IntArray
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import FloatArray

RESULT = "result"
CLOSING = "closing"
BEST, MEAN = "best", "mean"
"""What stands for the highest and the mean price where a bookmaker is named."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Decimal odds of n outcomes in m markets at one moment; NaN where there is none.

    by_book: (n, b, m). best, mean: (n, m), the highest and the mean price of bookmakers as the source tells them, which
    are of more bookmakers than it names.
    """

    by_book: FloatArray
    best: FloatArray
    mean: FloatArray


@dataclass(frozen=True, slots=True)
class Sample:
    """m markets of one kind (`market`) with n outcomes and b bookmakers.

    truth: (n, m), what probabilities are scored against: 1 for the outcome that won and 0 for the others where
    `judged_by` is `result`; the consensus at the start where it is `closing`. NaN where neither is known. winning: how
    many outcomes win, which is what probabilities add up to. sport: what overrides of a profile go by. pool: how the
    engine pools other prices (n, b, m) of these markets by a profile, where more is known of them than back prices.
    match: (m,), which match each market is of; each of its own where None. unclosed: how many markets of the kind were
    seen and are not among the m, having no consensus at the start.
    """

    market: str
    outcomes: tuple[str, ...]
    bookmakers: tuple[str, ...]
    judged_by: str
    opening: Prices
    closing: Prices
    truth: FloatArray
    winning: int = 1
    sport: str = ""
    pool: Callable[[FloatArray, Profile], FloatArray] | None = None
    match: IntArray | None = None
    unclosed: int = 0

    @property
    def size(self) -> int:
        return int(self.truth.shape[1])

    @property
    def matches(self) -> IntArray:
        """(m,), which match each market is of."""
        return np.arange(self.size) if self.match is None else self.match
