"""One pass: boards of many events in, fair prices and the prices that beat them out.

Markets with the same number of outcomes are priced together as one tensor of outcomes × bookmakers × markets
(`bet_intel.odds.fair_prices`), so that a pass costs a few array operations however many events it holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bet_intel.ev_engine.domain.boards import Board, EventBoards, FloatArray, MarketKey, MarketStatus
from bet_intel.ev_engine.domain.categories import categories
from bet_intel.ev_engine.domain.combinations import Combination, combinations
from bet_intel.ev_engine.domain.comparable import comparable
from bet_intel.ev_engine.domain.gates import Candidate, Judgement, judge
from bet_intel.ev_engine.domain.lines import Lines, Place, Terms
from bet_intel.ev_engine.domain.priced import BoolArray, Offers, Priced, PricedMarket, Refusal
from bet_intel.ev_engine.domain.profile import CLOCK_SKEW, Bookmaker, Category, Profile
from bet_intel.ev_engine.domain.winners import winners
from bet_intel.odds import DevigStatus, exchange_mid, expected_value, fair_prices, lay_as_back

_SECOND = 1e6
# How far the mids of an exchange may be from adding up to the winners before they are placeholders.
_MID_OFF = 0.10
# Implied probabilities that add up to this much more than the winners are those of one more: no bookmaker keeps half of
# what is staked.
_ANOTHER_WINNER = 1.0
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class PricedEvent(NamedTuple):
    """Everything one profile thinks of one event."""

    boards: EventBoards
    profile: Profile
    markets: Sequence[PricedMarket]
    combinations: tuple[Combination, ...] = ()


class _Entry(NamedTuple):
    boards: EventBoards
    key: MarketKey
    board: Board
    others: frozenset[str]
    category: Category


def price(events: Sequence[EventBoards], profile: Profile) -> list[PricedEvent]:
    """What one profile thinks of every open market of `events`."""
    return [priced for (priced,) in price_side_by_side(events, (profile,))]


def price_side_by_side(events: Sequence[EventBoards], profiles: Sequence[Profile]) -> list[tuple[PricedEvent, ...]]:
    """Price every open market of `events`: for each event what each of `profiles` thinks of it.

    Ages and starts are judged against each event's own `as_of`. What profiles have in common is done once: one whose
    bookmakers, method and fresh references are those of another has that one's fair prices.
    """
    bases: list[tuple[Profile, list[_Group | _OneSided]]] = []
    by_profile: list[list[PricedEvent]] = []
    for profile in profiles:
        groups = next((groups for known, groups in bases if _same_basis(known, profile)), None)
        if groups is None:
            groups = _groups(events, profile)
            bases.append((profile, groups))
        markets: defaultdict[str, list[PricedMarket]] = defaultdict(list)
        for group in groups:
            for entry, market in zip(group.entries, group.price(profile), strict=True):
                markets[entry.boards.event.id].append(market)
        by_profile.append([_event(boards, profile, markets[boards.event.id]) for boards in events])
    return list(zip(*by_profile, strict=True))


def _event(boards: EventBoards, profile: Profile, markets: list[PricedMarket]) -> PricedEvent:
    markets.sort(key=_order)
    return PricedEvent(boards, profile, markets, combinations(boards, profile, markets))


def _same_basis(one: Profile, other: Profile) -> bool:
    return (
        one.bookmakers == other.bookmakers
        and one.bookmaker_prefixes == other.bookmaker_prefixes
        and one.bounds[Category.MAIN].stale_seconds == other.bounds[Category.MAIN].stale_seconds
    )


def _groups(events: Sequence[EventBoards], profile: Profile) -> "list[_Group | _OneSided]":
    by_outcomes: defaultdict[tuple[int, int], list[_Entry]] = defaultdict(list)
    for boards in events:
        kept = {key: comparable(board) for key, board in boards.priced()}
        lines = ((key, one.board) for key, one in kept.items())
        kinds = categories(lines, _us(boards.as_of), profile.bounds[Category.MAIN].stale_seconds * _SECOND)
        for key, (board, others) in kept.items():
            by_outcomes[len(board.outcomes), winners(key.market)].append(_Entry(boards, key, board, others, kinds[key]))
    return [
        _Group(entries, profile, winning) if outcomes > winning else _OneSided(entries)
        for (outcomes, winning), entries in by_outcomes.items()
    ]


def _order(market: PricedMarket) -> tuple[str, str, str, float]:
    key = market.key
    return key.market, key.period, key.subject, key.line if key.line is not None else 0.0


def _us(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


class _OneSided:
    """Markets of a single outcome: nothing is complete, and there is no fair price."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self.entries = entries

    def price(self, _profile: Profile) -> Iterator[PricedMarket]:
        return map(_one_sided, self.entries)


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
        (),
        None,
        Terms.plain(books),
    )


