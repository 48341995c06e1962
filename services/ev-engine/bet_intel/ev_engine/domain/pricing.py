"""One pass: boards of many events in, fair prices and the prices that beat them out.

Markets with the same number of outcomes are priced together as one tensor of outcomes × bookmakers × markets
(`bet_intel.odds.fair_prices`), so that a pass costs a few array operations however many events it holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bet_intel.ev_engine.domain.boards import Board, EventBoards, FloatArray, MarketKey, MarketStatus
from bet_intel.ev_engine.domain.categories import categories
from bet_intel.ev_engine.domain.comparable import comparable
from bet_intel.ev_engine.domain.gates import Candidate, Judgement, judge
from bet_intel.ev_engine.domain.profile import Bookmaker, Category, Profile
from bet_intel.odds import DevigStatus, FairPrices, exchange_mid, expected_value, fair_prices

BoolArray = npt.NDArray[np.bool_]

_SECOND = 1e6
_CLOCK_SKEW = 300.0
# How far the mids of an exchange may be from adding up to 1 before they are placeholders.
_MID_OFF = 0.10
# Implied probabilities that add up to this are those of two winners: no bookmaker keeps half of what is staked.
_TWO_WINNERS = 2.0
_SEVERAL_WIN = frozenset({"double_chance"})
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Priced:
    """A price that passed every gate. `outcome` and `bookmaker` index the market's; `fair`, its band and `dispersion`
    are those of the pool without this bookmaker."""

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


@dataclass(frozen=True, slots=True)
class PricedMarket:
    """The working of one market: o outcomes, b bookmakers. `reason` says why there is no fair price, "" where there is.

    `consensus`, `band_low`, `band_high`: (o,); `devigged`: (o, b); `leave_one_out`: (o, b), what the others think of an
    outcome, by the bookmaker left out; `share`, `overround`: (b,), shares of the consensus; `left_out`: why a bookmaker
    is not in it, "" where it is. `refused`: (outcome, bookmaker) → reason, for prices that beat their fair price and
    were refused, and for those that no other bookmaker gives a fair price for.
    """

    key: MarketKey
    board: Board
    category: Category
    reason: str
    consensus: FloatArray
    band_low: FloatArray
    band_high: FloatArray
    devigged: FloatArray
    leave_one_out: FloatArray
    share: FloatArray
    overround: FloatArray
    left_out: tuple[str, ...]
    dispersion: float
    books_used: int
    opportunities: tuple[Priced, ...]
    refused: Mapping[tuple[str, str], str]


class PricedEvent(NamedTuple):
    """Everything one profile thinks of one event."""

    boards: EventBoards
    profile: Profile
    markets: Sequence[PricedMarket]


class _Entry(NamedTuple):
    boards: EventBoards
    key: MarketKey
    board: Board
    others: frozenset[str]
    category: Category


def price(events: Sequence[EventBoards], profile: Profile) -> list[PricedEvent]:
    """Price every open market of `events`; ages and starts are judged against each event's own `as_of`."""
    groups: defaultdict[int, list[_Entry]] = defaultdict(list)
    for boards in events:
        kept = {key: comparable(board) for key, board in boards.priced()}
        lines = ((key, one.board) for key, one in kept.items())
        kinds = categories(lines, _us(boards.as_of), profile.bounds[Category.MAIN].stale_seconds * _SECOND)
        for key, (board, others) in kept.items():
            groups[len(board.outcomes)].append(_Entry(boards, key, board, others, kinds[key]))
    markets: defaultdict[str, list[PricedMarket]] = defaultdict(list)
    for outcomes, entries in groups.items():
        priced = _Group(entries, profile).price() if outcomes > 1 else map(_one_sided, entries)
        for entry, market in zip(entries, priced, strict=True):
            markets[entry.boards.event.id].append(market)
    return [PricedEvent(boards, profile, sorted(markets[boards.event.id], key=_order)) for boards in events]


def _order(market: PricedMarket) -> tuple[str, str, str, float]:
    key = market.key
    return key.market, key.period, key.subject, key.line if key.line is not None else 0.0


