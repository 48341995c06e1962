"""What bookmakers are heard for, and what they say together: docs/domain.md, Pooling.

Plain numbers, the roots by bisection; nothing of the project is imported.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from e2e.by_hand.boards import Board

_EXCHANGES = {"smarkets": 0.02, "matchbook": 0.02, "prophetx": 0.02, "novig": 0.02}


@dataclass(frozen=True)
class Pool:
    probability: dict[str, float]
    share: dict[str, float]
    outliers: frozenset[str]
    dispersion: float


@dataclass(frozen=True)
class Opinion:
    """What a bookmaker is heard for: its weight, its overround, and its fair probabilities."""

    weight: float
    overround: float
    fair: dict[str, float]


def commission(book: str) -> float:
    return 0.05 if book == "betfair" or book.startswith("betfair_ex_") else _EXCHANGES.get(book, 0.0)


def opinion_of(board: Board, book: str) -> Opinion | None:
    """None where it gives no fair price, by its prices alone."""
    if not board.complete(book):
        return None
    backs = {outcome: board.back[book, outcome] for outcome in board.outcomes}
    lays = {outcome: board.lay[book, outcome] for outcome in board.outcomes if (book, outcome) in board.lay}
    weight = 4.0 if book == "pinnacle" else 1.0
    if commission(book) > 0 and not lays:
        return None  # One side of a book says nothing of the other.
    if commission(book) > 0:
        if len(lays) < len(backs) or not all(0 <= 1 / backs[o] - 1 / lays[o] <= 0.10 for o in backs):
            return None
        mids = {o: (1 / backs[o] + 1 / lays[o]) / 2 for o in backs}
        total = sum(mids.values())
        return Opinion(2.0, total - 1, {o: r / total for o, r in mids.items()}) if abs(total - 1) <= 0.10 else None
    total = sum(1 / price for price in backs.values())
    most = 1.30 + 0.03 * max(0, len(backs) - 3)
    if not 1 < total <= most:
        return None
    return Opinion(weight, total - 1, power([1 / price for price in backs.values()], backs))


def power(implied: Sequence[float], names: Mapping[str, float]) -> dict[str, float]:
    """r^k with Σr^k = 1."""
    low, high = 1.0, 2.0
    while sum(r**high for r in implied) > 1:
        high *= 2
    # Until no number lies between them.
    while low < (k := (low + high) / 2) < high:
        low, high = (k, high) if sum(r**k for r in implied) > 1 else (low, k)
    return dict(zip(names, (r**low for r in implied), strict=True))


def pooled(opinions: Mapping[str, Opinion]) -> Pool | None:
    """docs/domain.md, Pooling, 1 to 4."""
    if not opinions:
        return None
    books, outcomes = list(opinions), list(next(iter(opinions.values())).fair)
    lam = {b: [math.log(p / (1 - p)) for p in opinions[b].fair.values()] for b in books}
    weights = {b: opinions[b].weight for b in books}
    far, dispersion = _distances(lam, weights)
    outliers: set[str] = set()
    kept, spare = weights, (len(weights) - 1) // 2
    while len(kept) >= 4 and (named := _furthest(lam, kept, far, spare - len(outliers))):
        outliers |= named
        kept = {b: w for b, w in kept.items() if b not in named}
        far, _ = _distances(lam, kept)
    share = capped(kept, 0.40 if len(kept) >= 3 else 1.0)
    raw = []
    for o in range(len(outcomes)):
        centre = weighted_median([(lam[b][o], s) for b, s in share.items()])
        reach = far[o] / 20 if len(kept) >= 3 else math.inf
        mean = centre + sum(s * max(-reach, min(reach, lam[b][o] - centre)) for b, s in share.items())
        raw.append(1 / (1 + math.exp(-mean)))
    return Pool({o: p / sum(raw) for o, p in zip(outcomes, raw, strict=True)}, share, frozenset(outliers), dispersion)


def _furthest(
    lam: Mapping[str, Sequence[float]], weights: Mapping[str, float], far: Sequence[float], most: int
) -> set[str]:
    """The bookmakers beyond the limit of any outcome and, in limits, at least half as far as the furthest; where these
    are more than `most`, the furthest of them."""
    times = {b: max(apart / far[o] for o, apart in _apart(lam, weights, b)) for b in weights}
    half = max(times.values()) / 2
    return {b for b in sorted(times, key=lambda b: -times[b])[:most] if times[b] > 1 and times[b] >= half}


def _distances(lam: Mapping[str, Sequence[float]], weights: Mapping[str, float]) -> tuple[list[float], float]:
    """By outcome how far from the median an outlier is, and the largest MAD."""
    if not weights:
        return [], 0.0
    outcomes = range(len(next(iter(lam.values()))))
    apart = [dict(_apart(lam, weights, b)) for b in weights]
    mads = [median(of_book[o] for of_book in apart) for o in outcomes]
    return [max(3 * 1.4826 * mad, 0.20) for mad in mads], max(mads)


def _apart(lam: Mapping[str, Sequence[float]], weights: Mapping[str, float], book: str) -> Iterator[tuple[int, float]]:
    """How far a bookmaker is from the median of each outcome."""
    counted = capped(weights, max(0.15, 1 / len(weights)))
    for o, own in enumerate(lam[book]):
        yield o, abs(own - weighted_median([(lam[b][o], counted[b]) for b in weights]))


def capped(weights: Mapping[str, float], ceiling: float) -> dict[str, float]:
    """Shares in proportion to the weights, none above the ceiling."""
    at_ceiling: set[str] = set()
    while True:
        rest = sum(w for b, w in weights.items() if b not in at_ceiling)
        left = 1 - ceiling * len(at_ceiling)
        share = {b: ceiling if b in at_ceiling else w / rest * left for b, w in weights.items()}
        above = {b for b, s in share.items() if s > ceiling + 1e-12}
        if not above:
            return share
        at_ceiling |= above


def weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """Where half the weight is reached; the middle of the gap where exactly half lies below one."""
    ordered = sorted(values)
    below = 0.0
    for (value, weight), (following, _) in pairwise([*ordered, ordered[-1]]):
        below += weight
        if abs(below - 0.5) <= 1e-12:
            return (value + following) / 2
        if below > 0.5:
            return value
    return ordered[-1][0]
