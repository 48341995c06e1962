"""Which of the prices on a board are prices of one and the same market."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board

_NOBODY: frozenset[str] = frozenset()


class Comparable(NamedTuple):
    """The prices of a board that can be held against each other, and the bookmakers whose prices cannot."""

    board: Board
    others: frozenset[str]


def comparable(board: Board) -> Comparable:
    """Keep the set of outcomes that most bookmakers price together (among equals the larger one).

    Under one name bookmakers offer different markets: a fight with a draw and, as most do, one without, where a draw
    returns the stake. Their prices are no opinions about each other. A bookmaker that prices a part of the chosen
    outcomes stays, as incomplete; one that prices others is left out with all its prices.
    """
    if len(board.outcomes) <= 2:
        return Comparable(board, _NOBODY)  # two or none: there is one set of outcomes
    missing = np.isnan(board.back)
    if not np.count_nonzero(missing):
        return Comparable(board, _NOBODY)
    offered = ~missing
    sets = Counter(tuple(np.flatnonzero(column).tolist()) for column in offered.T)
    whole = [(count, len(outcomes), outcomes) for outcomes, count in sets.items() if len(outcomes) > 1]
    if not whole:
        return Comparable(board, frozenset())
    chosen = list(max(whole, key=lambda one: one[:2])[2])
    unchosen = np.ones(len(board.outcomes), dtype=bool)
    unchosen[chosen] = False
    other = offered[unchosen].any(axis=0)
    if not unchosen.any():
        return Comparable(board, frozenset())
    without = np.where(other, np.nan, 1.0)
    kept = replace(
        board,
        outcomes=tuple(board.outcomes[row] for row in chosen),
        back=board.back[chosen] * without,
        lay=board.lay[chosen] * without,
        limit=board.limit[chosen] * without,
        lay_limit=None if board.lay_limit is None else board.lay_limit[chosen] * without,
    )
    return Comparable(kept, frozenset(np.asarray(board.bookmakers)[other].tolist()))
