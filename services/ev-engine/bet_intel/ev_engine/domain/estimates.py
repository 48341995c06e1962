"""Lines that too few bookmakers price, judged by other lines of the same result.

In log-odds the probability of going over a line falls by about the same for every half point (the *slope*, a setting
for each sport). So a line is shifted to from the nearest one that is priced by enough, or read between the nearest on
either side, where what half a point is worth follows from these two. One that is told at the same line under another
name (`totals`, `alternate_totals`) needs no shift. The bookmaker whose price is judged is left out at every line.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from math import exp, isnan, log, nan
from statistics import median
from typing import NamedTuple

import numpy as np

from bet_intel.ev_engine.domain.boards import FloatArray
from bet_intel.ev_engine.domain.lines import Curve, LineView
from bet_intel.ev_engine.domain.pools import Pooled
from bet_intel.ev_engine.domain.priced import BoolArray, Estimate
from bet_intel.ev_engine.domain.profile import Profile, Slope
from bet_intel.ev_engine.domain.tensors import Scopes
from bet_intel.odds import Method, Split

_HALF_POINT = 0.5
_BETWEEN = 4
"""Half points to the nearer of two lines that another is read between, where a sport has no slope of its own."""
_FULL = "full"


class _Neighbour(NamedTuple):
    """A line somebody prices: its market, the column of the bookmaker left out there (None: it prices it not), how many
    half points it is away, below 0 for a lower one."""

    market: int
    column: int | None
    half_points: float


def estimates(pooled: Pooled, profile: Scopes) -> dict[tuple[int, int], Estimate]:
    """By market and bookmaker, for prices of lines without enough other bookmakers."""
    if len(pooled.group.back) != 2:
        return {}
    return dict(_Estimates(pooled, profile).found())


class _Estimates:
    def __init__(self, pooled: Pooled, profile: Scopes) -> None:
        self._pooled = pooled
        self._entries = pooled.group.entries
        self._profiles = [profile.of(entry) for entry in self._entries]
        self._views = pooled.lines.views
        self._told_asked: dict[int, list[list[float]]] = {}
        self._curves: defaultdict[Curve, list[int]] = defaultdict(list)
        for m, view in enumerate(self._views):
            if view is not None:
                self._curves[view.curve].append(m)

    def found(self) -> Iterator[tuple[tuple[int, int], Estimate]]:
        curves = [lines for lines in self._curves.values() if len(lines) > 1]
        if not curves:
            return
        group = self._pooled.group
        lacking = ((group.outcomes_backed > 0) | (group.outcomes_laid > 0)) & ~self._enough_without
        for lines in curves:
            for m in lines:
                for b in lacking[:, m].nonzero()[0].tolist():
                    estimate = self._estimate(m, b, lines)
                    if estimate is not None:
                        yield (m, b), estimate

    @cached_property
    def _enough_without(self) -> BoolArray:
        """Whether enough bookmakers but each price a line, or a sharp one does. (bookmakers, markets)"""
        wanted = [profile.min_references for profile in self._profiles]
        enough: BoolArray = self._pooled.sharp | (self._pooled.fair.leave_one_out.books_used >= wanted)
        return enough

    def _enough(self, m: int, column: int | None) -> bool:
        """Whether enough bookmakers but that of `column` price a line, or a sharp one does."""
        if column is not None:
            return bool(self._enough_without.item(column, m))
        references, sharp = self._references(m, None)
        return sharp or references >= self._profiles[m].min_references

    def _references(self, m: int, column: int | None) -> tuple[int, bool]:
        pooled, fair = self._pooled, self._pooled.fair
        if column is None:
            return fair.consensus.books_used.item(m), pooled.sharp_in_consensus.item(m)
        return fair.leave_one_out.books_used.item(column, m), pooled.sharp.item(column, m)

    def _estimate(self, m: int, b: int, lines: Sequence[int]) -> Estimate | None:
        view = self._views[m]
        if view is None:
            return None
        profile, entry = self._profiles[m], self._entries[m]
        slope = profile.slope(entry.boards.event.sport, entry.boards.event.league)
        reach = _BETWEEN if slope is None else slope.half_points
        near = [
            one
            for one in self._neighbours(m, b, view, lines)
            if abs(one.half_points) <= reach and _speaks_of(self._views[one.market], view, slope)
        ]
        same = [one for one in near if one.half_points == 0.0]
        below = max((one for one in near if one.half_points < 0.0), key=lambda one: one.half_points, default=None)
        beyond = min((one for one in near if one.half_points > 0.0), key=lambda one: one.half_points, default=None)
        if same:
            return self._known(m, b, same[:1], 0.0)
        if below is not None and beyond is not None:
            return self._known(m, b, [below, beyond], 0.0)
        per_half_point = _per_half_point(slope, view.curve)
        nearest = below or beyond
        if nearest is None or per_half_point is None:
            return None
        return self._known(m, b, [nearest], per_half_point)

    def _neighbours(self, m: int, b: int, view: LineView, lines: Sequence[int]) -> Iterator[_Neighbour]:
        bookmaker = self._entries[m].board.bookmakers[b]
        for other in lines:
            place = self._views[other]
            if other == m or place is None:
                continue
            column = self._pooled.group.column(other, bookmaker)
            if self._enough(other, column):
                yield _Neighbour(other, column, (place.at - view.at) / _HALF_POINT)

    def _known(self, m: int, b: int, near: Sequence[_Neighbour], per_half_point: float) -> Estimate | None:
        """What lines say is the same for every profile that asks these."""
        told, asked = self._pooled.told, (m, b, *near, per_half_point)
        if asked not in told:
            told[asked] = self._told(m, b, near, per_half_point)
        return told[asked]

    def _told(self, m: int, b: int, near: Sequence[_Neighbour], per_half_point: float) -> Estimate | None:
        ways = [self._log_odds(one) for one in near]
        parts: tuple[float, ...] = (1.0,)
        if len(near) == 2:
            # Each the more the nearer it is: what half a point is worth follows from the two.
            whole = near[1].half_points - near[0].half_points
            parts = (near[1].half_points / whole, -near[0].half_points / whole)
            if not all(low >= high for low, high in zip(*ways, strict=True)):
                return None  # Going over the higher line is told to be the likelier: nothing follows from that.
            above = [parts[0] * low + parts[1] * high for low, high in zip(*ways, strict=True)]
        else:
            shift = near[0].half_points * per_half_point
            above = [way + shift for way in ways[0]]
        fair, lowest, highest = [1.0 / (1.0 + exp(-way)) for way in above]
        view = self._views[m]
        first = view is not None and view.above == 0
        pools = [self._references(one.market, one.column) for one in near]
        shares: defaultdict[str, float] = defaultdict(float)
        outliers: set[str] = set()
        for one, part in zip(near, parts, strict=True):
            for book, share, outlier in self._members(one):
                shares[book] += part * share
                if outlier:
                    outliers.add(book)
        # By the worst case `fair` is the lowest of going over: of the other side the lowest is another number.
        is_bound = self._pooled.fair.method is Method.WORST_CASE
        return Estimate(
            fair=_both(fair, 1.0 - (highest if is_bound else fair), first=first),
            lowest=_both(lowest, 1.0 - highest, first=first),
            highest=_both(highest, 1.0 - lowest, first=first),
            lines=tuple(line for one in near if (line := self._entries[one.market].key.line) is not None),
            half_points=min(abs(one.half_points) for one in near),
            parts=tuple((self._entries[one.market].key, part) for one, part in zip(near, parts, strict=True)),
            shares=dict(shares),
            outliers=frozenset(book for book in outliers if shares[book] == 0.0),
            references=min(references for references, _ in pools),
            sharp=all(sharp for _, sharp in pools),
            dispersion=max(self._dispersion(one) for one in near),
            implied=self._implied(m, b),
            behind_newest=self._pooled.group.behind_newest_of(m, b, (one.market for one in near)),
        )

    def _log_odds(self, one: _Neighbour) -> list[float]:
        """Of going over the line: fair, lowest and highest over the methods."""
        # Plain floats: there are three.
        pooled, m, view = self._pooled, one.market, self._views[one.market]
        row = 0 if view is None else view.above
        if one.column is None:
            fair = pooled.fair
            p = [
                each.item(row, m)
                for each in (fair.consensus.probability, fair.consensus_band.lowest, fair.consensus_band.highest)
            ]
        else:
            p = [each.item(row, one.column, m) for each in (pooled.without, pooled.lowest, pooled.highest)]
        return [log(each / (1.0 - each)) if 0.0 < each < 1.0 else nan for each in p]

    def _members(self, one: _Neighbour) -> Iterator[tuple[str, float, bool]]:
        """Share of each bookmaker of a line, and whether it was left out as an outlier."""
        fair, books = self._pooled.fair, self._entries[one.market].board.bookmakers
        pool, judged = (fair.consensus, ...) if one.column is None else (fair.leave_one_out, one.column)
        share, outlier = (each[judged][..., : len(books), one.market] for each in (pool.share, pool.outlier))
        return zip(books, share.tolist(), outlier.tolist(), strict=True)

    def _dispersion(self, one: _Neighbour) -> float:
        fair = self._pooled.fair
        if one.column is None:
            return fair.consensus.dispersion.item(one.market)
        return fair.leave_one_out.dispersion.item(one.column, one.market)

    def _implied(self, m: int, b: int) -> FloatArray:
        """The median of what the others ask for each outcome of this line, margin and all; NaN where nobody does."""
        rows = [[r for book, r in enumerate(row) if book != b and not isnan(r)] for row in self._asked(m)]
        return np.array([median(row) if row else nan for row in rows])

    def _asked(self, m: int) -> list[list[float]]:
        """What each bookmaker asks for each outcome, NaN where it is not to be asked."""
        known = self._told_asked.get(m)
        if known is None:
            group = self._pooled.group
            others = ~self._pooled.stale[:, m] & (group.weight[:, m] > 0.0)
            known = self._told_asked[m] = np.where(others, group.asked[..., m], nan).tolist()
        return known


def _speaks_of(other: LineView | None, view: LineView, slope: Slope | None) -> bool:
    """Whether two lines lie on one curve: they do where they return the stake alike. Half and whole lines
    may be taken for points of one where a sport has a slope, which is for sports in which a push is rare."""
    if other is None or other.split is view.split:
        return other is not None
    return slope is not None and {other.split, view.split} == {Split.NONE, Split.RETURNED}


def _per_half_point(slope: Slope | None, curve: Curve) -> float | None:
    return None if slope is None or curve.period != _FULL else slope.by_market.get(curve.market)


def _both(above: float, below: float, *, first: bool) -> FloatArray:
    return np.array([above, below] if first else [below, above])


def half_points_worth(estimate: Estimate, profile: Profile, sport: str, league: str, curve: str) -> float:
    """What the nearest line is away, in log-odds; 0 where that is not known."""
    slope = profile.slope(sport, league)
    return estimate.half_points * (0.0 if slope is None else slope.by_market.get(curve, 0.0))
