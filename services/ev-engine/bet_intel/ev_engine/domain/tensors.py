"""What is to be priced as tensors: markets with as many outcomes, of which as many win, beside each other."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from math import isfinite
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, FloatArray, MarketKey
from bet_intel.ev_engine.domain.priced import BoolArray
from bet_intel.ev_engine.domain.profile import CLOCK_SKEW, Category, Profile
from bet_intel.odds import (
    DEFAULT_RULE,
    DeviggedBooks,
    Method,
    devigged_books,
    exchange_mid,
    lay_as_back,
    more_outcomes_win,
)
from bet_intel.odds.arrays import IntArray, over_outcomes, places

SECOND = 1e6
# How far the mids of an exchange may be from adding up to the winners before they are placeholders.
_MID_OFF = 0.10
_MOST_BY_LIMIT = 2.0
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Entry(NamedTuple):
    boards: EventBoards
    key: MarketKey
    board: Board
    others: frozenset[str]
    category: Category


class Standing(NamedTuple):
    """Which bookmakers of a board weigh something, None where all do; and the places of those that are one exchange
    under several keys."""

    weighing: BoolArray | None
    twins: list[list[int]]


class Scopes:
    """A profile as it is in each sport and market, found once."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._known: dict[tuple[str, str, str], Profile] = {}
        self._kinds: dict[tuple[int, tuple[str, ...]], FloatArray] = {}
        self._standing: dict[tuple[int, tuple[str, ...]], Standing] = {}

    def of(self, entry: Entry) -> Profile:
        return self.at(entry.boards, entry.key)

    def kinds(self, entry: Entry) -> FloatArray:
        """Weight, commission, whether it is sharp and whether an exchange, of each bookmaker of a board: (4, b)."""
        here, books = self.of(entry), entry.board.bookmakers
        asked = id(here), books  # the profiles found are kept: none has the place of another
        known = self._kinds.get(asked)
        if known is None:
            # Number by number, which takes half the time of making an array of tuples.
            each = chain.from_iterable([here.bookmaker(key) for key in books])
            known = self._kinds[asked] = np.fromiter(each, np.float64, 4 * len(books)).reshape(-1, 4).T
        return known

    def twins(self, entry: Entry) -> list[list[int]]:
        """The places of the bookmakers of a board that are one exchange under several keys."""
        return self.standing(self.of(entry), entry.board.bookmakers).twins

    def standing(self, here: Profile, books: tuple[str, ...]) -> Standing:
        known = self._standing.get((id(here), books))
        if known is None:
            weighing = np.array([here.bookmaker(key).weight > 0.0 for key in books], dtype=np.bool_)
            by_exchange: defaultdict[str, list[int]] = defaultdict(list)
            for place, key in enumerate(books):
                exchange = here.exchange(key)
                if exchange is not None:
                    by_exchange[exchange].append(place)
            twins = [same for same in by_exchange.values() if len(same) > 1]
            known = self._standing[id(here), books] = Standing(None if weighing.all() else weighing, twins)
        return known

    def at(self, boards: EventBoards, key: MarketKey) -> Profile:
        if not self.profile.overrides:
            return self.profile
        place = boards.event.sport, boards.event.league, key.market
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = self.profile.at(*place)
        return known


def same_basis(one: Profile, other: Profile) -> bool:
    """Whether what is the same for every bookmaker's prices is the same by two profiles."""
    return (
        one.bookmakers == other.bookmakers
        and one.bookmaker_prefixes == other.bookmaker_prefixes
        and one.overrides == other.overrides
        and one.limit_weight == other.limit_weight
        and all(one.bounds[each].stale_seconds == other.bounds[each].stale_seconds for each in Category)
    )


def us(time: datetime) -> int:
    """Microseconds since the epoch."""
    since = time - _EPOCH
    # In whole numbers, as by a division of one by the other, which takes ten times as long.
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


