"""Markets of which something is returned on a draw: how likely that is, by the three-way prices of the same event and
period.

A market without the draw is a line of 0 on the margin: it holds where the stake stands, and the three-way prices tell
what the half lines beside it would, P(a side wins) and P(it wins or draws). Spreads of 0 and of a quarter beside it ask
for these where no line of ½ tells them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from math import isnan, nan
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import FloatArray
from bet_intel.ev_engine.domain.lines import DISAGREE, Terms, draw_not_known
from bet_intel.ev_engine.domain.pools import Pooled
from bet_intel.odds import Split, push_probability

_THREE_WAY = ("h2h", "h2h_3_way")
"""What names match odds with the draw; the first is asked before the other."""
_DRAW = "Draw"


class _ThreeWay(NamedTuple):
    pooled: Pooled
    m: int

    @property
    def market(self) -> str:
        return self.pooled.group.entries[self.m].key.market

    @property
    def outcomes(self) -> tuple[str, ...]:
        return self.pooled.group.entries[self.m].board.outcomes

    def probability(self, outcome: str, bookmaker: str) -> float:
        """Without the bookmaker's own prices."""
        row, column = self.outcomes.index(outcome), self.pooled.group.column(self.m, bookmaker)
        if column is None:
            return self.pooled.fair.consensus.probability.item(row, self.m)
        return self.pooled.without.item(row, column, self.m)


class Draws:
    """How likely the draws of events are, by one profile's `pools` of everything that is priced with them."""

    def __init__(self, pools: Iterable[Pooled]) -> None:
        self._pools = pools

    @cached_property
    def _three_ways(self) -> dict[tuple[str, str], list[_ThreeWay]]:
        """By event and period, in the order they are asked. Made when it is first asked for: few events have a market
        that asks."""
        found: defaultdict[tuple[str, str], list[_ThreeWay]] = defaultdict(list)
        for pooled in self._pools:
            for m, entry in enumerate(pooled.group.entries):
                key = entry.key
                if key.market in _THREE_WAY and len(entry.board.outcomes) == 3 and _DRAW in entry.board.outcomes:
                    found[entry.boards.event.id, key.period].append(_ThreeWay(pooled, m))
        for ways in found.values():
            ways.sort(key=lambda way: _THREE_WAY.index(way.market))
        return found

    def terms(self, pooled: Pooled, m: int, fair: FloatArray) -> Terms:
        """How the bets of market `m` of `pooled`, of which something is returned on a draw, are settled.

        `fair`: (o, b or more), what its prices are judged by.
        """
        entry, view = pooled.group.entries[m], pooled.lines.views[m]
        books, outcomes = entry.board.bookmakers, entry.board.outcomes
        of_event = self._three_ways.get((entry.boards.event.id, entry.key.period), ())
        ways = [way for way in of_event if {*way.outcomes} == {*outcomes, _DRAW}]
        if view is not None:
            # Where match odds have no draw, overtime counts: `h2h_3_way` is of the regular time then, a spread not.
            if not ways or ways[0].market != _THREE_WAY[0]:
                return pooled.lines.terms(m, fair)
            return pooled.lines.terms(m, fair, partial(_beside, ways, outcomes[view.above]))
        if not ways:
            return draw_not_known(len(books))
        push = np.empty(len(books))
        for b, book in enumerate(books):
            told = _beside(ways, outcomes[0], book)
            push[b] = push_probability(Split.RETURNED, fair.item(0, b), *told, DISAGREE)
        return Terms(push, np.where(np.isnan(push), 1.0, 1.0 - push), (Split.RETURNED, Split.RETURNED))


def _beside(ways: Sequence[_ThreeWay], side: str, bookmaker: str) -> tuple[float, float]:
    """That `side` wins or draws, and that it wins, without the bookmaker's own prices; NaN where nobody tells it."""
    for way in ways:
        # Not 1 − P(other side wins): by the worst case these do not add up to 1, and what is missing is no draw.
        wins = way.probability(side, bookmaker)
        if not isnan(wins):
            return wins + way.probability(_DRAW, bookmaker), wins
    return nan, nan
