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


def scalar_pool(
    books: Sequence[Sequence[float]], weights: Sequence[float], rule: PoolingRule, target: float = 1.0
) -> tuple[list[float], list[float], list[bool], float]:
    """Probabilities, shares, outliers and dispersion from complete books of positive weight."""
    count = len(books)
    shares = capped(weights, max(rule.median_share, 1.0 / count))
    relative = [0.0] * count
    dispersion = 0.0
    for outcome in range(len(books[0])):
        log_odds = [math.log(book[outcome] / (1.0 - book[outcome])) for book in books]
        centre = weighted_median(log_odds, shares)
        distances = [abs(value - centre) for value in log_odds]
        mad = statistics.median(distances)
        dispersion = max(dispersion, mad)
        limit = max(rule.outlier_scale * 1.4826 * mad, rule.outlier_floor)
        relative = [max(a, b / limit) for a, b in zip(relative, distances, strict=True)]

    judged = count >= rule.outlier_from_books
    outliers = [judged and value > 1.0 for value in relative]
    within = rule.full_weight_within
    kept = [0.0 if outlier else weight for weight, outlier in zip(weights, outliers, strict=True)]
    ceiling = rule.max_share if sum(weight > 0.0 for weight in kept) >= rule.cap_from_books else 1.0
    influence = [min(1.0, within / value) if judged and value > 0.0 else 1.0 for value in relative]
    bounded = [share * factor for share, factor in zip(capped(kept, ceiling), influence, strict=True)]
    shares = capped(bounded, ceiling)
    pooled = []
    for outcome in range(len(books[0])):
        mean = sum(s * math.log(b[outcome] / (1.0 - b[outcome])) for s, b in zip(shares, books, strict=True))
        pooled.append(1.0 / (1.0 + math.exp(-mean)))
    return [target * p / sum(pooled) for p in pooled], shares, outliers, dispersion
