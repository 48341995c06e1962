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
    # Who has no share, an outlier, bounds no gap.
    ordered = sorted((value, share) for value, share in zip(values, shares, strict=True) if share > 0.0)
    for index, (value, share) in enumerate(ordered):
        reached += share
        if abs(reached - 0.5) <= 1e-12:
            return (value + ordered[index + 1][0]) / 2.0
        if reached > 0.5:
            return value
    raise AssertionError("the shares do not reach one half")


def limits(
    books: Sequence[Sequence[float]], weights: Sequence[float], rule: PoolingRule
) -> tuple[list[float], list[float], float]:
    """How far each book is in limits (above 1 it is an outlier), the limit by outcome, and the dispersion."""
    shares = capped(weights, max(rule.median_share, 1.0 / len(books)))
    furthest = [0.0] * len(books)
    far: list[float] = []
    dispersion = 0.0
    for outcome in range(len(books[0])):
        log_odds = [math.log(book[outcome] / (1.0 - book[outcome])) for book in books]
        centre = weighted_median(log_odds, shares)
        apart = [abs(value - centre) for value in log_odds]
        mad = statistics.median(apart)
        dispersion = max(dispersion, mad)
        far.append(max(rule.outlier_scale * 1.4826 * mad, rule.outlier_floor))
        judged = len(books) >= rule.outlier_from_books
        furthest = [max(a, b / far[-1] if judged else 0.0) for a, b in zip(furthest, apart, strict=True)]
    return furthest, far, dispersion


def most_beyond(furthest: Sequence[float], spare: int) -> set[int]:
    """The outliers at least half as far as the furthest, no more than `spare` of them."""
    ranked = sorted(range(len(furthest)), key=lambda index: -furthest[index])
    beyond = max(1.0, furthest[ranked[0]] / 2.0)
    return {index for index in ranked[:spare] if furthest[index] > 1.0 and furthest[index] >= beyond}


def bounded_mean(values: Sequence[float], shares: Sequence[float], reach: float) -> float:
    """The median by the shares, and the mean of the distances from it, none counting for more than `reach`."""
    centre = weighted_median(values, shares)
    return centre + sum(
        share * min(max(value - centre, -reach), reach) for value, share in zip(values, shares, strict=True)
    )


def scalar_pool(
    books: Sequence[Sequence[float]], weights: Sequence[float], rule: PoolingRule, target: float = 1.0
) -> tuple[list[float], list[float], list[bool], float]:
    """Probabilities, shares, outliers and dispersion from complete books of positive weight."""
    furthest, far, dispersion = limits(books, weights, rule)
    spare = (len(books) - 1) // 2  # a majority stays
    named = most_beyond(furthest, spare)
    out: set[int] = set(named)
    while named:
        left = [index for index in range(len(books)) if index not in out]
        furthest, far, _ = limits([books[index] for index in left], [weights[index] for index in left], rule)
        named = {left[index] for index in most_beyond(furthest, spare - len(out))}
        out |= named
    outliers = [index in out for index in range(len(books))]

    kept = [0.0 if outlier else weight for weight, outlier in zip(weights, outliers, strict=True)]
    books_used = sum(weight > 0.0 for weight in kept)
    ceiling = rule.max_share if books_used >= rule.cap_from_books else 1.0
    shares = capped(kept, ceiling)
    pooled = []
    for outcome in range(len(books[0])):
        log_odds = [math.log(book[outcome] / (1.0 - book[outcome])) for book in books]
        reach = rule.reach * far[outcome] if books_used >= rule.bound_from_books else math.inf
        pooled.append(1.0 / (1.0 + math.exp(-bounded_mean(log_odds, shares, reach))))
    return [target * p / sum(pooled) for p in pooled], shares, outliers, dispersion
