"""What the lines of one result say of each other: the probability of a push from the half lines beside a line.

A market's lines (its alternates too) are points of one curve, P(X > t). A half line is read from it directly; a whole
line and a quarter line hold where the stake stands, and how often it does not is the fall of the curve between the half
lines beside it. What a bookmaker's price is judged by never comes from that bookmaker, at no line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import Board, FloatArray, MarketKey
from bet_intel.odds import Split, base_market, push_probability, returns_stake_on_draw, threshold

STAKE = "stake"
STANDING_STAKE = "standing_stake"
"""What an EV is per unit of: the stake, or where a push is possible and not known the part of it that stands."""

_OVER = "Over"
_SPREADS = "spreads"
DISAGREE = 0.05
"""How far the fair probability of a line may be from that of the half lines beside it, before these tell no push."""


class Place(NamedTuple):
    """A market of an event whose home side is `home`."""

    event_id: str
    home: str
    key: MarketKey
    board: Board


class Curve(NamedTuple):
    """Which result a line is about: of lines that share it, each is a point of one curve."""

    event_id: str
    market: str
    period: str
    subject: str


class LineView(NamedTuple):
    """A two-way line from the side that wins above it: `above` is that side's row, `at` its threshold."""

    curve: Curve
    above: int
    at: float
    split: Split
    whole: float


def line_view(place: Place) -> LineView | None:
    """A line of which one of two sides wins above and the other below; None for any other market."""
    key, outcomes = place.key, place.board.outcomes
    if key.line is None or len(outcomes) != 2:
        return None
    if _OVER in outcomes:
        above, at = outcomes.index(_OVER), key.line
    elif place.home and place.home in outcomes:
        above, at = outcomes.index(place.home), -key.line
    else:
        return None
    found = threshold(at)
    if found is None:
        return None
    curve = Curve(place.event_id, base_market(key.market), key.period, key.subject)
    return LineView(curve, above, at, *found)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a market's bets are settled, each (b,) by the bookmaker whose price is judged.

    `push`: π, 0 where nothing is returned, NaN where it cannot be known. `standing`: the expected share of the stake
    that is won or lost, by which the EV of a stake that stands is multiplied; 1 where π is not known, so that the EV
    is that of the stake that stands. `splits`: what a push does to the stake, by outcome; empty where there is none.
    """

    push: FloatArray
    standing: FloatArray
    splits: tuple[Split, ...] = ()

    @staticmethod
    @lru_cache(maxsize=256)
    def plain(books: int) -> "Terms":
        """Of a market whose every stake is won or lost: the same for all such markets, and not to be written to."""
        push, standing = np.zeros(books), np.ones(books)
        push.flags.writeable = standing.flags.writeable = False
        return Terms(push, standing)


def draw_not_known(books: int) -> Terms:
    """Of a market whose bets come back on a draw, of which nobody tells how likely it is."""
    return Terms(np.full(books, np.nan), np.ones(books), (Split.RETURNED, Split.RETURNED))


class Lines:
    """The lines among `places`, with their fair probabilities.

    `consensus` (o, m); `without` (o, b, m), the pool by the bookmaker left out; `column`: who that is of a market for a
    bookmaker, None where nobody is.
    """

    def __init__(
        self,
        places: Sequence[Place],
        consensus: FloatArray,
        without: FloatArray,
        column: Callable[[int, str], int | None],
    ) -> None:
        self._places = places
        self._consensus = consensus
        self._without = without
        self.views = [line_view(place) for place in places]
        self._halves: dict[tuple[Curve, float], list[int]] = {}
        self.on_draw: set[int] = set()
        """The markets of which something is returned where the event is drawn (`Draws`)."""
        for m, view in enumerate(self.views):
            if view is None:
                if returns_stake_on_draw(places[m].key.market):
                    self.on_draw.add(m)
            elif view.split is Split.NONE:
                self._halves.setdefault((view.curve, view.at), []).append(m)
            elif view.whole == 0.0 and view.curve.market == _SPREADS:
                self.on_draw.add(m)
        self._column = column

    def terms(
        self,
        m: int,
        fair: FloatArray | None = None,
        beside: Callable[[str], tuple[float, float]] | None = None,
    ) -> Terms:
        """How the bets of market `m` are settled.

        `fair`: (o, b or more), what its prices are judged by where that is not the pool alone. `beside`: P(X > W − ½)
        and P(X > W + ½) without a bookmaker, asked for what no half line tells.
        """
        books = self._places[m].board.bookmakers
        view = self.views[m]
        if view is None:
            key = self._places[m].key
            if m in self.on_draw:
                return draw_not_known(len(books))  # no line tells it: `Draws`
            # Without two sides of a number nothing tells what a line returns.
            known = Terms.plain(len(books))
            return known if key.line is None else Terms(known.push + np.nan, known.standing)
        if view.split is Split.NONE:
            return Terms.plain(len(books))
        below, beyond = (self._half(m, view, step) for step in (-0.5, 0.5))
        if beside is not None:
            for b, (low, high) in enumerate(map(beside, books)):
                below[b], beyond[b] = _first(below[b], low), _first(beyond[b], high)
        own = (self._without[..., m] if fair is None else fair)[view.above, : len(books)].tolist()
        rows = zip(own, below, beyond, strict=True)
        push = np.array([push_probability(view.split, *row, DISAGREE) for row in rows])
        splits = (view.split, view.split.other_side)
        return Terms(
            push,
            np.where(np.isnan(push), 1.0, 1.0 - (1.0 - view.split.standing) * push),
            splits if view.above == 0 else splits[::-1],
        )

    def _half(self, m: int, view: LineView, step: float) -> list[float]:
        """P(X > W + `step`) for each bookmaker of `m`, without its own prices; NaN where nobody tells it."""
        place = self._places[m]
        told = [np.nan] * len(place.board.bookmakers)
        candidates = self._halves.get((view.curve, view.whole + step), ())
        # Under the market's own name first; who is not pooled there may be under the other.
        for other in sorted(candidates, key=lambda other: self._places[other].key.market != place.key.market):
            told = [
                self._above(other, book) if isnan(known) else known
                for book, known in zip(place.board.bookmakers, told, strict=True)
            ]
        return told

    def _above(self, m: int, bookmaker: str) -> float:
        """The probability of going over the half line `m`, without the bookmaker's own prices."""
        view, column = self.views[m], self._column(m, bookmaker)
        if view is None:
            return np.nan
        if column is None:
            return float(self._consensus[view.above, m])
        return float(self._without[view.above, column, m])


def _first(one: float, other: float) -> float:
    return other if isnan(one) else one
