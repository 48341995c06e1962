"""The pool that a price was judged by, made again from what a set tells of its market. Pure.

A set tells each bookmaker's prices and weight: what the others think without any one of them follows by the mathematics
that the engine used. To tell every such pool would multiply a set by the number of bookmakers.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bet_intel.api.domain.working import Band
from bet_intel.api.wire_values import number
from bet_intel.odds import BoolArray, FairPrices, FloatArray, Method, exchange_mid, fair_prices
from bet_intel.odds.arrays import IntArray

Table = Mapping[str, Sequence[Any]]


Members = dict[int, tuple[float, bool]]
"""Share in a pool, and whether it was left out as an outlier, by the bookmaker's row."""


class OtherPool(NamedTuple):
    """The pool without one bookmaker: the ends of its band by outcome, NaN where there is none."""

    low: Sequence[float]
    high: Sequence[float]
    members: Members


class Opinion(NamedTuple):
    """What a price is judged by, None where nobody else gives it a fair price; its band over methods, None where the
    set is of before weights were told; the pool's shares and outliers by bookmaker, none where it is judged by other
    lines and the set is of before these were told; how far these are, and the rows of their markets."""

    fair: float | None
    band: Band | None = None
    pool: Members = {}  # noqa: RUF012 - never written to
    half_points: float | None = None
    lines: Sequence[int] = ()


class Opinions:
    """What other bookmakers think of the prices of a set."""

    def __init__(self, tables: Mapping[str, Table], strings: Sequence[str], pooled_as: Sequence[int]) -> None:
        """`pooled_as`: for each row of markets the one that tells its references."""
        self._tables = tables
        self._strings = strings
        self._pooled_as = pooled_as
        self._markets: dict[int, _Pooled | None] = {}

    def of(self, market: int, outcome: int | None, bookmaker: int, *, lays: bool, worst_case: bool) -> Opinion:
        """`market`, `outcome`: the rows that tell a price of the row `bookmaker`. By the `worst_case` a price is judged
        by the end of the band that is worse for the bet."""
        fair = self._judged(outcome, bookmaker)
        pool = self._pool(market, bookmaker)
        if fair is None or outcome is None or pool is None:
            return Opinion(fair)
        o = outcome - self._tables["outcomes"]["market"].index(market)
        found = Opinion(fair, Band(number(pool.low[o]), number(pool.high[o])), pool.members)
        found = self._estimated(market, outcome, bookmaker, fair) or found
        if worst_case and found.band is not None:
            return found._replace(fair=found.band.high if lays else found.band.low)
        return found

    def _judged(self, outcome: int | None, bookmaker: int) -> float | None:
        """The leave-one-out probability of a price."""
        prices, judged = self._tables["prices"], self._tables["judged"]
        pairs = zip(prices["outcome"], prices["bookmaker"], strict=True)
        row = next((row for row, pair in enumerate(pairs) if pair == (outcome, bookmaker)), None)
        return dict(zip(judged["price"], judged["fair"], strict=True)).get(row)

    def lines(self, market: int, bookmaker: int) -> list[tuple[int, float]]:
        """The rows of the markets by which a bookmaker's prices of `market` are judged instead, and what the pool of
        each counts for; none where they are judged by their own."""
        first = self._estimate_row(self._tables["outcomes"]["market"].index(market), bookmaker)
        told = self._tables["estimate_lines"]
        rows = zip(told["estimate"], told["market"], told["part"], strict=True)
        return [(line, part) for estimate, line, part in rows if estimate == first]

    def _estimate_row(self, outcome: int, bookmaker: int) -> int | None:
        told = self._tables["estimates"]
        pairs = zip(told["outcome"], told["bookmaker"], strict=True)
        return next((row for row, pair in enumerate(pairs) if pair == (outcome, bookmaker)), None)

    def _estimated(self, market: int, outcome: int, bookmaker: int, fair: float) -> Opinion | None:
        told, row = self._tables["estimates"], self._estimate_row(outcome, bookmaker)
        if row is None:
            return None
        lines = self.lines(market, bookmaker)
        band, members = Band(told["low"][row], told["high"][row]), self._members_there(lines, bookmaker)
        return Opinion(fair, band, members, told["half_points"][row], [line for line, _ in lines])

    def _members_there(self, lines: Sequence[tuple[int, float]], bookmaker: int) -> Members:
        """Of the pools of other lines, each as much as it counts for."""
        shares: defaultdict[int, float] = defaultdict(float)
        outliers = set()
        for market, part in lines:
            pooled = self._pools(self._pooled_as[market])
            for book, (share, outlier) in ({} if pooled is None else pooled.members(bookmaker)).items():
                shares[book] += part * share
                if outlier:
                    outliers.add(book)
        return {book: (share, book in outliers and not share) for book, share in shares.items()}

    def _pool(self, market: int, bookmaker: int) -> OtherPool | None:
        pooled = self._pools(market)
        return None if pooled is None else pooled.without(bookmaker)

    def _pools(self, market: int) -> "_Pooled | None":
        if market not in self._markets:
            method = self._strings[self._tables["markets"]["method_s"][market]]
            told = told_market(self._tables, market, method)
            self._markets[market] = None if told is None else _Pooled(told)
        return self._markets[market]


