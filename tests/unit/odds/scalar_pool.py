"""The pool of one market written out with floats: the oracle of the array version."""

import math
import statistics
from collections.abc import Sequence

from bet_intel.odds import PoolingRule


def capped(weights: Sequence[float], ceiling: float) -> list[float]:
    at_ceiling: set[int] = set()
    while True:
        rest = sum(w for i, w in enumerate(weights) if i not in at_ceiling)
        left = 1.0 - ceiling * len(at_ceiling)
        shares = [ceiling if i in at_ceiling else (w * left / rest if rest else 0.0) for i, w in enumerate(weights)]
        above = {i for i, share in enumerate(shares) if share > ceiling + 1e-12}
        if not above:
            return shares
        at_ceiling |= above


def weighted_median(values: Sequence[float], shares: Sequence[float]) -> float:
    reached = 0.0
    ordered = sorted(zip(values, shares, strict=True))
    for index, (value, share) in enumerate(ordered):
        reached += share
        if abs(reached - 0.5) <= 1e-12:
            return (value + ordered[index + 1][0]) / 2.0
        if reached > 0.5:
            return value
    raise AssertionError("the shares do not reach one half")


def distances(
    books: Sequence[Sequence[float]], weights: Sequence[float], rule: PoolingRule
) -> tuple[list[float], float]:
    """Each book's distance from the median as a part of an outlier's, and the dispersion."""
    shares = capped(weights, max(rule.median_share, 1.0 / len(books)))
    relative = [0.0] * len(books)
    dispersion = 0.0
    for outcome in range(len(books[0])):
        log_odds = [math.log(book[outcome] / (1.0 - book[outcome])) for book in books]
        centre = weighted_median(log_odds, shares)
        apart = [abs(value - centre) for value in log_odds]
        mad = statistics.median(apart)
        dispersion = max(dispersion, mad)
        limit = max(rule.outlier_scale * 1.4826 * mad, rule.outlier_floor)
        relative = [max(a, b / limit) for a, b in zip(relative, apart, strict=True)]
    return relative, dispersion


def _influence(relative: float, books: int, rule: PoolingRule) -> float:
    judged = books >= rule.outlier_from_books and relative > 0.0
    return min(1.0, rule.full_weight_within / relative) if judged else 1.0


def scalar_pool(
    books: Sequence[Sequence[float]], weights: Sequence[float], rule: PoolingRule, target: float = 1.0
) -> tuple[list[float], list[float], list[bool], float]:
    """Probabilities, shares, outliers and dispersion from complete books of positive weight."""
    relative, dispersion = distances(books, weights, rule)
    named = [len(books) >= rule.outlier_from_books and value > 1.0 for value in relative]
    influence = [_influence(value, len(books), rule) for value in relative]
    outliers = list(named)
    while any(named):
        left = [index for index, outlier in enumerate(outliers) if not outlier]
        again, _ = distances([books[index] for index in left], [weights[index] for index in left], rule)
        named = [False] * len(books)
        for index, value in zip(left, again, strict=True):
            named[index] = len(left) >= rule.outlier_from_books and value > 1.0
            influence[index] = _influence(value, len(left), rule)
        outliers = [a or b for a, b in zip(outliers, named, strict=True)]

    kept = [0.0 if outlier else weight for weight, outlier in zip(weights, outliers, strict=True)]
    ceiling = rule.max_share if sum(weight > 0.0 for weight in kept) >= rule.cap_from_books else 1.0
    bounded = [share * factor for share, factor in zip(capped(kept, ceiling), influence, strict=True)]
    shares = capped(bounded, ceiling)
    pooled = []
    for outcome in range(len(books[0])):
        mean = sum(s * math.log(b[outcome] / (1.0 - b[outcome])) for s, b in zip(shares, books, strict=True))
        pooled.append(1.0 / (1.0 + math.exp(-mean)))
    return [target * p / sum(pooled) for p in pooled], shares, outliers, dispersion
