"""A backtest of one sample: every bookmaker by every method, the profiles, the bets that would have been made."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from bet_intel.compose.backtest import value_bets
from bet_intel.compose.backtest.calibration import bins
from bet_intel.compose.backtest.errors_made import ERRORS, with_error
from bet_intel.compose.backtest.probabilities import devigged, pooled
from bet_intel.compose.backtest.report import Calibration, Difference, Figure, MarketReport, Score, ValueBets
from bet_intel.compose.backtest.sample import MEAN, Prices, Sample
from bet_intel.compose.backtest.scoring import Bootstrap, Estimate, brier, log_loss
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import MODELS, FloatArray, Method

DRAWS = 8
"""How often errors are put into a sample, each time into other quotes."""

Step = Callable[[int], None]
_NO_ERROR = "none"


class Question(NamedTuple):
    """What is asked of a sample. `errors` is the share of quotes that errors are put into, 0 for none."""

    profiles: Mapping[str, Profile]
    reference: str
    method: Method
    min_ev: float
    errors: float
    resamples: int
    seed: int


class _Series(NamedTuple):
    kind: str
    name: str
    method: str
    moment: str
    probability: FloatArray


def steps(question: Question) -> int:
    """How many steps a study takes, for a progress bar."""
    return 2 * question.resamples


def study(sample: Sample, question: Question, bets: ValueBets | None, step: Step) -> MarketReport:
    """Score everything in `sample`; `bets` are those made elsewhere, if any."""
    series = [one for one in _series(sample, question) if not np.isnan(one.probability).all()]
    differences = list(_differences(sample, question))
    bootstrap = Bootstrap(sample.size, question.resamples, question.seed, sample.match)
    losses = [log_loss(one.probability, sample.truth) for one in series]
    scores = [brier(one.probability, sample.truth) for one in series]
    estimates = bootstrap.estimates(np.stack([*losses, *scores]), step)
    counts = [int((~np.isnan(loss)).sum()) for loss in losses]
    of_differences = bootstrap.estimates(np.stack([values for _, values in differences]), step) if differences else []
    if bets is None:
        made = value_bets.bets_on(sample, question.reference, question.method, question.min_ev)
        described = value_bets.rule(question.reference, question.method, question.min_ev)
        bets = None if made is None else value_bets.summary(made, described, question.resamples, question.seed)
    return MarketReport(
        sample.market,
        len(sample.outcomes),
        sample.size,
        np.unique(sample.matches).size,
        sample.unclosed,
        sample.judged_by,
        question.reference,
        [
            Score(one.kind, one.name, one.method, one.moment, count, Figure.of(loss), Figure.of(score))
            for one, count, loss, score in zip(
                series, counts, estimates[: len(series)], estimates[len(series) :], strict=True
            )
        ],
        [_told(key, values, estimate) for (key, values), estimate in zip(differences, of_differences, strict=True)],
        bets,
        [Calibration(f"{one.name} {one.moment}", bins(one.probability, sample.truth)) for one in _shown(series)],
    )


def _moments(sample: Sample) -> Iterator[tuple[str, Prices]]:
    yield "opening", sample.opening
    yield "closing", sample.closing


def _series(sample: Sample, question: Question) -> Iterator[_Series]:
    for moment, prices in _moments(sample):
        named = [("bookmaker", book, prices.by_book[:, b]) for b, book in enumerate(sample.bookmakers)]
        for kind, name, price in [*named, ("mean", MEAN, prices.mean)]:
            # The worst case is no opinion: it does not add up to 1.
            for method in MODELS:
                yield _Series(kind, name, method.value, moment, devigged(price, method, sample.winning))
        for name, profile in question.profiles.items():
            yield _Series("profile", name, profile.method.value, moment, pooled(prices.by_book, sample, profile))


def _shown(series: list[_Series]) -> list[_Series]:
    """What the calibration is told of: the profiles."""
    return [one for one in series if one.kind == "profile"]


class _Key(NamedTuple):
    profile: str
    moment: str
    error: str
    draws: int


def _differences(sample: Sample, question: Question) -> Iterator[tuple[_Key, FloatArray]]:
    if question.reference not in sample.bookmakers:
        return
    place = sample.bookmakers.index(question.reference)
    for name, profile in question.profiles.items():
        for moment, prices in _moments(sample):
            own = log_loss(devigged(prices.by_book[:, place], profile.method, sample.winning), sample.truth)
            of_pool = log_loss(pooled(prices.by_book, sample, profile), sample.truth)
            yield _Key(name, moment, _NO_ERROR, 1), of_pool - own
        if question.errors:
            own = log_loss(devigged(sample.opening.by_book[:, place], profile.method, sample.winning), sample.truth)
            for kind in ERRORS:
                yield _Key(name, "opening", kind, DRAWS), _with_errors(sample, profile, kind, question) - own


def _with_errors(sample: Sample, profile: Profile, kind: str, question: Question) -> FloatArray:
    """Mean log loss (m,) over draws of which quotes are wrong."""
    losses = []
    for draw in range(DRAWS):
        rng = np.random.default_rng((question.seed, draw))
        wrong = with_error(sample.opening.by_book, kind, question.errors, rng)
        losses.append(log_loss(pooled(wrong, sample, profile), sample.truth))
    mean: FloatArray = np.mean(losses, axis=0)
    return mean


def _told(key: _Key, values: FloatArray, estimate: Estimate) -> Difference:
    return Difference(*key, int((~np.isnan(values)).sum()), Figure.of(estimate))
