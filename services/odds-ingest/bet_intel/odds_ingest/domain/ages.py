"""How old each bookmaker's prices are, and usually are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bet_intel.odds_ingest.domain.quotes import Answer

_FIRST_STEP = 0.7
_LAST_STEP = 0.02
_LEAST_AGE = 1.0


@dataclass(frozen=True, slots=True)
class BookmakerAge:
    """A bookmaker's age in the newest answer that held it and its norm, the running median of its ages, both in
    seconds. `samples` counts the answers."""

    bookmaker: str
    title: str
    age: float
    norm: float
    samples: int


def ages_in(answer: Answer) -> dict[str, tuple[str, float]]:
    """Each bookmaker's title and age in an answer: the median over its markets of how long ago it confirmed them."""
    ages: dict[str, list[float]] = {}
    titles: dict[str, str] = {}
    for odds in answer.events:
        titles |= odds.bookmaker_titles
        for board in odds.markets.values():
            for bookmaker, updated in zip(board.bookmakers, board.confirmed, strict=True):
                ages.setdefault(bookmaker, []).append(_age(answer.as_of, updated))
    return {bookmaker: (titles.get(bookmaker, bookmaker), median(each)) for bookmaker, each in ages.items()}


def _age(as_of: datetime, updated: datetime) -> float:
    # A bookmaker's clock may be ahead of the provider's.
    return max(0.0, (as_of - updated).total_seconds())


def running_median(norm: float, samples: int, age: float) -> float:
    """The estimate after one more sample: a step towards it in the logarithm, first large, then small, so that as many
    samples pull up as down (stochastic approximation of the median; Robbins and Monro 1951). An outlier pulls no more
    than any other."""
    step = max(_LAST_STEP, _FIRST_STEP / math.sqrt(samples))
    here, there = math.log(max(norm, _LEAST_AGE)), math.log(max(age, _LEAST_AGE))
    return math.exp(here + min(max(there - here, -step), step))


def after(known: Mapping[str, BookmakerAge], answer: Answer) -> Sequence[BookmakerAge]:
    """The ages of an answer's bookmakers, and their norms with it."""
    aged = []
    for bookmaker, (title, age) in sorted(ages_in(answer).items()):
        before = known.get(bookmaker)
        if before is None:
            aged.append(BookmakerAge(bookmaker, title, age, age, 1))
        else:
            norm = running_median(before.norm, before.samples, age)
            aged.append(BookmakerAge(bookmaker, title, age, norm, before.samples + 1))
    return aged
