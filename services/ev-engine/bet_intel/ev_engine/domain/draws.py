"""Markets of which something is returned on a draw: how likely that is, by the three-way prices of the same event and
period.

A market without the draw is a line of 0 on the margin: it holds where the stake stands, and the three-way prices tell
what the half lines beside it would, P(a side wins) and P(it wins or draws). Spreads of 0 and of a quarter beside it ask
for these where no line of ½ tells them.
"""

from collections.abc import Iterable
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.lines import DISAGREE, Terms, draw_not_known
from bet_intel.ev_engine.domain.pools import Pooled
from bet_intel.odds import Split, push_probability

_THREE_WAY = ("h2h", "h2h_3_way")
"""What names match odds with the draw; the first is taken where both are priced."""
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

    def beside(self, side: str, bookmaker: str) -> tuple[float, float]:
        """That `side` wins or draws, and that it wins, without the bookmaker's own prices."""
        # Not 1 − P(other side wins): by the worst case these do not add up to 1, and what is missing is no draw.
        wins = self.probability(side, bookmaker)
        return wins + self.probability(_DRAW, bookmaker), wins

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
    def _three_way(self) -> dict[tuple[str, str], _ThreeWay]:
        """By event and period. Made when it is first asked for: few events have a market that asks."""
        found: dict[tuple[str, str], _ThreeWay] = {}
        for pooled in self._pools:
            for m, entry in enumerate(pooled.group.entries):
                key = entry.key
                if key.market not in _THREE_WAY or len(entry.board.outcomes) != 3 or _DRAW not in entry.board.outcomes:
                    continue
                if not pooled.fair.consensus.books_used[m]:
                    continue
                place = entry.boards.event.id, key.period
                if place not in found or key.market == _THREE_WAY[0]:
                    found[place] = _ThreeWay(pooled, m)
        return found

    def terms(self, pooled: Pooled, m: int) -> Terms:
        """How the bets of market `m` of `pooled`, of which something is returned on a draw, are settled."""
        entry, view = pooled.group.entries[m], pooled.lines.views[m]
        books, outcomes = entry.board.bookmakers, entry.board.outcomes
        three_way = self._three_way.get((entry.boards.event.id, entry.key.period))
        if three_way is not None and {*outcomes, _DRAW} != {*three_way.outcomes}:
            three_way = None
        if view is not None:
            # Where match odds have no draw, overtime counts: `h2h_3_way` is of the regular time then, a spread not.
            if three_way is None or three_way.market != _THREE_WAY[0]:
                return pooled.lines.terms(m)
            return pooled.lines.terms(m, partial(three_way.beside, outcomes[view.above]))
        if three_way is None:
            return draw_not_known(len(books))
        push = np.empty(len(books))
        for b, book in enumerate(books):
            told = three_way.beside(outcomes[0], book)
            push[b] = push_probability(Split.RETURNED, pooled.without.item(0, b, m), *told, DISAGREE)
        return Terms(push, np.where(np.isnan(push), 1.0, 1.0 - push), (Split.RETURNED, Split.RETURNED))
