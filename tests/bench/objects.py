"""Row 9b: the default pipeline beside the same written per object: a market, a bookmaker and a price at a time."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.boards import events
from bench.measure import Figure, interleaved, times_faster
from bench.per_object import Event, Market, Priced, Quote, priced
from bet_intel.ev_engine.domain.boards import EventBoards
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile

_BOOKS = 11
_EVENTS = 156_000 // (2 * 3 * _BOOKS)
_FEWER = 20
"""Of the objects so many times fewer are worked through: what they cost grows with their number alone."""
_AGREE = 1e-9


def run(rounds: int) -> Iterable[Figure]:
    """Ours does more: it looks for arbitrages, middles and low holds as well, keeps what each gate measured, and says
    of every price that was refused why."""
    profile = Profile()
    boards = events(_EVENTS, _BOOKS)
    few = [_told(one) for one in boards[: _EVENTS // _FEWER]]
    _compare(boards, few, profile)
    taken = interleaved({"ours": lambda: price(boards, profile), "objects": lambda: _each(few)}, rounds)
    faster = times_faster(taken["objects"], taken["ours"], work=_EVENTS / len(few))
    detail = f"{_EVENTS * 2 * 3 * _BOOKS:,} quotes"
    yield Figure("default pipeline faster than per object", faster, 20, at_least=True, detail=detail)


def _told(one: EventBoards) -> Event:
    """The same as plain objects."""
    as_of_us = int(one.as_of.timestamp() * 1e6)
    markets = []
    for key, board in one.boards.items():
        pairs, times = zip(*board.back.tolist(), strict=True), board.updated_us.tolist()
        quotes = [
            Quote(book, pair, (as_of_us - updated) / 1e6)
            for book, pair, updated in zip(board.bookmakers, pairs, times, strict=True)
        ]
        markets.append(Market(key.market, quotes))
    return Event((one.event.commence_time - one.as_of).total_seconds(), markets)


def _each(few: Sequence[Event]) -> list[list[Priced]]:
    return [priced(one) for one in few]


def _compare(boards: Sequence[EventBoards], few: Sequence[Event], profile: Profile) -> None:
    """
    Raises:
        AssertionError: they do not compute the same.
    """
    for ours, theirs in zip(price(boards[: len(few)], profile), _each(few), strict=True):
        for market, line in zip(ours.markets, theirs, strict=True):
            pool, fair = line.consensus, market.fair
            if pool is None:
                raise AssertionError(f"no fair price of {market.key}")
            numbers = np.array([pool.probability, pool.lowest, pool.highest])
            if not np.abs(np.array([fair.consensus, fair.band_low, fair.band_high]) - numbers).max() <= _AGREE:
                raise AssertionError(f"not the same fair prices of {market.key}")
            found = {(one.outcome, market.board.bookmakers[one.bookmaker]): one for one in market.opportunities}
            if found.keys() != {(one.outcome, one.bookmaker) for one in line.found}:
                raise AssertionError(f"not the same opportunities of {market.key}")
            for one in line.found:
                same = found[one.outcome, one.bookmaker]
                if not (abs(same.ev - one.ev) <= _AGREE and same.judgement.ev_class == one.ev_class):
                    raise AssertionError(f"not the same EV in {market.key}")
