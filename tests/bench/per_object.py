"""The default pipeline as one writes it without arrays: an event, a market, a bookmaker and a price at a time.

Power, the robust pools without each bookmaker, the band of the other methods, and the gates, for markets of one line
each. Nothing is worked out twice: what does not depend on the bookmaker left out is there before, the root of power is
Newton's, and the other methods have their closed forms, for which there have to be two outcomes. Nothing of the project
is imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, log, sqrt
from statistics import NormalDist, median

_COMMISSIONS = {"smarkets": 0.02}
_METHODS = 7
_NORMAL = NormalDist()

Numbers = Sequence[float]


@dataclass(slots=True)
class Quote:
    """One bookmaker's prices of a market, `age` in seconds."""

    bookmaker: str
    prices: Numbers
    age: float


@dataclass(slots=True)
class Market:
    name: str
    quotes: list[Quote]


@dataclass(slots=True)
class Event:
    seconds_to_start: float
    markets: list[Market]


@dataclass(slots=True)
class Opinion:
    """What a bookmaker is heard for: its fair probabilities by each method, power first, and their log-odds."""

    weight: float
    sharp: bool
    fair: list[Numbers]
    log_odds: list[Numbers]


@dataclass(slots=True)
class Pool:
    probability: Numbers
    lowest: Numbers
    highest: Numbers
    share: dict[str, float]
    outliers: set[str]
    dispersion: float
    sharp: bool


@dataclass(slots=True)
class Found:
    outcome: int
    bookmaker: str
    price: float
    fair: float
    ev: float
    ev_class: str


@dataclass(slots=True)
class Priced:
    consensus: Pool | None
    found: list[Found]


def priced(event: Event) -> list[Priced]:
    """What one event's markets are worth."""
    return [_market(market, event.seconds_to_start) for market in event.markets]


def _market(market: Market, seconds_to_start: float) -> Priced:
    heard = {quote.bookmaker: one for quote in market.quotes if (one := _opinion(quote)) is not None}
    newest = min((quote.age for quote in market.quotes if quote.bookmaker in heard), default=0.0)
    late = {quote.bookmaker for quote in market.quotes if quote.age > 600.0 or quote.age - newest > 300.0}
    fresh = {bookmaker: one for bookmaker, one in heard.items() if bookmaker not in late}
    consensus = _pool(fresh)
    if consensus is None:
        return Priced(None, [])
    middle = [median([fresh[book].fair[0][o] for book in consensus.share]) for o in range(len(consensus.probability))]
    found: list[Found] = []
    for quote in market.quotes:
        pool = consensus
        if quote.bookmaker in fresh:
            others = _pool({book: one for book, one in fresh.items() if book != quote.bookmaker})
            if others is None:
                continue
            pool = others
        found += _judged(quote, pool, middle, seconds_to_start, is_late=quote.bookmaker in late)
    return Priced(consensus, found)


def _judged(
    quote: Quote, pool: Pool, middle: Sequence[float], seconds_to_start: float, *, is_late: bool
) -> Iterator[Found]:
    for outcome, (price, fair) in enumerate(zip(quote.prices, pool.probability, strict=True)):
        net = 1.0 + (price - 1.0) * (1.0 - _COMMISSIONS.get(quote.bookmaker, 0.0))
        ev = fair * net - 1.0
        if (
            ev > 0.0
            and seconds_to_start > 0.0
            and not is_late
            and (len(pool.share) >= 3 or pool.sharp)
            and pool.dispersion <= 0.20
            and abs(fair - middle[outcome]) <= 0.08
            and 0.02 <= fair <= 0.98
        ):
            ev_class = "suspect" if ev > 0.10 else "take" if ev >= 0.045 else "marginal"
            yield Found(outcome, quote.bookmaker, price, fair, ev, ev_class)


def _opinion(quote: Quote) -> Opinion | None:
    """None where it gives no fair price: an exchange that nobody lays at, a market without margin, a placeholder."""
    implied = [1.0 / price for price in quote.prices]
    if quote.bookmaker in _COMMISSIONS or not 1.0 < sum(implied) <= 1.30 + 0.03 * max(0, len(implied) - 3):
        return None
    fair = _devigged(implied)
    sharp = quote.bookmaker == "pinnacle"
    return Opinion(4.0 if sharp else 1.0, sharp, fair, [[log(p / (1.0 - p)) for p in of] for of in fair])


def _devigged(implied: Numbers) -> list[Numbers]:
    """By power, multiplicative, additive, Shin, odds ratio, probit and goto; all but the first two of two outcomes."""
    first, second = implied
    total = first + second
    margin = total - 1.0
    additive = [r - margin / 2.0 for r in implied]  # of two outcomes Shin's as well
    ratio = sqrt(first * second / ((1.0 - first) * (1.0 - second)))
    quantile = (_NORMAL.inv_cdf(first) - _NORMAL.inv_cdf(second)) / 2.0
    errors = [sqrt(1.0 - r) for r in implied]
    step = margin / sum(errors)
    return [
        _power(implied),
        [r / total for r in implied],
        additive,
        additive,
        [r / (ratio + r - ratio * r) for r in implied],
        [_NORMAL.cdf(quantile), _NORMAL.cdf(-quantile)],
        [r - step * error for r, error in zip(implied, errors, strict=True)],
    ]


