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
    """Keep the set of outcomes that most bookmakers with a say price together; among equals the larger one, then that
    whose outcomes are priced most often. Where no two price the same, it is every outcome that half of them price.

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
        lay_limit=None if board.lay_limit is None else board.lay_limit[chosen] * without,
    )
    return Comparable(kept, frozenset(np.asarray(board.bookmakers)[other].tolist()))


def _chosen(key: MarketKey, board: Board, offered: BoolArray, votes: Votes) -> list[int]:
    """The rows of the outcomes that most price together; none where nobody prices two."""
    several = np.count_nonzero(offered, axis=0) > 1
    by_book = [tuple(np.flatnonzero(column).tolist()) for column in offered.T]
    if len({by_book[book] for book in np.flatnonzero(several)}) > 1:
        counted = votes(key, board, several)
        several = counted if counted.any() else several
    asked = np.flatnonzero(several)
    if not len(asked):
        return []
    sets = Counter(by_book[book] for book in asked)
    priced = np.count_nonzero(offered[:, asked], axis=1)
    most = max(sets.values())
    if most == 1 and len(sets) > 1:
        # One bookmaker's set is nobody's opinion but its own, and runners come and go: a field of which each lacks
        # another one has no complete bookmaker, whichever came first.
        chosen = np.flatnonzero(2 * priced >= len(asked)).tolist()
        return chosen if len(chosen) > 1 else []

    def rank(outcomes: tuple[int, ...]) -> tuple[int, int, list[str]]:
        return -len(outcomes), -int(priced[list(outcomes)].sum()), sorted(board.outcomes[row] for row in outcomes)

    first = min([outcomes for outcomes, count in sets.items() if count == most], key=rank)
    return list(first)
