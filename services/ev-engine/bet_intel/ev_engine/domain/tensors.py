"""What is to be priced as tensors: markets with as many outcomes, of which as many win, beside each other."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, FloatArray, MarketKey
from bet_intel.ev_engine.domain.priced import BoolArray
from bet_intel.ev_engine.domain.profile import CLOCK_SKEW, Category, Profile
from bet_intel.odds import exchange_mid, lay_as_back

SECOND = 1e6
# How far the mids of an exchange may be from adding up to the winners before they are placeholders.
_MID_OFF = 0.10
# Implied probabilities that add up to this much more than the winners are those of one more: no bookmaker keeps half of
# what is staked.
_ANOTHER_WINNER = 1.0
_MOST_BY_LIMIT = 2.0
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Entry(NamedTuple):
    boards: EventBoards
    key: MarketKey
    board: Board
    others: frozenset[str]
    category: Category


class Scopes:
    """A profile as it is in each sport and market, found once."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._known: dict[tuple[str, str, str], Profile] = {}

    def of(self, entry: Entry) -> Profile:
        return self.at(entry.boards, entry.key)

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
        and one.bounds[Category.MAIN].stale_seconds == other.bounds[Category.MAIN].stale_seconds
    )


def us(time: datetime) -> int:
    """Microseconds since the epoch."""
    return (time - _EPOCH) // timedelta(microseconds=1)


class Group:
    """Markets of as many outcomes, of which as many win, as tensors: outcomes × bookmakers × markets.

    Serves every profile that has the same bookmakers and the same main lines as `profile` (`same_basis`).
    """

    def __init__(self, entries: Sequence[Entry], profile: Scopes, winning: int) -> None:
        self.entries = entries
        self.winning = float(winning)
        self.books = max(len(entry.board.bookmakers) for entry in entries)
        shape = (len(entries[0].board.outcomes), self.books, len(entries))
        self.back, self.lay = np.full(shape, np.nan), np.full(shape, np.nan)
        self.weight, self.commission = np.zeros(shape[1:]), np.zeros(shape[1:])
        self.sharp, self.exchange = np.zeros(shape[1:], bool), np.zeros(shape[1:], bool)
        self.age, limit = np.full(shape[1:], np.inf), np.full(shape[1:], np.nan)
        for m, entry in enumerate(entries):
            board, n = entry.board, len(entry.board.bookmakers)
            self.back[:, :n, m] = board.back
            self.lay[:, :n, m] = board.lay
            age = (us(entry.boards.as_of) - board.updated_us) / SECOND
            # Clocks differ a little; a time far after the answer tells nothing, as little as none at all.
            self.age[:n, m] = np.where(age < -CLOCK_SKEW, np.inf, age)
            limit[:n, m] = board.limit.min(axis=0)
            here = profile.of(entry)
            for b, key in enumerate(board.bookmakers):
                book = here.bookmaker(key)
                self.weight[b, m], self.commission[b, m] = book.weight, book.commission
                self.sharp[b, m], self.exchange[b, m] = book.sharp, book.exchange
        self.net = 1.0 + (self.back - 1.0) * (1.0 - self.commission)
        self.net_lay = lay_as_back(self.lay, self.commission)
        self.several_win = self._several_win()
        self.weight *= by_limit(limit, profile.profile.limit_weight)
        self._prepare()

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

    def stale(self, profile: Scopes) -> BoolArray:
        """Prices that are too old to refer to. (bookmakers, markets)"""
        here = [profile.of(entry) for entry in self.entries]
        after = np.array(
            [one.bounds[entry.category].stale_seconds for one, entry in zip(here, self.entries, strict=True)]
        )
        behind = np.array([one.behind_newest_seconds for one in here])
        stale: BoolArray = (self.age > after) | (self.behind > behind)
        return stale

    def not_asked(self, profile: Scopes, stale: BoolArray) -> BoolArray:
        """Bookmakers whose opinion a profile with sharp references does not ask for. (bookmakers, markets)"""
        if not profile.profile.sharp_references:
            return np.zeros_like(stale)
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
    known = ~np.isnan(limit) & (limit > 0.0)
    if power == 0.0 or not known.any():
        return np.ones(limit.shape)
    usual = nanmedian(np.where(known, limit, np.nan)[np.newaxis])[0]
    ratio = np.divide(limit, usual, out=np.ones(limit.shape), where=known)
    factor: FloatArray = np.clip(ratio**power, 1.0 / _MOST_BY_LIMIT, _MOST_BY_LIMIT)
    return factor


def nanmedian(values: FloatArray) -> FloatArray:
    """Median over bookmakers (axis 1), NaN where there is none."""
    present = ~np.isnan(values)
    count = present.sum(axis=1)
    ordered = np.sort(values, axis=1)  # NaN last
    lower = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[:, None], axis=1)[:, 0]
    upper = np.take_along_axis(ordered, np.maximum(count // 2, 0)[:, None].clip(max=values.shape[1] - 1), axis=1)[:, 0]
    return np.where(count > 0, (lower + upper) / 2, np.nan)