class _Group:
    """Markets of as many outcomes, of which as many win, as tensors: outcomes × bookmakers × markets.

    Serves every profile that has the same bookmakers and the same main lines as `profile`.
    """

    def __init__(self, entries: Sequence[_Entry], profile: Profile, winning: int) -> None:
        self.entries = entries
        self.winning = float(winning)
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
            self.age[:n, m] = np.where(age < -CLOCK_SKEW, np.inf, age)
            for b, key in enumerate(board.bookmakers):
                book = known.get(key) or known.setdefault(key, profile.bookmaker(key))
                self.weight[b, m], self.commission[b, m] = book.weight, book.commission
                self.sharp[b, m], self.exchange[b, m] = book.sharp, book.exchange
        self.net = 1.0 + (self.back - 1.0) * (1.0 - self.commission)
        self.several_win = self._several_win()
        self._prepare()
        self._pooled: list[_Pooled] = []

    def _several_win(self) -> BoolArray:
        """Markets of which more outcomes win than their name says, because most bookmakers price them so: nobody says
        what their fair probabilities add up to. Exchanges have no say: nearly empty, they look the same. (markets,)"""
        sums = (1.0 / self.back).sum(axis=0)
        complete = ~np.isnan(sums) & ~self.exchange
        priced_so = complete & (sums >= self.winning + _ANOTHER_WINNER)
        several: BoolArray = 2 * priced_so.sum(axis=0) > complete.sum(axis=0)
        return several

    def _prepare(self) -> None:
        """What is the same for every profile: implied probabilities, and how far behind the newest each book is."""
        # An exchange's market is read from both sides of its book; one with lay prices for some outcomes only, or far
        # from its back prices, is too thin to refer to. Without any lay price it is read like a bookmaker's.
        self.two_sided = self.exchange & ~np.isnan(self.lay).all(axis=0)
        mid = exchange_mid(self.back, self.lay)
        mid[:, np.abs(mid.sum(axis=0) - self.winning) > _MID_OFF] = np.nan
        self.implied = np.where(self.two_sided, mid, 1.0 / self.back)
        self.implied[..., self.several_win] = np.nan
        self.weight = np.where(self.exchange & ~self.two_sided, np.minimum(self.weight, 1.0), self.weight)
        # The newest among those that could be referred to, the judged one included: a price that has just moved is not
        # held against others that have not been confirmed since.
        complete = ~np.isnan(self.implied).any(axis=0)
        self.usable = (self.weight > 0) & complete & (self.two_sided | (self.implied.sum(axis=0) > self.winning))
        # A time after the answer itself is the feed's error: it makes nobody else late.
        newest = np.where(self.usable, np.maximum(self.age, 0.0), np.inf).min(axis=0)
        self.behind = np.where(np.isfinite(self.age), self.age, np.inf) - np.where(np.isfinite(newest), newest, 0.0)

    def price(self, profile: Profile) -> Iterator[PricedMarket]:
        stale_after = np.array([profile.bounds[entry.category].stale_seconds for entry in self.entries])
        stale = (self.age > stale_after) | (self.behind > profile.behind_newest_seconds)
        weight = np.where(stale | self._not_asked(profile, stale), 0.0, self.weight)
        judged = _Judged(self, profile, self._pool(weight, stale, profile))
        return (judged.market(m) for m in range(len(self.entries)))

    def _not_asked(self, profile: Profile, stale: BoolArray) -> BoolArray:
        """Bookmakers whose opinion a profile with sharp references does not ask for. (bookmakers, markets)"""
        if not profile.sharp_references:
            return np.zeros_like(stale)
        heard = self.usable & ~stale
        sharp, exchanges = heard & self.sharp, heard & self.two_sided
        enough = sharp.any(axis=0) | (exchanges.sum(axis=0) >= profile.min_references)
        unasked: BoolArray = enough & ~(self.sharp | self.two_sided)
        return unasked

    def _pool(self, weight: FloatArray, stale: BoolArray, profile: Profile) -> "_Pooled":
        for known in self._pooled:
            if (
                known.fair.method is profile.method
                and np.array_equal(known.weight, weight)
                and np.array_equal(known.stale, stale)
            ):
                return known
        pooled = _Pooled(self, weight, stale, profile)
        self._pooled.append(pooled)
        return pooled


