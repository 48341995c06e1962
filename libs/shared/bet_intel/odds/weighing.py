"""Who counts in a pool, and for how much: outliers, shares, and what bounding the distances does (steps 1 to 4 of
`bet_intel.odds.pooling`)."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np

from bet_intel.odds.arrays import BoolArray, FloatArray, IntArray, places, refuse
from bet_intel.odds.weights import capped_shares

MAD_TO_SIGMA = 1.4826
_TIE = 1e-12
_AS_FAR = 0.5  # of the furthest: who is named with it
_FEW = 500  # weights: what the calls of NumPy cost then is more than what they do
_KEPT = 4096  # weights: of more of them, those of 64 events would be much memory
_MOST_IN_A_BYTE = 255


@dataclass(frozen=True, slots=True)
class PoolingRule:
    """The settings of a pool; ValueError where they contradict each other.

    max_share: ceiling of one book's share of the weight, applied from `cap_from_books` books on.
    median_share: ceiling of one book's share in the median that outliers are measured from.
    outlier_scale, outlier_floor: a book is an outlier beyond max(outlier_scale · 1.4826 · MAD, outlier_floor) in
    log-odds from the median, judged from `outlier_from_books` books on: of three books that disagree nobody can say
    which is wrong. The floor is there because MAD is near 0 where most books copy one price; in recorded main lines
    about 99 of 100 quotes lie within 0.10 of the median, so that what is twice as far is an error, and an opinion is
    not taken for one.
    reach: the part of that distance from the median of the pool within which a book's distance counts whole; one that
    is further away counts as if it were there, from `bound_from_books` books on: of two books the pool is the mean.
    overround, overround_per_outcome: a bookmaker's prices are no opinion where they add up to more than that above one
    winner, for two or three outcomes, and so much more for each beyond three. What is above is a placeholder: the most
    that recorded bookmakers ask is .20 of three outcomes, .25 of 30 and .53 of 64.
    """

    max_share: float = 0.40
    cap_from_books: int = 3
    median_share: float = 0.15
    outlier_scale: float = 3.0
    outlier_floor: float = 0.20
    outlier_from_books: int = 4
    reach: float = 0.05
    bound_from_books: int = 3
    overround: float = 0.30
    overround_per_outcome: float = 0.03

    def __post_init__(self) -> None:
        if self.cap_from_books < 1 or not 1.0 / self.cap_from_books <= self.max_share <= 1.0:
            raise ValueError(
                "max_share must lie between 1/cap_from_books and 1, else the shares cannot reach 1: got max_share "
                f"{self.max_share} from {self.cap_from_books} books"
            )
        if not (self.outlier_scale > 0.0 and self.outlier_floor > 0.0 and self.outlier_from_books >= 3):
            raise ValueError(
                "outlier_scale and outlier_floor must be above 0 and outlier_from_books at least 3, got "
                f"{self.outlier_scale}, {self.outlier_floor}, {self.outlier_from_books}"
            )
        if not (0.0 < self.reach <= 1.0 and 0.0 < self.median_share <= 1.0 and self.bound_from_books >= 3):
            raise ValueError(
                "reach and median_share must lie above 0 and not above 1 and bound_from_books be at least 3, got "
                f"{self.reach}, {self.median_share}, {self.bound_from_books}"
            )
        if not (self.overround > 0.0 and self.overround_per_outcome >= 0.0):
            raise ValueError(
                "overround must be above 0 and overround_per_outcome not below, got "
                f"{self.overround}, {self.overround_per_outcome}"
            )

    def most_implied(self, outcomes: int, target: float = 1.0) -> float:
        """What the implied probabilities of a bookmaker may add up to where `target` of the outcomes win."""
        return target * (1.0 + self.overround + self.overround_per_outcome * max(0, outcomes - 3))


DEFAULT_RULE = PoolingRule()


class Weighed(NamedTuple):
    """What a pool of log-odds is made of, as in :class:`Pool`, for each row of weights in front: (l, ...)."""

    share: FloatArray
    outlier: BoolArray
    dispersion: FloatArray
    books_used: IntArray
    drawn_in: FloatArray
    limit: FloatArray


class _Books(NamedTuple):
    """What books say of each outcome, (b, n, m): their log-odds, and these in ascending order. `place`: which row of
    shares (b·m, ...) is theirs then."""

    log_odds: FloatArray
    ordered: FloatArray
    place: IntArray

    @classmethod
    def of(cls, log_odds: FloatArray) -> Self:
        """Of log-odds (n, b, m)."""
        by_book = np.ascontiguousarray(log_odds.swapaxes(0, 1))
        ordered = by_book.copy()
        ordered.sort(axis=0)  # costs less than to pick what is in order
        place = by_book.argsort(axis=0)
        markets = by_book.shape[2]
        place *= markets
        place += places(markets)
        return cls(by_book, ordered, place)

    def of_markets(self, of: IntArray) -> Self:
        return type(self).of(self.log_odds[..., of].swapaxes(0, 1))


class Weights(NamedTuple):
    """Weights of b books in m markets, in l rows behind them, and what they tell without any price: who is `present`,
    and is `judged`, (b, m, l), how many `books` there are (m, l), and the `share` (b, m, 2l) of each in the median that
    outliers are measured from, and behind these in the pool."""

    # What is summed or sorted over is in front, what shares all else behind: of few markets, too, many numbers then lie
    # beside each other, which takes half the time.
    weight: FloatArray
    present: BoolArray
    judged: BoolArray
    books: IntArray
    share: FloatArray

    @classmethod
    def of(cls, weight: FloatArray, rule: PoolingRule) -> Self:
        """Of `weight` (b, m, l)."""
        present = weight > 0.0
        count = _count(present)
        levels = weight.shape[2]
        ceiling = np.empty((len(count), 2 * levels))
        np.maximum(rule.median_share, 1.0 / np.maximum(count, 1), out=ceiling[:, :levels])
        ceiling[:, levels:] = np.where(count >= rule.cap_from_books, rule.max_share, 1.0)
        share = capped_shares(np.concatenate((weight, weight), axis=2), ceiling)
        return cls(weight, present, present & (count >= rule.outlier_from_books), count, share)


def with_and_without_each(weight: FloatArray, counted_as: IntArray | None = None) -> FloatArray:
    """`weight` (b, m) as it is, and behind it without each book in turn: (b, m, b + 1). `counted_as` (b, m): which book
    stands for each, and is left out with it; None where each stands for itself."""
    books, markets = weight.shape
    rows = weight[..., np.newaxis].repeat(books + 1, axis=2)
    each = places(books)
    rows[each, :, each + 1] = 0.0
    if counted_as is not None:
        rows[counted_as, places(markets), each[:, np.newaxis] + 1] = 0.0
    return rows


def weights_with_and_without_each(weight: FloatArray, rule: PoolingRule, counted_as: IntArray | None = None) -> Weights:
    """Those of :func:`with_and_without_each`. ValueError: a weight is negative or not finite.

    Prices move far more often than who is there: of a day of recorded odds, polled every five minutes, the weights of
    six events of seven were those of one of the last 64 events. So these are kept.
    """
    if weight.size * (len(weight) + 1) > _KEPT:
        return _with_and_without_each(weight, rule, counted_as)
    return _kept(weight.tobytes(), weight.shape, rule, None if counted_as is None else counted_as.tobytes())


def _with_and_without_each(weight: FloatArray, rule: PoolingRule, counted_as: IntArray | None) -> Weights:
    refuse(~(np.isfinite(weight) & (weight >= 0.0)), weight, "a book's weight must be finite and 0 or more")
    return Weights.of(with_and_without_each(weight, counted_as), rule)


@lru_cache(maxsize=64)
def _kept(weight: bytes, shape: tuple[int, ...], rule: PoolingRule, counted_as: bytes | None) -> Weights:
    stand_for = None if counted_as is None else np.frombuffer(counted_as, dtype=np.int64).reshape(shape)
    kept = _with_and_without_each(np.frombuffer(weight).reshape(shape), rule, stand_for)
    for each in kept:
        each.flags.writeable = False
    return kept


def weigh(log_odds: FloatArray, weights: Weights, rule: PoolingRule, target: float = 1.0) -> Weighed:
    """Who counts, and for how much, where `log_odds` (n, b, m), of probabilities that sum to `target`, are pooled by
    each row of `weights`.

    What the log-odds of a book are whose weight is 0 does not matter, but they must be finite.
    """
    if len(log_odds) == 2 and target == 1.0 and weights.weight.size > _FEW:
        # The second outcome is the first with the other sign: as far from its median, and drawn in as much.
        one = _weigh(log_odds[:1], weights, rule)
        drawn_in, limit = one.drawn_in, one.limit
        return one._replace(
            drawn_in=np.concatenate((drawn_in, -drawn_in), axis=1), limit=np.concatenate((limit, limit), axis=1)
        )
    return _weigh(log_odds, weights, rule)


def _weigh(log_odds: FloatArray, weights: Weights, rule: PoolingRule) -> Weighed:
    books = _Books.of(log_odds)
    judged = _judge_books(books, weights, rule)
    # A median is of a majority: a book that priced many outcomes has as many chances to lie beyond a limit, and the
    # last one left would be told as what all of them think.
    spare = (judged.books_used - 1) // 2
    dispersion, outlier = judged.dispersion, _furthest(judged.distance, spare)
    if np.count_nonzero(outlier):
        judged = _judge_again(books, weights.weight, judged, outlier, spare, rule)
    numbers = judged.share, _drawn_in(books, judged, rule), judged.limit
    share, drawn_in, limit = (each.transpose(2, 0, 1) for each in numbers)
    return Weighed(share, outlier.transpose(2, 0, 1), dispersion.T, judged.books_used.T, drawn_in, limit)


class _Judged(NamedTuple):
    """Books by the weights they were judged with: what :class:`Weighed` says of them if nobody is named.

    distance (b, m, l): how far each is from the median in limits, on the outcome where it is most: above 1 one is an
    outlier; 0 where none is judged. limit, centre (n, m, l): the limit, and the median by `share` (b, m, l), those of
    the pool. dispersion, books_used (m, l): the MAD, and how many there are.
    """

    distance: FloatArray
    limit: FloatArray
    dispersion: FloatArray
    books_used: IntArray
    share: FloatArray
    centre: FloatArray


def _judge_again(
    books: _Books, weight: FloatArray, judged: _Judged, outlier: BoolArray, spare: IntArray, rule: PoolingRule
) -> _Judged:
    """A book is named against the others: without those just named, what is left is judged again as if they had never
    been there, until nobody is named any more. So a book that was named before others moves neither the median nor the
    limit that these were judged by. `outlier` becomes that of the last judgement, which is returned."""
    # Of few, to pick out the markets that somebody is named in costs more than to judge all of them again.
    if weight.size <= _FEW:
        return _judge_left(books, weight, outlier, spare, rule)
    of = np.logical_or.reduce(outlier, axis=(0, 2)).nonzero()[0]
    named = outlier[:, of]
    again = _judge_left(books.of_markets(of), weight[:, of], named, spare[of], rule)
    outlier[:, of] = named
    whole = [each.copy() for each in judged]
    for each, part in zip(whole, again, strict=True):
        # The markets are on the last axis but one.
        each[..., of, :] = part
    return _Judged._make(whole)


def _judge_left(books: _Books, weight: FloatArray, outlier: BoolArray, spare: IntArray, rule: PoolingRule) -> _Judged:
    while True:
        judged = _judge_books(books, Weights.of(np.where(outlier, 0.0, weight), rule), rule)
        more = _furthest(judged.distance, spare - _count(outlier))
        if not np.count_nonzero(more):
            return judged
        outlier |= more


def _judge_books(books: _Books, weights: Weights, rule: PoolingRule) -> _Judged:
    """The books with these weights by the median that no book counts for much in."""
    _, present, judged, count, share = weights
    levels = count.shape[1]
    for_median, for_pool = slice(None, levels), slice(levels, None)
    centre = _weighted_median(books, share)
    distance = books.log_odds[..., np.newaxis] - centre[..., for_median]
    np.abs(distance, out=distance)  # (b, n, m, l)
    mad = _median_of_present(distance, present, count)
    limit = np.maximum(rule.outlier_scale * MAD_TO_SIGMA * mad, rule.outlier_floor)
    distance /= limit
    furthest = np.where(judged, np.maximum.reduce(distance, axis=1), 0.0)
    dispersion = np.where(count > 0, np.maximum.reduce(mad, axis=0), np.nan)
    return _Judged(furthest, limit, dispersion, count, share[..., for_pool], centre[..., for_pool])


def _count(flags: BoolArray) -> IntArray:
    """How many over the first axis; summing booleans themselves takes twice as long, and as bytes a third."""
    few = len(flags) <= _MOST_IN_A_BYTE
    count: IntArray = np.add.reduce(flags.view(np.uint8), axis=0, dtype=np.uint8 if few else np.intp).astype(np.intp)
    return count


def _furthest(distance: FloatArray, spare: IntArray) -> BoolArray:
    """The outliers by their `distance` in limits (b, ...) who are at least half as far as the furthest, no more than
    `spare` (...) of them.

    An absurd book moves the median and the limit that the others are judged by in the same round: who is an outlier
    only because of it is far less far, and is judged again without it.
    """
    outlier: BoolArray = distance > 1.0
    if np.count_nonzero(outlier):
        outlier &= distance >= _AS_FAR * np.maximum.reduce(distance, axis=0)
        if (_count(outlier) > spare).any():
            rank = (-distance).argsort(axis=0, kind="stable").argsort(axis=0)
            outlier &= rank < spare
    return outlier


def _drawn_in(books: _Books, judged: _Judged, rule: PoolingRule) -> FloatArray:
    """What the mean of the log-odds by the shares changes by where each is brought within reach of their median:
    (n, m, l)."""
    reach = np.where(judged.books_used >= rule.bound_from_books, rule.reach * judged.limit, np.inf)
    distance = books.log_odds[..., np.newaxis] - judged.centre  # (b, n, m, l)
    beyond = np.abs(distance)
    beyond -= reach
    np.maximum(beyond, 0.0, out=beyond)
    np.copysign(beyond, distance, out=beyond)
    beyond *= judged.share[:, np.newaxis]
    drawn: FloatArray = np.add.reduce(beyond, axis=0)
    return np.negative(drawn, out=drawn)


def _weighted_median(books: _Books, share: FloatArray) -> FloatArray:
    """Per outcome the value at which half the weight `share` (b, m, l) is reached: (n, m, l).

    Where exactly half the weight lies below a gap it is the middle of the gap; without any weight it is anything.
    """
    ordered = books.ordered
    below = share.reshape(-1, share.shape[2]).take(books.place, axis=0)  # (b, n, m, l)
    for row, following in pairwise(below):  # a fifth of the time of `np.add.accumulate` for many books
        following += row
    cells = places(*ordered.shape[1:], 1)
    flat, size = ordered.ravel(), cells.size
    # It is reached behind as many rows as have less; what the last has all together may be less by rounding.
    all_but_last = below[:-1]
    median: FloatArray = flat.take(_count(all_but_last < 0.5 - _TIE) * size + cells)
    median += flat.take(_count(all_but_last <= 0.5 + _TIE) * size + cells)
    median *= 0.5
    return median


def _median_of_present(distance: FloatArray, present: BoolArray, count: IntArray) -> FloatArray:
    """Plain median over the present books of `distance` (b, n, m, l): (n, m, l); 0 where none is present."""
    ordered = np.where(present[:, np.newaxis], distance, np.inf)
    ordered.sort(axis=0)
    cells = places(*ordered.shape[1:])
    flat, size = ordered.ravel(), cells.size
    # Where none is present, it is any: replaced below.
    median: FloatArray = flat.take((count - 1) // 2 * size + cells)
    median += flat.take(count // 2 * size + cells)
    median *= 0.5
    if not count.all():
        np.copyto(median, 0.0, where=count == 0)
    return median
