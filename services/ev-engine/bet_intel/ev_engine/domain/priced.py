"""What a pass makes of a market: fair prices, the prices that beat them, and the best on offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bet_intel.ev_engine.domain.boards import Board, FloatArray, MarketKey
from bet_intel.ev_engine.domain.gates import Judgement
from bet_intel.ev_engine.domain.lines import STAKE, STANDING_STAKE, Terms
from bet_intel.ev_engine.domain.profile import Category

BoolArray = npt.NDArray[np.bool_]


LIABILITY = "liability"


class Side(StrEnum):
    BACK = "back"
    LAY = "lay"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What other bookmakers' prices of other lines say of one that too few of them price.

    `fair`, `lowest`, `highest`: (o,). `lines`: the lines it is taken from, `half_points` how far the nearest is;
    `parts`: their markets, and what the pool of each counts for. `shares`: of the pools there, by bookmaker;
    `outliers`: who is left out there, and in none of them; `references`, `sharp` and `dispersion` are those of the
    weaker of them.
    `implied`: (o,), the median of what the others ask for the same outcome at this very line, NaN where nobody does.
    `behind_newest`: seconds from the judged price to the newest that can be referred to, there or at this line.
    """

    fair: FloatArray
    lowest: FloatArray
    highest: FloatArray
    lines: tuple[float, ...]
    half_points: float
    parts: tuple[tuple[MarketKey, float], ...]
    shares: Mapping[str, float]
    outliers: frozenset[str]
    references: int
    sharp: bool
    dispersion: float
    implied: FloatArray
    behind_newest: float


class Priced(NamedTuple):
    """A price that passed every gate. `outcome` and `bookmaker` index the market's; `fair`, its band and `dispersion`
    are those of the outcome, by the pool without this bookmaker. `net_price` and EV of a lay are per unit of liability,
    which its `limit` is the largest of; `ev_worst` is by the end of the band that is worse for the bet. `estimate`: by
    which other lines it was judged, None by its own. `confidence`: the probability that the price is better than fair,
    if the pool is off by no more than its bookmakers disagree. `push` is the probability that the line returns the
    stake, NaN where it cannot be known; `ev` and `ev_worst` then are per unit of stake that stands."""

    outcome: int
    bookmaker: int
    price: float
    net_price: float
    limit: float
    fair: float
    band_low: float
    band_high: float
    ev: float
    ev_worst: float
    dispersion: float
    judgement: Judgement
    shares: FloatArray
    outliers: BoolArray
    push: float
    side: Side = Side.BACK
    estimate: Estimate | None = None
    confidence: float = np.nan

    @property
    def wins(self) -> float:
        """The fair probability that the bet wins."""
        return self.fair if self.side is Side.BACK else 1.0 - self.fair


def ev_per(one: Priced) -> str:
    """What an EV is per unit of."""
    if np.isnan(one.push):
        return STANDING_STAKE
    return STAKE if one.side is Side.BACK else LIABILITY


class Refusal(NamedTuple):
    """A price that beats its fair price and was refused: `outcome` and `bookmaker` index the market's."""

    outcome: int
    bookmaker: int
    judgement: Judgement
    side: Side = Side.BACK


class Offers(NamedTuple):
    """The best fresh net prices of a market, each (o,): of an outcome by backing it, and of its not coming by laying it
    (per unit of liability). NaN where nobody offers one; the bookmaker's index is then meaningless.

    `covering` says whether they may cover every outcome at a cost that somebody wants to know of. `fresh`, `fresh_lay`:
    the net prices that they are the best of, (o, b or more), NaN where there is none; None where nobody lays.
    """

    back: FloatArray
    back_bookmaker: npt.NDArray[np.intp]
    lay: FloatArray
    lay_bookmaker: npt.NDArray[np.intp]
    covering: bool
    fresh: FloatArray
    fresh_lay: FloatArray | None


class FairMarket(NamedTuple):
    """Fair prices of one market, the same by every profile that has the pools: o outcomes, b bookmakers.

    `reason` says why there is no fair price, "" where there is. `consensus`, `band_low`, `band_high`: (o,); `devigged`:
    (o, b); `leave_one_out`: (o, b), what the others think of an outcome, by the bookmaker left out; `laid`:
    (o, b), what a lay is held against, which is the same but by the method of the worst case: the highest there.
    `share`, `overround`: (b,), shares of the consensus; `left_out`: why a bookmaker is not in it, "" where it is.
    `terms`: how the market's bets are settled. `weight`: (b,), what shares are made of, 0 where a
    bookmaker is not pooled but for want of a margin; `mid`: (b,), whose prices are the middle of back and lay;
    `winning`: how many outcomes win. `counted_as`: by which bookmaker those are counted who are the same exchange under
    another key. `estimates`: by the bookmaker whose prices are judged by other lines.
    """

    reason: str
    consensus: FloatArray
    band_low: FloatArray
    band_high: FloatArray
    devigged: FloatArray
    leave_one_out: FloatArray
    laid: FloatArray
    share: FloatArray
    overround: FloatArray
    left_out: tuple[str, ...]
    dispersion: float
    books_used: int
    terms: Terms
    weight: FloatArray
    mid: BoolArray
    winning: int
    estimates: Mapping[int, Estimate] = MappingProxyType({})
    counted_as: Mapping[int, int] = MappingProxyType({})


class PricedMarket(NamedTuple):
    """The working of one market, as one profile judges it.

    `refused`: (outcome, bookmaker) → reason, for prices to back that beat their fair price and were refused, and for
    those that no other bookmaker gives a fair price for; `refused_lays` the same for prices to lay. `refusals` are
    those that were refused with the verdict that did it. `offers`: the best fresh prices, None in a market of one
    outcome.
    """

    key: MarketKey
    board: Board
    category: Category
    fair: FairMarket
    opportunities: tuple[Priced, ...]
    refused: Mapping[tuple[str, str], str]
    refusals: tuple[Refusal, ...]
    offers: Offers | None
    refused_lays: Mapping[tuple[str, str], str] = MappingProxyType({})