def _power(implied: Numbers) -> Numbers:
    """r^k with Σr^k = 1, by Newton's method for the logarithm of the sum, which is nearly straight."""
    logs, k = [log(r) for r in implied], 1.0
    for _ in range(20):
        fair = [exp(k * of) for of in logs]
        total = sum(fair)
        step = total * log(total) / sum([p * of for p, of in zip(fair, logs, strict=True)])
        k -= step
        if abs(step) < 1e-15 * k:
            break
    return [exp(k * of) for of in logs]


def _pool(opinions: Mapping[str, Opinion]) -> Pool | None:
    if not opinions:
        return None
    log_odds = {book: one.log_odds[0] for book, one in opinions.items()}
    kept = {book: one.weight for book, one in opinions.items()}
    apart, far, dispersion = _distances(log_odds, kept)
    outliers: set[str] = set()
    spare = (len(kept) - 1) // 2
    while len(kept) >= 4 and (named := _furthest(apart, far, spare - len(outliers))):
        outliers |= named
        kept = {book: weight for book, weight in kept.items() if book not in named}
        apart, far, dispersion = _distances(log_odds, kept)
    share = _capped(kept, 0.40 if len(kept) >= 3 else 1.0)
    drawn_in: list[float] = []
    for o, limit in enumerate(far):
        centre = _weighted_median([(log_odds[book][o], part) for book, part in share.items()])
        reach = limit / 20.0 if len(kept) >= 3 else inf
        beyond = [(part, log_odds[book][o] - centre) for book, part in share.items()]
        drawn_in.append(sum([part * (max(-reach, min(reach, off)) - off) for part, off in beyond]))
    by_method = [_mean(opinions, share, drawn_in, method) for method in range(_METHODS)]
    by_outcome = list(zip(*by_method, strict=True))
    return Pool(
        by_method[0],
        [min(of) for of in by_outcome],
        [max(of) for of in by_outcome],
        share,
        outliers,
        dispersion,
        any(opinions[book].sharp for book in share),
    )


def _mean(opinions: Mapping[str, Opinion], share: Mapping[str, float], drawn_in: Numbers, method: int) -> Numbers:
    said = [(part, opinions[book].log_odds[method]) for book, part in share.items()]
    raw = [
        1.0 / (1.0 + exp(-drawn - sum([part * log_odds[o] for part, log_odds in said])))
        for o, drawn in enumerate(drawn_in)
    ]
    total = sum(raw)
    return [p / total for p in raw]


Distances = tuple[Mapping[str, Numbers], Numbers, float]


def _distances(log_odds: Mapping[str, Numbers], weights: Mapping[str, float]) -> Distances:
    """How far each bookmaker is from the median of each outcome, how far an outlier is, and the largest MAD."""
    share = _capped(weights, max(0.15, 1.0 / len(weights)))
    outcomes = range(len(next(iter(log_odds.values()))))
    medians = [_weighted_median([(log_odds[book][o], part) for book, part in share.items()]) for o in outcomes]
    apart = {book: [abs(own - of) for own, of in zip(log_odds[book], medians, strict=True)] for book in weights}
    mads = [median([of[o] for of in apart.values()]) for o in outcomes]
    return apart, [max(4.4478 * mad, 0.20) for mad in mads], max(mads)


def _furthest(apart: Mapping[str, Numbers], far: Numbers, most: int) -> set[str]:
    times = {book: max([off / limit for off, limit in zip(of, far, strict=True)]) for book, of in apart.items()}
    furthest = max(times.values())
    if furthest <= 1.0:
        return set()
    ordered = sorted(times, key=lambda book: -times[book])[:most]
    return {book for book in ordered if times[book] > 1.0 and times[book] >= furthest / 2.0}


def _capped(weights: Mapping[str, float], ceiling: float) -> dict[str, float]:
    """Shares in proportion to the weights, none above the ceiling."""
    at_ceiling: set[str] = set()
    while True:
        rest = sum([weight for book, weight in weights.items() if book not in at_ceiling])
        left = 1.0 - ceiling * len(at_ceiling)
        share = {book: ceiling if book in at_ceiling else weight / rest * left for book, weight in weights.items()}
        above = [book for book, part in share.items() if part > ceiling + 1e-12]
        if not above:
            return share
        at_ceiling.update(above)


def _weighted_median(values: list[tuple[float, float]]) -> float:
    """Where half the weight is reached; the middle of the gap where exactly half lies below one."""
    values.sort()
    below = 0.0
    for (value, weight), (following, _) in pairwise([*values, values[-1]]):
        below += weight
        if below >= 0.5 - 1e-12:
            return (value + following) / 2.0 if below <= 0.5 + 1e-12 else value
    return values[-1][0]