class Group:
    """Markets of as many outcomes, of which as many win, as tensors: outcomes × bookmakers × markets.

    Serves every profile that has the same bookmakers, outcomes and main lines as `profile` (`same_basis`).
    """

    def __init__(self, entries: Sequence[Entry], profile: Scopes, winning: int) -> None:
        self.entries = entries
        self.winning = float(winning)
        self.books = max(len(entry.board.bookmakers) for entry in entries)
        shape = (len(entries[0].board.outcomes), self.books, len(entries))
        told = np.full((3, *shape), np.nan)
        self.back, self.lay, limit = told
        # Weight, commission, and whether it is a sharp one and an exchange, of each bookmaker.
        kinds = np.zeros((4, *shape[1:]))
        self.age = np.full(shape[1:], np.inf)
        times = {id(entry.boards): us(entry.boards.as_of) for entry in entries}
        for m, entry in enumerate(entries):
            board, n = entry.board, len(entry.board.bookmakers)
            self.back[:, :n, m] = board.back
            self.lay[:, :n, m] = board.lay
            self.age[:n, m] = times[id(entry.boards)] - board.updated_us
            limit[:, :n, m] = board.limit
            kinds[:, :n, m] = profile.kinds(entry)
        self.weight, self.commission = kinds[0], kinds[1]
        self.sharp, self.exchange = kinds[2] > 0.0, kinds[3] > 0.0
        self.age /= SECOND
        # Clocks differ a little; a time far after the answer tells nothing, as little as none at all.
        self.age[self.age < -CLOCK_SKEW] = np.inf
        has = ~np.isnan(told[:2])
        self.has_back, self.has_lay = has
        self.outcomes_backed, self.outcomes_laid = np.add.reduce(has, axis=1)
        self.anybody_lays = np.count_nonzero(self.has_lay) > 0
        self.net = 1.0 + (self.back - 1.0) * (1.0 - self.commission)
        self.net_lay = lay_as_back(self.lay, self.commission) if self.anybody_lays else self.lay
        self.asked = 1.0 / self.back
        self.several_win = more_outcomes_win(self.asked, self.winning, unasked=self.exchange)
        self.weight *= by_limit(np.minimum.reduce(limit, axis=0), profile.profile.limit_weight)
        self._prepare(profile)
        self._exchange = profile.profile.exchange  # the same by every profile that it serves
        self._columns: dict[int, dict[str, int]] = {}
        self._devigged: dict[Method, DeviggedBooks] = {}

    def _prepare(self, profile: Scopes) -> None:
        """What is the same for every profile: implied probabilities, and how far behind the newest each book is."""
        # An exchange's market is read from both sides of its book; one without lay prices, with some for some outcomes
        # only, or far from its back prices, is too thin to refer to.
        self.two_sided = self.exchange & (self.outcomes_laid > 0)
        self.implied = self._read_from_both_sides() if self.anybody_lays else self.asked.copy()
        np.copyto(self.implied, np.nan, where=self.exchange & ~self.two_sided)
        if np.count_nonzero(self.several_win):
            self.implied[..., self.several_win] = np.nan
        # The newest among those that could be referred to, the judged one included: a price that has just moved is not
        # held against others that have not been confirmed since.
        sums = over_outcomes(self.implied)  # NaN where one is missing
        # Placeholders are nobody's opinion, and nobody is late because of them.
        self.placeholders = sums > DEFAULT_RULE.most_implied(len(self.implied), self.winning)
        if np.count_nonzero(self.placeholders):
            self.weight[self.placeholders] = 0.0
        margined = sums > self.winning
        self.twins: dict[int, dict[int, int]] = {}
        """By market, which of the keys of one exchange stands for others (`Scopes.twins`), by these."""
        if self.anybody_lays:
            mids = self.two_sided & ~np.isnan(sums)
            margined |= mids
            self._count_exchanges_once(profile, mids)
        self.usable = (self.weight > 0) & margined
        # A time after the answer itself is the feed's error: it makes nobody else late.
        self.newest = np.minimum.reduce(np.where(self.usable, np.maximum(self.age, 0.0), np.inf), axis=0)
        self.behind = self.age - np.where(np.isfinite(self.newest), self.newest, 0.0)

    def behind_newest_of(self, m: int, b: int, others: Iterable[int]) -> float:
        """How far a price of market `m` is behind the newest that can be referred to there or in `others`, seconds."""
        newest = min(self.newest.item(each) for each in (m, *others))
        age: float = self.age.item(b, m)
        return age - newest if isfinite(newest) else age

    def _count_exchanges_once(self, profile: Scopes, mids: BoolArray) -> None:
        """An exchange that is listed under a key for each country is one bookmaker, by its newest mids, and weighs what
        is set for the heaviest of its keys: the other keys weigh nothing."""
        for m, entry in enumerate(self.entries):
            for same in profile.twins(entry):
                usable = [b for b in same if mids[b, m] and self.weight[b, m] > 0.0]
                ages = self.age[:, m].tolist()
                stands = min(usable or same, key=ages.__getitem__)
                others = [b for b in same if b != stands]
                self.twins.setdefault(m, {}).update(dict.fromkeys(others, stands))
                self.weight[others, m] = 0.0
                weights = profile.kinds(entry)[0]
                if weights[stands] > 0.0:
                    self.weight[stands, m] *= weights[same].max() / weights[stands]

    @property
    def counted_as(self) -> IntArray | None:
        """Which bookmaker stands for each, (bookmakers, markets); None where each does for itself."""
        if not self.twins:
            return None
        stands = places(self.books, 1).repeat(len(self.entries), axis=1)
        for m, twins in self.twins.items():
            stands[list(twins), m] = list(twins.values())
        return stands

    def column(self, m: int, bookmaker: str) -> int | None:
        """Who is left out of market `m` where a price of `bookmaker` is judged: itself, or its exchange under another
        key; None where neither is in it."""
        known = self._columns.get(m)
        if known is None:
            known = self._columns[m] = {}
            for b, key in enumerate(self.entries[m].board.bookmakers):
                known[key] = b
                if (exchange := self._exchange(key)) is not None:
                    known.setdefault(exchange, b)
        column = known.get(bookmaker)
        return known.get(self._exchange(bookmaker) or bookmaker) if column is None else column

    def _read_from_both_sides(self) -> FloatArray:
        mid = exchange_mid(self.back, self.lay)
        mid[:, np.abs(mid.sum(axis=0) - self.winning) > _MID_OFF] = np.nan
        return np.where(self.two_sided, mid, self.asked)

    def devigged(self, method: Method) -> DeviggedBooks:
        """Each bookmaker's fair probabilities by `method`, and by those of the band."""
        known = self._devigged.get(method)
        if known is None:
            known = self._devigged[method] = devigged_books(
                self.implied, is_mid=self.two_sided, method=method, target=self.winning
            )
        return known

    def stale(self, profile: Scopes) -> BoolArray:
        """Prices that are too old to refer to. (bookmakers, markets)"""
        here = [profile.of(entry) for entry in self.entries]
        after = [one.bounds[entry.category].stale_seconds for one, entry in zip(here, self.entries, strict=True)]
        behind = [one.behind_newest_seconds for one in here]
        stale: BoolArray = (self.age > after) | (self.behind > behind)
        return stale

    def not_asked(self, profile: Scopes, stale: BoolArray) -> BoolArray:
        """Bookmakers whose opinion a profile with sharp references does not ask for. (bookmakers, markets)"""
        if not profile.profile.sharp_references:
            return np.zeros(stale.shape, dtype=np.bool_)
        wanted = np.array([profile.of(entry).min_references for entry in self.entries])
        heard = self.usable & ~stale
        sharp, exchanges = heard & self.sharp, heard & self.two_sided
        enough = sharp.any(axis=0) | (exchanges.sum(axis=0) >= wanted)
        unasked: BoolArray = enough & ~(self.sharp | self.two_sided)
        return unasked


