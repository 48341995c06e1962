"""Closing lines: what was fair, and what was on offer, when an event started."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, MarketStatus, SportingEvent
from bet_intel.ev_engine.domain.categories import by_name
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Category, Profile

SHORTLY = timedelta(minutes=30)
"""How long before the start a market may be withdrawn and still have closed: feeds drop matches minutes before."""
NOT_OFFERED = "not_offered"
"""Why a market has no closing line: none of its lines was on offer shortly before the start, as far as is known."""


Prices = Mapping[str, float]
"""Decimal odds by outcome."""


class BookPrices(NamedTuple):
    """One bookmaker's prices in a market, and the largest stakes it takes where it tells them; `updated_us` is when it
    last confirmed them, µs since the epoch."""

    updated_us: int
    back: Prices
    lay: Prices
    limit: Mapping[str, float] = MappingProxyType({})


class Candidate(NamedTuple):
    """The newest board of a market at or before the start, and the time of the newest answer that showed it;
    `withdrawn`: of the one that withdrew it afterwards, where it was not on offer at the start any more. Without
    `books` it is not known what stood at the start, and `as_of` is when the market was first seen."""

    key: MarketKey
    as_of: datetime
    books: Mapping[str, BookPrices]
    withdrawn: datetime | None = None


class ClosingMarket(NamedTuple):
    """A market as it closed, as of the newest answer that showed its prices."""

    as_of: datetime
    market: PricedMarket


class Unclosed(NamedTuple):
    """A market without a closing line; `as_of` is the newest of its lines' times that are known, `key` has no line."""

    key: MarketKey
    as_of: datetime
    category: Category
    reason: str


def unclosed_markets(event: SportingEvent, candidates: Sequence[Candidate]) -> list[Unclosed]:
    """Those of which nothing was on offer shortly before the start, in the order of the keys."""
    found = []
    for (market, period, subject), lines in sorted(_by_market(candidates).items()):
        if not _last(event, lines):
            key = MarketKey(market, period, None, subject)
            as_of = max(one.withdrawn or one.as_of for one in lines)
            found.append(Unclosed(key, as_of, by_name(key), NOT_OFFERED))
    return found


def _by_market(candidates: Sequence[Candidate]) -> Mapping[tuple[str, str, str], list[Candidate]]:
    by_market: defaultdict[tuple[str, str, str], list[Candidate]] = defaultdict(list)
    for one in candidates:
        by_market[one.key.market, one.key.period, one.key.subject].append(one)
    return by_market


def closing_markets(event: SportingEvent, candidates: Sequence[Candidate], profile: Profile) -> list[ClosingMarket]:
    """Price what was on offer at the start, in the order of the keys.

    The lines of a market are priced together, since which is its main one is asked of all of them; each is as of the
    newest answer that is known to have shown it. These may differ: where the start has moved to before an answer, it is
    only known since when each board had stood. What had gone by the start has been withdrawn: no age need say so.
    """
    offered = [one for lines in _by_market(candidates).values() for one in _last(event, lines)]
    if not offered:
        return []
    # One pass over all of them at one time, to which each line's times are moved: ages stay what they are.
    at = max(one.as_of for one in offered)
    boards = {one.key: _board(one, to=at - one.as_of) for one in offered}
    (priced,) = price([EventBoards(event, at, 0, {}, boards)], profile)
    as_of = {one.key: one.as_of for one in offered}
    closed = [ClosingMarket(as_of[market.key], market) for market in priced.markets]
    return sorted(closed, key=lambda one: _order(one.market.key))


def _last(event: SportingEvent, lines: Sequence[Candidate]) -> Sequence[Candidate]:
    """The lines of a market that were on offer at the start; where none was, those that were withdrawn last, unless
    that was long before."""
    known = [one for one in lines if one.books]
    offered = [one for one in known if one.withdrawn is None]
    if offered:
        return offered
    last = max((one.withdrawn for one in known if one.withdrawn is not None), default=None)
    if last is None or last < event.commence_time - SHORTLY:
        return []
    return [one for one in known if one.withdrawn == last]


def _order(key: MarketKey) -> tuple[str, str, str, float]:
    return key.market, key.period, key.subject, 0.0 if key.line is None else key.line


def _board(candidate: Candidate, *, to: timedelta) -> Board:
    """The board of a candidate, all of whose times are moved by `to`."""
    books = sorted(candidate.books)
    outcomes = sorted(
        {outcome for book in candidate.books.values() for side in (book.back, book.lay) for outcome in side}
    )
    back, lay, limit = (
        np.array([[column(candidate.books[book]).get(outcome, np.nan) for book in books] for outcome in outcomes])
        for column in (_back, _lay, _limit)
    )
    at = int(candidate.as_of.timestamp() * 1_000_000)
    # A board that was confirmed again after a start which moved to before that was there at the start as well.
    updated = np.array([min(candidate.books[book].updated_us, at) for book in books], dtype=np.int64)
    updated += to // timedelta(microseconds=1)
    return Board(0, MarketStatus.OPEN, tuple(outcomes), tuple(books), back, lay, limit, updated)


def _back(book: BookPrices) -> Prices:
    return book.back


def _lay(book: BookPrices) -> Prices:
    return book.lay


def _limit(book: BookPrices) -> Mapping[str, float]:
    return book.limit