def _us(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _one_sided(entry: _Entry) -> PricedMarket:
    board = entry.board
    books = len(board.bookmakers)
    nothing = np.full(len(board.outcomes), np.nan)
    by_book = np.full((len(board.outcomes), books), np.nan)
    return PricedMarket(
        entry.key,
        board,
        entry.category,
        "incomplete_market",
        nothing,
        nothing,
        nothing,
        by_book,
        by_book,
        np.zeros(books),
        np.full(books, np.nan),
        ("incomplete_market",) * books,
        np.nan,
        0,
        (),
        {},
    )


class _Group:
    """Markets of the same number of outcomes as tensors: outcomes × bookmakers × markets."""

    def __init__(self, entries: Sequence[_Entry], profile: Profile) -> None:
        self.entries = entries
        self.profile = profile
        self.books = max(len(entry.board.bookmakers) for entry in entries)
        shape = (len(entries[0].board.outcomes), self.books, len(entries))
        self.back, self.lay = np.full(shape, np.nan), np.full(shape, np.nan)
        self.weight, self.commission = np.zeros(shape[1:]), np.zeros(shape[1:])
        self.sharp, self.exchange = np.zeros(shape[1:], bool), np.zeros(shape[1:], bool)
        self.age = np.full(shape[1:], np.inf)
        known: dict[str, Bookmaker] = {}
        for m, entry in enumerate(entries):
            board, n = entry.board, len(entry.board.bookmakers)
            self.back[:, :n, m] = board.back
            self.lay[:, :n, m] = board.lay
            age = (_us(entry.boards.as_of) - board.updated_us) / _SECOND
            # Clocks differ a little; a time far after the answer tells nothing, as little as none at all.
            self.age[:n, m] = np.where(age < -_CLOCK_SKEW, np.inf, age)
            for b, key in enumerate(board.bookmakers):
                book = known.get(key) or known.setdefault(key, profile.bookmaker(key))
                self.weight[b, m], self.commission[b, m] = book.weight, book.commission
                self.sharp[b, m], self.exchange[b, m] = book.sharp, book.exchange
        self.net = 1.0 + (self.back - 1.0) * (1.0 - self.commission)
        self.several_win = self._several_win()

    def _several_win(self) -> BoolArray:
        """Markets of which more than one outcome wins: by their name, or because most bookmakers price them so. Their
        fair probabilities do not add up to 1. Exchanges have no say: nearly empty, they look the same. (markets,)"""
        sums = (1.0 / self.back).sum(axis=0)
        complete = ~np.isnan(sums) & ~self.exchange
        priced_so = complete & (sums >= _TWO_WINNERS)
        named = np.array([entry.key.market in _SEVERAL_WIN for entry in self.entries])
        several: BoolArray = named | (2 * priced_so.sum(axis=0) > complete.sum(axis=0))
        return several

    def price(self) -> Iterator[PricedMarket]:
        # An exchange's market is read from both sides of its book; one with lay prices for some outcomes only, or far
        # from its back prices, is too thin to refer to. Without any lay price it is read like a bookmaker's.
        two_sided = self.exchange & ~np.isnan(self.lay).all(axis=0)
        mid = exchange_mid(self.back, self.lay)
        mid[:, np.abs(mid.sum(axis=0) - 1.0) > _MID_OFF] = np.nan
        implied = np.where(two_sided, mid, 1.0 / self.back)
        implied[..., self.several_win] = np.nan
        weight = np.where(self.exchange & ~two_sided, np.minimum(self.weight, 1.0), self.weight)
        # The newest among those that could be referred to, the judged one included: a price that has just moved is not
        # held against others that have not been confirmed since.
        usable = (weight > 0) & ~np.isnan(implied).any(axis=0) & (two_sided | (implied.sum(axis=0) > 1.0))
        # A time after the answer itself is the feed's error: it makes nobody else late.
        newest = np.where(usable, np.maximum(self.age, 0.0), np.inf).min(axis=0)
        behind = np.where(np.isfinite(self.age), self.age, np.inf) - np.where(np.isfinite(newest), newest, 0.0)
        stale_after = np.array([self.profile.bounds[entry.category].stale_seconds for entry in self.entries])
        stale = (self.age > stale_after) | (behind > self.profile.behind_newest_seconds)
        fair = fair_prices(implied, np.where(stale, 0.0, weight), is_mid=two_sided, method=self.profile.method)
        judged = _Judged(self, fair, stale, behind)
        return (judged.market(m) for m in range(len(self.entries)))


class _Judged:
    """A group with its fair prices: what beats them, market by market."""

    def __init__(self, group: _Group, fair: FairPrices, stale: BoolArray, behind: FloatArray) -> None:
        self.group = group
        self.fair = fair
        self.stale = stale
        self.behind = behind
        without = np.moveaxis(fair.leave_one_out.probability, 0, 1)  # (outcomes, bookmaker left out, markets)
        self.without = without
        self.ev = expected_value(without, group.net)
        self.worst = expected_value(np.moveaxis(fair.leave_one_out_band.lowest, 0, 1), group.net)
        with np.errstate(invalid="ignore"):
            self.beats = self.ev > 0
        self.unjudged = np.isnan(without) & ~np.isnan(group.back)
        usable = np.where(fair.consensus.share > 0, fair.devigged, np.nan)
        self.median = _nanmedian(usable)

    def market(self, m: int) -> PricedMarket:
        entry, fair = self.group.entries[m], self.fair
        board, n = entry.board, len(entry.board.bookmakers)
        candidates = [(int(o), int(b)) for o, b in zip(*np.nonzero(self.beats[:, :n, m]), strict=True)]
        judged = [(o, b, self._judge(o, b, m)) for o, b in candidates]
        refused = {(board.outcomes[o], board.bookmakers[b]): j.refused for o, b, j in judged if j.refused}
        for o, b in zip(*np.nonzero(self.unjudged[:, :n, m]), strict=True):
            refused[board.outcomes[o], board.bookmakers[b]] = self._reason(m, (book for book in range(n) if book != b))
        return PricedMarket(
            key=entry.key,
            board=board,
            category=entry.category,
            reason="" if fair.consensus.books_used[m] > 0 else self._reason(m, range(n)),
            consensus=fair.consensus.probability[:, m],
            band_low=fair.consensus_band.lowest[:, m],
            band_high=fair.consensus_band.highest[:, m],
            devigged=fair.devigged[:, :n, m],
            leave_one_out=self.without[:, :n, m],
            share=fair.consensus.share[:n, m],
            overround=fair.overround[:n, m],
            left_out=tuple(self._left_out(b, m) for b in range(n)),
            dispersion=float(fair.consensus.dispersion[m]),
            books_used=int(fair.consensus.books_used[m]),
            opportunities=tuple(self._priced(o, b, m, j) for o, b, j in judged if not j.refused),
            refused=refused,
        )

    def _judge(self, o: int, b: int, m: int) -> Judgement:
        group, entry = self.group, self.group.entries[m]
        share = self.fair.leave_one_out.share[b, :, m]
        fair = float(self.without[o, b, m])
        candidate = Candidate(
            seconds_to_start=(entry.boards.event.commence_time - entry.boards.as_of).total_seconds(),
            market_open=entry.board.status is MarketStatus.OPEN,
            outcomes=len(entry.board.outcomes),
            outcomes_priced=int((~np.isnan(group.back[:, b, m])).sum()),
            age=float(group.age[b, m]),
            behind_newest=float(self.behind[b, m]),
            references=int(self.fair.leave_one_out.books_used[b, m]),
            sharp_reference=bool((group.sharp[:, m] & (share > 0)).any()),
            dispersion=float(self.fair.leave_one_out.dispersion[b, m]),
            divergence=abs(fair - float(self.median[o, m])),
            fair=fair,
            ev=float(self.ev[o, b, m]),
        )
        return judge(candidate, group.profile, group.profile.bounds[entry.category])

    def _priced(self, o: int, b: int, m: int, judgement: Judgement) -> Priced:
        board, fair = self.group.entries[m].board, self.fair
        n = len(board.bookmakers)
        return Priced(
            outcome=o,
            bookmaker=b,
            price=float(board.back[o, b]),
            net_price=float(self.group.net[o, b, m]),
            limit=float(board.limit[o, b]),
            fair=float(self.without[o, b, m]),
            band_low=float(fair.leave_one_out_band.lowest[b, o, m]),
            band_high=float(fair.leave_one_out_band.highest[b, o, m]),
            ev=float(self.ev[o, b, m]),
            ev_worst=float(self.worst[o, b, m]),
            dispersion=float(fair.leave_one_out.dispersion[b, m]),
            judgement=judgement,
            shares=fair.leave_one_out.share[b, :n, m],
            outliers=fair.leave_one_out.outlier[b, :n, m],
        )

    def _left_out(self, b: int, m: int) -> str:
        if self.fair.consensus.share[b, m] > 0:
            return ""
        if self.fair.consensus.outlier[b, m]:
            return "outlier_excluded"
        if self.group.several_win[m]:
            return "not_mutually_exclusive"
        entry = self.group.entries[m]
        if entry.board.bookmakers[b] in entry.others:
            return "different_outcomes"
        status = self.fair.status[b, m]
        if status == DevigStatus.INCOMPLETE:
            return "incomplete_market"
        if status == DevigStatus.NO_OVERROUND:
            return "no_overround"
        if self.stale[b, m]:
            return "reference_stale"
        return "not_computable"

    def _reason(self, m: int, books: Iterable[int]) -> str:
        """Why none of `books` gives a fair price."""
        if self.group.several_win[m]:
            return "not_mutually_exclusive"
        reasons = [self._left_out(b, m) for b in books]
        for reason in ("reference_stale", "no_overround", "incomplete_market", "different_outcomes"):
            if reason in reasons:
                return reason
        return "reference_missing"


def _nanmedian(values: FloatArray) -> FloatArray:
    """Median over bookmakers (axis 1), NaN where there is none."""
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    ordered = np.sort(values, axis=1)  # NaN last
    lower = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[:, None], axis=1)[:, 0]
    upper = np.take_along_axis(ordered, np.maximum(count // 2, 0)[:, None].clip(max=values.shape[1] - 1), axis=1)[:, 0]
    return np.where(count > 0, (lower + upper) / 2, np.nan)
