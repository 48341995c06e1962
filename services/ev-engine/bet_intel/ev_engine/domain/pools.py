"""Fair prices of a group of markets, and what follows from them for every profile that has them."""

from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bet_intel.ev_engine.domain.boards import FloatArray
from bet_intel.ev_engine.domain.lines import Lines, Place
from bet_intel.ev_engine.domain.priced import BoolArray, Estimate, FairMarket
from bet_intel.ev_engine.domain.tensors import Group
from bet_intel.odds import DevigStatus, Method, fair_prices_of
from bet_intel.odds.arrays import over_outcomes, places

# As numbers: members of an enumeration are looked up by a function of it.
_OK, _NO_OVERROUND = int(DevigStatus.OK), int(DevigStatus.NO_OVERROUND)
_INCOMPLETE = int(DevigStatus.INCOMPLETE)
_NO_TWINS: Mapping[int, int] = MappingProxyType({})


class Pooled:
    """A group's fair prices by one method and one set of weights, and what follows from them for every profile."""

    def __init__(self, group: Group, weight: FloatArray, stale: BoolArray, method: Method) -> None:
        self.group, self.weight, self.stale = group, weight, stale
        self.fair = fair = fair_prices_of(group.devigged(method), weight, method=method, counted_as=group.counted_as)
        self.without = fair.leave_one_out.probability.swapaxes(0, 1)  # (outcomes, bookmaker left out, markets)
        self.lowest = fair.leave_one_out_band.lowest.swapaxes(0, 1)
        self.highest = fair.leave_one_out_band.highest.swapaxes(0, 1)
        self.laid = self.highest if method is Method.WORST_CASE else self.without
        """What a lay is held against."""
        self.fresh = np.where(stale, np.nan, group.net)
        self.fresh_lay = np.where(stale, np.nan, group.net_lay) if group.anybody_lays else None
        self.back, self.back_bookmaker = _best(self.fresh)
        # NaN where nobody offers one.
        if self.fresh_lay is not None:
            self.lay, self.lay_bookmaker = _best(self.fresh_lay)
        else:
            self.lay, self.lay_bookmaker = np.full(self.back.shape, np.nan), np.zeros(self.back.shape, dtype=np.intp)
        self._left_outs: dict[int, tuple[str, ...]] = {}
        self._markets: dict[int, FairMarket] = {}
        self.told: dict[Hashable, Estimate | None] = {}
        """What lines say of each other (`estimates`)."""
        places = [Place(e.boards.event.id, e.boards.event.home, e.key, e.board) for e in group.entries]
        self.lines = Lines(places, fair.consensus.probability, self.without, group.column)

    @cached_property
    def median(self) -> FloatArray:
        """What the median of the bookmakers in the consensus thinks. (outcomes, markets)"""
        pool = self.fair.consensus
        ordered = np.where(pool.share > 0.0, self.fair.devigged, np.nan)
        ordered.sort(axis=1)  # NaN last
        each, used = places(ordered.shape[2]), pool.books_used
        # Of none it is NaN, as the last is then.
        middle: FloatArray = ordered[:, (used - 1) // 2, each] + ordered[:, used // 2, each]
        middle *= 0.5
        return middle

    @cached_property
    def _weight_told(self) -> FloatArray:
        """Of who is pooled, or held against the pool for want of a margin. (bookmakers, markets)"""
        status = self.fair.status
        return np.where((status == _OK) | (status == _NO_OVERROUND), self.weight, 0.0)

    @cached_property
    def concentration(self) -> FloatArray:
        """Σshare² of the pool without each bookmaker. (bookmakers, markets)"""
        share = self.fair.leave_one_out.share
        return np.asarray(np.add.reduce(share * share, axis=1))

    @cached_property
    def sharp(self) -> BoolArray:
        """Whether a sharp bookmaker is in the pool without each bookmaker. (bookmakers, markets)"""
        used = self.fair.leave_one_out.share > 0.0
        return np.asarray((used & self.group.sharp).any(axis=1))

    @cached_property
    def sharp_in_consensus(self) -> BoolArray:
        return np.asarray(((self.fair.consensus.share > 0.0) & self.group.sharp).any(axis=0))

    @cached_property
    def cost(self) -> FloatArray:
        """The least that is paid of what is returned where every outcome of a market is covered: the sum of the inverse
        net prices, by outcomes that win at once; infinite, or NaN, where nothing covers them."""
        winning = self.group.winning
        if not self.group.anybody_lays:
            return over_outcomes(1.0 / self.back) / winning
        back = np.where(np.isnan(self.back), 0.0, self.back)
        with np.errstate(divide="ignore"):
            lay = np.where(np.isnan(self.lay), 0.0, self.lay)
            either = np.maximum(back, lay[::-1]) if len(back) == 2 else back
            pairs = (1.0 / back + 1.0 / lay).min(axis=0)
            cost: FloatArray = np.minimum((1.0 / either).sum(axis=0) / winning, pairs)
        return cost

    def market(self, m: int) -> FairMarket:
        known = self._markets.get(m)
        if known is None:
            known = self._markets[m] = self._market(m, len(self.group.entries[m].board.bookmakers))
        return known

    def _market(self, m: int, books: int) -> FairMarket:
        fair, pool = self.fair, self.fair.consensus
        used = int(pool.books_used[m])
        return FairMarket(
            reason="" if used > 0 else self.reason(m, range(books)),
            consensus=pool.probability[:, m],
            band_low=fair.consensus_band.lowest[:, m],
            band_high=fair.consensus_band.highest[:, m],
            devigged=fair.devigged[:, :books, m],
            leave_one_out=self.without[:, :books, m],
            laid=self.laid[:, :books, m],
            share=pool.share[:books, m],
            overround=fair.overround[:books, m],
            left_out=self.left_out(m),
            dispersion=float(pool.dispersion[m]),
            books_used=used,
            terms=self.lines.terms(m),
            weight=self._weight_told[:books, m],
            mid=self.group.two_sided[:books, m],
            winning=int(self.group.winning),
            counted_as=self.group.twins.get(m, _NO_TWINS),
        )

    def left_out(self, m: int) -> tuple[str, ...]:
        """Why each bookmaker of a market is not in its consensus, "" where it is."""
        known = self._left_outs.get(m)
        if known is None:
            shares = self.fair.consensus.share[: len(self.group.entries[m].board.bookmakers), m].tolist()
            reasons = [""] * len(shares)
            for b, share in enumerate(shares):
                if not share > 0.0:
                    reasons[b] = self._left_out(b, m)
            known = self._left_outs[m] = tuple(reasons)
        return known

    def _left_out(self, b: int, m: int) -> str:
        """Why a bookmaker without a share has none."""
        if self.fair.consensus.outlier.item(b, m):
            return "outlier_excluded"
        if self.group.several_win.item(m):
            return "not_mutually_exclusive"
        entry = self.group.entries[m]
        if entry.board.bookmakers[b] in entry.others:
            return "different_outcomes"
        same_exchange = b in self.group.twins.get(m, _NO_TWINS)
        # Those of placeholders and of an exchange that counts under another key weigh nothing whatever is set.
        if not (self.group.weight.item(b, m) > 0.0 or self.group.placeholders.item(b, m) or same_exchange):
            return "no_weight"
        status = self.fair.status.item(b, m)
        if status == _INCOMPLETE:
            return "incomplete_market"
        if status == _NO_OVERROUND:
            return "no_overround"
        if self.group.placeholders.item(b, m):
            return "excessive_overround"
        if same_exchange:
            return "same_exchange"
        if self.stale.item(b, m):
            return "reference_stale"
        if self.group.usable[b, m] and self.weight[b, m] == 0:
            return "not_asked"
        return "not_computable"

    def reason(self, m: int, books: Iterable[int]) -> str:
        """Why none of `books` gives a fair price."""
        if self.group.several_win[m]:
            return "not_mutually_exclusive"
        left_out = self.left_out(m)
        reasons = [left_out[b] for b in books]
        for reason in (
            "reference_stale",
            "no_overround",
            "incomplete_market",
            "excessive_overround",
            "different_outcomes",
        ):
            if reason in reasons:
                return reason
        return "reference_missing"


def _best(net: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """The highest net price over bookmakers and whose it is, (outcomes, markets) each; NaN where there is none."""
    offered = np.where(np.isnan(net), -np.inf, net)
    whose = offered.argmax(axis=1)
    highest = net[places(net.shape[0], 1), whose, places(net.shape[2])]
    return highest, whose
