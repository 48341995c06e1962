"""Closing lines: what was fair, and what was on offer, when an event started."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey, MarketStatus, SportingEvent
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile

Prices = Mapping[str, float]
"""Decimal odds by outcome."""


class BookPrices(NamedTuple):
    """One bookmaker's prices in a market; `updated_us` is when it last confirmed them, µs since the epoch."""

    updated_us: int
    back: Prices
    lay: Prices


class Candidate(NamedTuple):
    """The newest board of a market at or before the start, and the time of the newest answer that showed it."""

    key: MarketKey
    as_of: datetime
    books: Mapping[str, BookPrices]


class ClosingMarket(NamedTuple):
    """A market as it closed, as of the newest answer that showed its prices."""

    as_of: datetime
    market: PricedMarket


def closing_markets(event: SportingEvent, candidates: Sequence[Candidate], profile: Profile) -> list[ClosingMarket]:
    """Price each market as of its own time, in the order of their keys."""
    by_time: defaultdict[datetime, dict[MarketKey, Board]] = defaultdict(dict)
    for one in candidates:
        by_time[one.as_of][one.key] = _board(one)
    # One pass over all of them, each under a name of its own.
    passed = [
        EventBoards(replace(event, id=str(number)), as_of, 0, {}, boards)
        for number, (as_of, boards) in enumerate(sorted(by_time.items()))
    ]
    closed = [
        ClosingMarket(priced.boards.as_of, market) for priced in price(passed, profile) for market in priced.markets
    ]
    return sorted(closed, key=lambda one: _order(one.market.key))


def _order(key: MarketKey) -> tuple[str, str, str, float]:
    return key.market, key.period, key.subject, 0.0 if key.line is None else key.line


def _board(candidate: Candidate) -> Board:
    books = sorted(candidate.books)
    outcomes = sorted(
        {outcome for book in candidate.books.values() for side in (book.back, book.lay) for outcome in side}
    )
    back, lay = (
        np.array([[side(candidate.books[book]).get(outcome, np.nan) for book in books] for outcome in outcomes])
        for side in (_back, _lay)
    )
    at = int(candidate.as_of.timestamp() * 1_000_000)
    # A board that was confirmed again after a start which moved to before that was there at the start as well.
    updated = np.array([min(candidate.books[book].updated_us, at) for book in books], dtype=np.int64)
    return Board(0, MarketStatus.OPEN, tuple(outcomes), tuple(books), back, lay, np.full(back.shape, np.nan), updated)


def _back(book: BookPrices) -> Prices:
    return book.back


def _lay(book: BookPrices) -> Prices:
    return book.lay