class PooledMarket(NamedTuple):
    """What a set tells of a market: n outcomes × b bookmakers, these by their rows. `counted_as`: (b,), who stands for
    each, which is another key of the same exchange for some."""

    bookmakers: Sequence[int]
    back: FloatArray
    lay: FloatArray
    weight: FloatArray
    mid: BoolArray
    method: Method
    winning: int
    counted_as: IntArray


def told_market(tables: Mapping[str, Table], market: int, method: str) -> PooledMarket | None:
    """`market`: the row that tells its references and prices. None where the set is of before weights were told."""
    references, weights = tables["references"], tables["reference_weights"]
    rows = [row for row, of_market in enumerate(references["market"]) if of_market == market]
    if not weights["weight"] or not rows:
        return None
    bookmakers = [references["bookmaker"][row] for row in rows]
    outcomes = [row for row, of_market in enumerate(tables["outcomes"]["market"]) if of_market == market]
    prices = tables["prices"]
    places = {outcome: o for o, outcome in enumerate(outcomes)}
    columns = {bookmaker: b for b, bookmaker in enumerate(bookmakers)}
    back, lay = (np.full((len(outcomes), len(bookmakers)), np.nan) for _ in range(2))
    for row, outcome in enumerate(prices["outcome"]):
        if outcome in places:
            at = places[outcome], columns[prices["bookmaker"][row]]
            back[at], lay[at] = prices["back"][row], prices["lay"][row]
    return PooledMarket(
        bookmakers,
        back,
        lay,
        np.array([weights["weight"][row] for row in rows]),
        np.array([weights["mid"][row] for row in rows], dtype=np.bool_),
        Method(method),
        tables["pooling"]["winning"][market],
        _counted_as(tables["same_exchanges"], rows),
    )


def _counted_as(told: Table, references: Sequence[int]) -> IntArray:
    places = {reference: b for b, reference in enumerate(references)}
    found = np.arange(len(references))
    for reference, stands in zip(told["reference"], told["counted_as"], strict=True):
        if reference in places:
            found[places[reference]] = places[stands]
    return found


class _Pooled:
    """A market's pools without each of its bookmakers."""

    def __init__(self, market: PooledMarket) -> None:
        self._bookmakers = market.bookmakers
        self._fair = _fair(market) if len(market.back) > market.winning else None

    def without(self, bookmaker: int) -> OtherPool | None:
        """None where it has no price in this market, or the market one outcome."""
        if self._fair is None or bookmaker not in self._bookmakers:
            return None
        b, ends = self._bookmakers.index(bookmaker), self._fair.leave_one_out_band
        return OtherPool(ends.lowest[b, :, 0].tolist(), ends.highest[b, :, 0].tolist(), self.members(bookmaker))

    def members(self, bookmaker: int) -> Members:
        """Of the pool without a bookmaker, which is that of all where it has no price here."""
        if self._fair is None:
            return {}
        consensus, without = self._fair.consensus, self._fair.leave_one_out
        share, outlier = consensus.share, consensus.outlier
        if bookmaker in self._bookmakers:
            b = self._bookmakers.index(bookmaker)
            share, outlier = without.share[b], without.outlier[b]
        members = zip(share[:, 0].tolist(), outlier[:, 0].tolist(), strict=True)
        return dict(zip(self._bookmakers, members, strict=True))


def _fair(market: PooledMarket) -> FairPrices:
    implied = 1.0 / market.back
    if market.mid.any():
        implied = np.where(market.mid, exchange_mid(market.back, market.lay), implied)
    # Who is not pooled may tell anything.
    implied[:, market.weight == 0.0] = np.nan
    return fair_prices(
        implied[:, :, np.newaxis],
        market.weight[:, np.newaxis],
        is_mid=market.mid[:, np.newaxis],
        method=market.method,
        target=float(market.winning),
        counted_as=market.counted_as[:, np.newaxis],
    )
