"""Fair prices of a group of markets, and what follows from them for every profile that has them."""

from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from itertools import repeat
from types import MappingProxyType
from typing import Any

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
_NO_ESTIMATES: Mapping[int, Estimate] = MappingProxyType({})

Array = npt.NDArray[Any]


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

    @cached_property
    def markets(self) -> list[FairMarket]:
        """What is shown of each market: the very same for every profile that has these pools."""
        fair, pool, group = self.fair, self.fair.consensus, self.group
        used = pool.books_used.tolist()
        reasons = [
            "" if of > 0 else self.reason(m, range(books))
            for m, (of, books) in enumerate(zip(used, self._books, strict=True))
        ]
        # All markets at a time: to cut each array for each of them costs more than what it is filled with.
        return list(
            map(
                FairMarket,
                reasons,
                by_market(pool.probability),
                by_market(fair.consensus_band.lowest),
                by_market(fair.consensus_band.highest),
                self._of_books(fair.devigged),
                self._of_books(self.without),
                self._of_books(self.laid),
                self._of_books(pool.share),
                self._of_books(fair.overround),
                self._left_outs,
                pool.dispersion.tolist(),
                used,
                map(self.lines.terms, range(len(used))),
                self._of_books(self._weight_told),
                self._of_books(group.two_sided),
                repeat(int(group.winning)),
                repeat(_NO_ESTIMATES),
                [group.twins.get(m, _NO_TWINS) for m in range(len(used))],
            )
        )

    @cached_property
    def _books(self) -> list[int]:
        """How many bookmakers each market has."""
        return [len(entry.board.bookmakers) for entry in self.group.entries]

    def _of_books(self, values: Array) -> list[Array]:
        """`values` ((outcomes, ) bookmakers, markets) by market, of its own bookmakers alone."""
        each = by_market(values)
        if min(self._books) == self.group.books:
            return each
        return [of[..., :books] for of, books in zip(each, self._books, strict=True)]

    def left_out(self, m: int) -> tuple[str, ...]:
        """Why each bookmaker of a market is not in its consensus, "" where it is."""
        return self._left_outs[m]

    @cached_property
    def _left_outs(self) -> list[tuple[str, ...]]:
        reasons = [[""] * books for books in self._books]
        for m, b in zip(*(place.tolist() for place in (self.fair.consensus.share.T <= 0.0).nonzero()), strict=True):
            if b < self._books[m]:
                reasons[m][b] = self._left_out(b, m)
        return [tuple(of) for of in reasons]

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
            # Whoever is asked gives none, whatever ails those who would not have been asked anyhow.
            "not_asked",
            "reference_stale",
            "no_overround",
            "incomplete_market",
            "excessive_overround",
            "different_outcomes",
        ):
            if reason in reasons:
                return reason
        return "reference_missing"


def by_market(values: Array) -> list[Array]:
    """The part of each market, which are on the last axis."""
    return list(values.T if values.ndim == 2 else values.transpose(2, 0, 1))


def _best(net: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """The highest net price over bookmakers and whose it is, (outcomes, markets) each; NaN where there is none."""
    offered = np.where(np.isnan(net), -np.inf, net)
    whose = offered.argmax(axis=1)
    highest = net[places(net.shape[0], 1), whose, places(net.shape[2])]
    return highest, whose