class _Pooled:
    """A group's fair prices by one method and one set of weights, and what follows from them for every profile."""

    def __init__(self, group: _Group, weight: FloatArray, stale: BoolArray, profile: Profile) -> None:
        self.group, self.weight, self.stale = group, weight, stale
        self.fair = fair = fair_prices(
            group.implied, weight, is_mid=group.two_sided, method=profile.method, target=group.winning
        )
        self.without = np.moveaxis(fair.leave_one_out.probability, 0, 1)  # (outcomes, bookmaker left out, markets)
        self.lowest = np.moveaxis(fair.leave_one_out_band.lowest, 0, 1)
        self.ev = expected_value(self.without, group.net)
        self.worst = expected_value(self.lowest, group.net)
        self.unjudged = np.isnan(self.without) & ~np.isnan(group.back)
        usable = np.where(fair.consensus.share > 0, fair.devigged, np.nan)
        self.median = _nanmedian(usable)
        self.back, self.back_bookmaker = _best(np.where(stale, np.nan, group.net))
        lays = np.where(stale, np.nan, lay_as_back(group.lay, group.commission))
        self.lay, self.lay_bookmaker = _best(lays)
        self.left_out: dict[int, tuple[str, ...]] = {}
        places = [Place(e.boards.event.id, e.boards.event.home, e.key, e.board) for e in group.entries]
        self.lines = Lines(places, fair.consensus.probability, self.without)

    def cost(self) -> FloatArray:
        """The least sum of inverse net prices that covers every outcome of a market, infinite where nothing does."""
        back = np.where(np.isnan(self.back), 0.0, self.back)
        lay = np.where(np.isnan(self.lay), 0.0, self.lay)
        with np.errstate(divide="ignore"):
            either = np.maximum(back, lay[::-1]) if len(back) == 2 else back
            pairs = (1.0 / back + 1.0 / lay).min(axis=0)
            cost: FloatArray = np.minimum((1.0 / either).sum(axis=0), pairs)
        return cost


