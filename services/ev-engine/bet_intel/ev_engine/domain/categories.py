"""Which line of a market is its main one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.profile import Category
from bet_intel.odds import is_alternate
from bet_intel.odds.arrays import BoolArray, over_outcomes

Votes = Callable[[MarketKey, Board, BoolArray], BoolArray]
"""Of the bookmakers that offer something, those who have a say in what the market is (`voters`)."""

_OUTRIGHTS = "outrights"


def by_name(key: MarketKey) -> Category:
    """The category of a market as far as its key tells it: what has a line may be the main one."""
    if key.market == _OUTRIGHTS:
        return Category.OUTRIGHT
    if key.subject:
        return Category.PROP
    return Category.ALTERNATE if is_alternate(key.market) else Category.MAIN


def categories(boards: Iterable[tuple[MarketKey, Board]], votes: Votes) -> Mapping[MarketKey, Category]:
    """The category of every market of one event.

    The main line is the one that most bookmakers with a say offer complete, or where none has one, most of all; among
    equals the one whose sides are nearest to even, then the lowest.
    """
    found: dict[MarketKey, Category] = {}
    lines: defaultdict[tuple[str, str], list[tuple[MarketKey, Board, float]]] = defaultdict(list)
    for key, board in boards:
        category = by_name(key)
        if category is Category.MAIN and key.line is not None:
            category = Category.ALTERNATE
            lines[key.market, key.period].append((key, board, key.line))
        found[key] = category
    for candidates in lines.values():
        found[_main(candidates, votes)] = Category.MAIN
    return found


def _main(lines: Sequence[tuple[MarketKey, Board, float]], votes: Votes) -> MarketKey:
    if len(lines) == 1:
        return lines[0][0]
    complete = [_complete(board) for _, board, _ in lines]
    offered = [votes(key, board, books) for (key, board, _), books in zip(lines, complete, strict=True)]
    counts = [np.count_nonzero(books) for books in offered]
    most = max(counts)
    if most == 0:
        offered, counts = complete, [np.count_nonzero(books) for books in complete]
        most = max(counts)
    # How even it is takes longer to find than how many offer it.
    equals = [(one, books) for one, books, count in zip(lines, offered, counts, strict=True) if count == most]
    if len(equals) == 1:
        return equals[0][0][0]
    (key, _, _), _ = min(equals, key=lambda one: (_off_even(one[0][1], one[1]), one[0][2]))
    return key


def _complete(board: Board) -> BoolArray:
    """Which bookmakers offer the line complete; of fewer than two sides nobody does."""
    if len(board.outcomes) < 2:
        return np.zeros(len(board.bookmakers), dtype=np.bool_)
    complete: BoolArray = ~np.isnan(over_outcomes(board.back))
    return complete


def _off_even(board: Board, offered: BoolArray) -> float:
    """How far the line's first side is from even, in the mean of those who offer it."""
    if not np.count_nonzero(offered):
        return 1.0
    implied = 1.0 / board.back[:, offered]
    first = implied[0] / over_outcomes(implied)
    return abs(float(np.add.reduce(first)) / len(first) - 0.5)
