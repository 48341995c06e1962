"""Whose prices say what a market is: which outcomes it has, and which of its lines is the main one."""

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, EventBoards, MarketKey
from bet_intel.ev_engine.domain.categories import by_name
from bet_intel.ev_engine.domain.profile import CLOCK_SKEW
from bet_intel.ev_engine.domain.tensors import SECOND, Scopes, us
from bet_intel.odds.arrays import BoolArray

_SKEW = int(CLOCK_SKEW * SECOND)


class Voters:
    """Who is asked of one event, by one profile."""

    def __init__(self, boards: EventBoards, scopes: Scopes) -> None:
        self._boards, self._scopes = boards, scopes
        self._latest = us(boards.as_of) + _SKEW

    def among(self, key: MarketKey, board: Board, offered: BoolArray) -> BoolArray:
        """Of the bookmakers that have `offered` something, those who have a say: whose prices are fresh, with a time
        that is one, and who weigh something; an exchange once, by the newest of its keys. (bookmakers,)"""
        here = self._scopes.at(self._boards, key)
        # Of unsigned numbers a time too far after the answer is the oldest of all.
        old = (self._latest - board.updated_us).view(np.uint64)
        counted: BoolArray = offered & (old <= here.bounds[by_name(key)].stale_seconds * SECOND + _SKEW)
        weighing, twins = self._scopes.standing(here, board.bookmakers)
        if weighing is not None:
            counted &= weighing
        for same in twins:
            counting = [place for place in same if counted[place]]
            if len(counting) > 1:
                newest = min(counting, key=old.item)
                counted[counting] = False
                counted[newest] = True
        return counted
