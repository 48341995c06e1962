"""Which line of a market is its main one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.profile import Category
from bet_intel.odds import is_alternate
from bet_intel.odds.arrays import BoolArray, over_outcomes

_OUTRIGHTS = "outrights"


def categories(
    boards: Iterable[tuple[MarketKey, Board]], as_of_us: int, stale_us: float
) -> Mapping[MarketKey, Category]:
    """The category of every market of one event.

    The main line is the one that most bookmakers offer complete and fresh (not older than `stale_us`); among equals
    the one whose sides are nearest to even, then the lowest.
    """
    found: dict[MarketKey, Category] = {}
    lines: defaultdict[tuple[str, str], list[tuple[MarketKey, Board, float]]] = defaultdict(list)
    for key, board in boards:
        if key.market == _OUTRIGHTS:
            found[key] = Category.OUTRIGHT
        elif key.subject:
            found[key] = Category.PROP
        elif is_alternate(key.market):
            found[key] = Category.ALTERNATE
        elif key.line is None:
            found[key] = Category.MAIN
        else:
            found[key] = Category.ALTERNATE
            lines[key.market, key.period].append((key, board, key.line))
    for candidates in lines.values():
        found[_main(candidates, as_of_us, stale_us)] = Category.MAIN
    return found


def _main(lines: Sequence[tuple[MarketKey, Board, float]], as_of_us: int, stale_us: float) -> MarketKey:
    if len(lines) == 1:
        return lines[0][0]
    offered = [_offered(board, as_of_us, stale_us) for _, board, _ in lines]
    counts = [np.count_nonzero(books) for books in offered]
    most = max(counts)
    # How even it is takes longer to find than how many offer it.
    equals = [(one, books) for one, books, count in zip(lines, offered, counts, strict=True) if count == most]
    if len(equals) == 1:
        return equals[0][0][0]
    (key, _, _), _ = min(equals, key=lambda one: (_off_even(one[0][1], one[1]), one[0][2]))
    return key


def _offered(board: Board, as_of_us: int, stale_us: float) -> BoolArray:
    """Which bookmakers offer the line complete and fresh; of fewer than two sides nobody does."""
    if len(board.outcomes) < 2:
        return np.zeros(len(board.bookmakers), dtype=np.bool_)
    offered: BoolArray = ~np.isnan(over_outcomes(board.back)) & (as_of_us - board.updated_us <= stale_us)
    return offered


def _off_even(board: Board, offered: BoolArray) -> float:
    """How far the line's first side is from even, in the mean of those who offer it."""
    if not np.count_nonzero(offered):
        return 1.0
    implied = 1.0 / board.back[:, offered]
    first = implied[0] / over_outcomes(implied)
    return abs(float(np.add.reduce(first)) / len(first) - 0.5)
