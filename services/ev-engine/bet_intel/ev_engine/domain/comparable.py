"""Which of the prices on a board are prices of one and the same market."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.categories import Votes
from bet_intel.odds.arrays import BoolArray

_NOBODY: frozenset[str] = frozenset()


class Comparable(NamedTuple):
    """The prices of a board that can be held against each other, and the bookmakers whose prices cannot."""

    board: Board
    others: frozenset[str]


def comparable(key: MarketKey, board: Board, votes: Votes) -> Comparable:
    """Keep the set of outcomes that most bookmakers with a say price together (among equals the larger one).

    Under one name bookmakers offer different markets: a fight with a draw and, as most do, one without, where a draw
    returns the stake. Their prices are no opinions about each other. A bookmaker that prices a part of the chosen
    outcomes stays, as incomplete; one that prices others is left out with all its prices. Where nobody has a say, all
    have one.
    """
    if len(board.outcomes) <= 2:
        return Comparable(board, _NOBODY)  # two or none: there is one set of outcomes
    missing = np.isnan(board.back)
    if not np.count_nonzero(missing):
        return Comparable(board, _NOBODY)
    offered = ~missing
    chosen = _chosen(key, board, offered, votes)
    if not chosen:
        return Comparable(board, _NOBODY)
    unchosen = np.ones(len(board.outcomes), dtype=bool)
    unchosen[chosen] = False
    other = offered[unchosen].any(axis=0)
    if not unchosen.any():
        return Comparable(board, _NOBODY)
    without = np.where(other, np.nan, 1.0)
    kept = replace(
        board,
        outcomes=tuple(board.outcomes[row] for row in chosen),
        back=board.back[chosen] * without,
        lay=board.lay[chosen] * without,
        limit=board.limit[chosen] * without,
    )
    return Comparable(kept, frozenset(np.asarray(board.bookmakers)[other].tolist()))


def _chosen(key: MarketKey, board: Board, offered: BoolArray, votes: Votes) -> list[int]:
    """The rows of the outcomes that most price together; none where nobody prices two."""
    several = np.count_nonzero(offered, axis=0) > 1
    by_book = [tuple(np.flatnonzero(column).tolist()) for column in offered.T]
    if len({by_book[book] for book in np.flatnonzero(several)}) > 1:
        counted = votes(key, board, several)
        several = counted if counted.any() else several
    sets = Counter(by_book[book] for book in np.flatnonzero(several))
    whole = [(count, len(outcomes), outcomes) for outcomes, count in sets.items()]
    return list(max(whole, key=lambda one: one[:2])[2]) if whole else []
