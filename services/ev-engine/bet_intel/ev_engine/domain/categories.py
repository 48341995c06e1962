"""Which line of a market is its main one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.profile import Category
from bet_intel.odds import is_alternate

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

    def order(one: tuple[MarketKey, Board, float]) -> tuple[int, float, float]:
        _, board, line = one
        books, balance = _support(board, as_of_us, stale_us)
        return -books, balance, line

    return min(lines, key=order)[0]


def _support(board: Board, as_of_us: int, stale_us: float) -> tuple[int, float]:
    """How many bookmakers offer the line complete and fresh, and how far its first side is from even."""
    offered = ~np.isnan(board.back).any(axis=0) & (as_of_us - board.updated_us <= stale_us)
    if len(board.outcomes) < 2 or not offered.any():
        return 0, 1.0
    implied = 1.0 / board.back[:, offered]
    return int(offered.sum()), float(abs(np.mean(implied[0] / implied.sum(axis=0)) - 0.5))