def _best(net: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """The highest net price over bookmakers and whose it is, (outcomes, markets) each; NaN where there is none."""
    offered = np.where(np.isnan(net), -np.inf, net)
    whose = offered.argmax(axis=1)
    highest = np.take_along_axis(offered, whose[:, np.newaxis], axis=1)[:, 0]
    return np.where(np.isfinite(highest), highest, np.nan), whose


class _Judged:
    """A group with its fair prices: what beats them, market by market."""

    def __init__(self, group: _Group, profile: Profile, pooled: _Pooled) -> None:
        self.group = group
        self.profile = profile
        self.pooled = pooled
        self.fair = pooled.fair
        self.without = pooled.without
        # What a price is judged by, and worth against it.
        self.judged_by = pooled.lowest if profile.worst_case else pooled.without
        self.ev = pooled.worst if profile.worst_case else pooled.ev
        with np.errstate(invalid="ignore"):
            self.beats = self.ev > 0
        self.unjudged = pooled.unjudged
        self.covering = pooled.cost() <= 1.0 + profile.low_hold

    def market(self, m: int) -> PricedMarket:
        entry, fair = self.group.entries[m], self.fair
        board, n = entry.board, len(entry.board.bookmakers)
        terms = self.pooled.lines.terms(m)
        candidates = [(int(o), int(b)) for o, b in zip(*np.nonzero(self.beats[:, :n, m]), strict=True)]
        judged = [(o, b, self._judge(o, b, m, terms)) for o, b in candidates]
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
            left_out=self._all_left_out(m),
            dispersion=float(fair.consensus.dispersion[m]),
            books_used=int(fair.consensus.books_used[m]),
            opportunities=tuple(self._priced(o, b, m, terms, j) for o, b, j in judged if not j.refused),
            refused=refused,
            refusals=tuple(Refusal(o, b, j) for o, b, j in judged if j.refused),
            offers=Offers(
                self.pooled.back[:, m],
                self.pooled.back_bookmaker[:, m],
                self.pooled.lay[:, m],
                self.pooled.lay_bookmaker[:, m],
                bool(self.covering[m]),
            ),
            terms=terms,
        )

    def _judge(self, o: int, b: int, m: int, terms: Terms) -> Judgement:
        group, entry = self.group, self.group.entries[m]
        share = self.fair.leave_one_out.share[b, :, m]
        fair = float(self.judged_by[o, b, m])
        candidate = Candidate(
            seconds_to_start=(entry.boards.event.commence_time - entry.boards.as_of).total_seconds(),
            market_open=entry.board.status is MarketStatus.OPEN,
            outcomes=len(entry.board.outcomes),
            outcomes_priced=int((~np.isnan(group.back[:, b, m])).sum()),
            age=float(group.age[b, m]),
            behind_newest=float(group.behind[b, m]),
            references=int(self.fair.leave_one_out.books_used[b, m]),
            sharp_reference=bool((group.sharp[:, m] & (share > 0)).any()),
            dispersion=float(self.fair.leave_one_out.dispersion[b, m]),
            divergence=abs(fair - float(self.pooled.median[o, m])),
            fair=fair,
            ev=float(self.ev[o, b, m] * terms.standing[b]),
        )
        return judge(candidate, self.profile, self.profile.bounds[entry.category])

    def _priced(self, o: int, b: int, m: int, terms: Terms, judgement: Judgement) -> Priced:
        board, fair = self.group.entries[m].board, self.fair
        n = len(board.bookmakers)
        return Priced(
            outcome=o,
            bookmaker=b,
            price=float(board.back[o, b]),
            net_price=float(self.group.net[o, b, m]),
            limit=float(board.limit[o, b]),
            fair=float(self.judged_by[o, b, m]),
            band_low=float(fair.leave_one_out_band.lowest[b, o, m]),
            band_high=float(fair.leave_one_out_band.highest[b, o, m]),
            ev=float(self.ev[o, b, m] * terms.standing[b]),
            ev_worst=float(self.pooled.worst[o, b, m] * terms.standing[b]),
            dispersion=float(fair.leave_one_out.dispersion[b, m]),
            judgement=judgement,
            shares=fair.leave_one_out.share[b, :n, m],
            outliers=fair.leave_one_out.outlier[b, :n, m],
            push=float(terms.push[b]),
        )

    def _all_left_out(self, m: int) -> tuple[str, ...]:
        known = self.pooled.left_out.get(m)
        if known is None:
            books = range(len(self.group.entries[m].board.bookmakers))
            known = self.pooled.left_out[m] = tuple(self._left_out(b, m) for b in books)
        return known

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
        if self.pooled.stale[b, m]:
            return "reference_stale"
        if self.group.usable[b, m] and self.pooled.weight[b, m] == 0:
            return "not_asked"
        return "not_computable"

    def _reason(self, m: int, books: Iterable[int]) -> str:
        """Why none of `books` gives a fair price."""
        if self.group.several_win[m]:
            return "not_mutually_exclusive"
        left_out = self._all_left_out(m)
        reasons = [left_out[b] for b in books]
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