def by_limit(limit: FloatArray, power: float) -> FloatArray:
    """What the weights of bookmakers are multiplied by, who take bets up to `limit` (bookmakers, markets), NaN where
    that is not known: (limit / median of those of the market)^`power`, from 1/2 to 2; 1 where no other bookmaker tells
    one.

    Who takes more money has been told more by those who have it.
    """
    known = limit > 0.0  # not where it is NaN
    if power == 0.0 or not np.count_nonzero(known):
        return np.ones(limit.shape)
    usual = _median_of(limit, known)
    ratio = np.divide(limit, usual, out=np.ones(limit.shape), where=known)
    factor: FloatArray = np.clip(ratio**power, 1.0 / _MOST_BY_LIMIT, _MOST_BY_LIMIT)
    return factor


def _median_of(values: FloatArray, known: BoolArray) -> FloatArray:
    """Median over bookmakers of those of `values` (bookmakers, markets) that are `known`; infinite where none is."""
    count = np.add.reduce(known, axis=0)
    ordered = np.where(known, values, np.inf)
    ordered.sort(axis=0)
    each = places(ordered.shape[1])
    middle: FloatArray = ordered[np.maximum(count - 1, 0) // 2, each]
    middle += ordered[np.minimum(count // 2, len(ordered) - 1), each]
    middle /= 2.0
    return middle
