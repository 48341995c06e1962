"""Row 9b: the default pipeline beside the same written per object: a market, a bookmaker and a price at a time."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bench.boards import events
from bench.measure import Figure, interleaved, times_faster
from bet_intel.ev_engine.domain.boards import EventBoards
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from e2e.by_hand.boards import Board, LineKey
from e2e.by_hand.judging import judged
from e2e.by_hand.lines import Line

_BOOKS = 11
_EVENTS = 156_000 // (2 * 3 * _BOOKS)
_FEWER = 20
"""Of the objects so many times fewer are worked through: what they cost grows with their number alone."""
_AGREE = 1e-9
_AGE = 30.0

Told = tuple[dict[str, Any], dict[LineKey, dict[tuple[str, str], float]]]


def run(rounds: int) -> Iterable[Figure]:
    profile = Profile()
    boards = events(_EVENTS, _BOOKS)
    few = [_told(one) for one in boards[: _EVENTS // _FEWER]]
    _compare(boards[:20], few[:20], profile)
    taken = interleaved({"ours": lambda: price(boards, profile), "objects": lambda: _per_object(few)}, rounds)
    faster = times_faster(taken["objects"], taken["ours"], work=_EVENTS / len(few))
    detail = f"{_EVENTS * 2 * 3 * _BOOKS:,} quotes"
    yield Figure("default pipeline faster than per object", faster, 20, at_least=True, detail=detail)


def _told(one: EventBoards) -> Told:
    """The same as plain objects."""
    names = {"h2h": ("first", "second"), "spreads": ("Home", "Away"), "totals": ("Over", "Under")}
    prices: dict[LineKey, dict[tuple[str, str], float]] = {}
    for key, board in one.boards.items():
        prices[key.market, key.line] = {
            (book, outcome): float(board.back[o, b])
            for b, book in enumerate(board.bookmakers)
            for o, outcome in enumerate(names[key.market])
        }
    return {"home_team": "Home", "away_team": "Away", "sport_key": one.event.league}, prices


def _per_object(told: Sequence[Told]) -> list[dict[LineKey, Line]]:
    found = []
    for event, prices in told:
        boards = {
            key: Board(back=dict(quotes), age=dict.fromkeys((book for book, _ in quotes), _AGE))
            for key, quotes in prices.items()
        }
        found.append(judged(boards, event, started=False))
    return found


def _compare(boards: Sequence[EventBoards], told: Sequence[Told], profile: Profile) -> None:
    """
    Raises:
        AssertionError: they do not compute the same.
    """
    for ours, theirs in zip(price(boards, profile), _per_object(told), strict=True):
        for market in ours.markets:
            line = theirs[market.key.market, market.key.line]
            assert line.consensus is not None
            fair = np.array(sorted(line.consensus.probability.values()))
            if not np.abs(np.sort(market.fair.consensus) - fair).max() <= _AGREE:
                raise AssertionError(f"not the same fair prices of {market.key}")
            if len(market.opportunities) != len(line.found):
                raise AssertionError(f"not the same opportunities of {market.key}")
