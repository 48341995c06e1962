"""Bets that would have been made on a sample: the best opening price against the reference's opening."""

from typing import NamedTuple

import numpy as np

from bet_intel.compose.backtest.probabilities import devigged
from bet_intel.compose.backtest.report import Figure, ValueBets
from bet_intel.compose.backtest.sample import BEST, RESULT, Sample
from bet_intel.compose.backtest.scoring import Bootstrap, IntArray
from bet_intel.odds import FloatArray, Method


class Bets(NamedTuple):
    """k bets: each array is (k,), NaN where a number is not known. `profit` is per unit staked, `match` which match the
    bet is on."""

    ev: FloatArray
    closing_ev: FloatArray
    raw_clv: FloatArray
    profit: FloatArray
    match: IntArray


def bets_on(sample: Sample, reference: str, method: Method, min_ev: float) -> Bets | None:
    """Every outcome whose best opening price has an EV of `min_ev` by the reference's devigged opening; None where the
    sample has no such reference or no best price."""
    if reference not in sample.bookmakers or np.isnan(sample.opening.best).all():
        return None
    place = sample.bookmakers.index(reference)
    price = sample.opening.best
    ev = price * devigged(sample.opening.by_book[:, place], method) - 1.0
    chosen = ev >= min_ev
    closing_ev = price * devigged(sample.closing.by_book[:, place], method) - 1.0
    raw = price / sample.closing.best - 1.0
    profit = price * sample.truth - 1.0 if sample.judged_by == RESULT else np.full(price.shape, np.nan)
    return Bets(ev[chosen], closing_ev[chosen], raw[chosen], profit[chosen], sample.matches[np.nonzero(chosen)[1]])


def rule(reference: str, method: Method, min_ev: float) -> str:
    return f"{BEST} opening price, EV >= {min_ev:.1%} by the opening of {reference} ({method.value})"


def summary(bets: Bets, described: str, resamples: int, seed: int) -> ValueBets:
    size = len(bets.ev)
    values = np.stack([bets.ev, bets.closing_ev, bets.raw_clv, bets.profit])
    estimates = Bootstrap(size, resamples, seed, bets.match).estimates(values)
    ev, closing_ev, raw, roi = (Figure.of(estimate) for estimate in estimates)
    judged = bets.closing_ev[~np.isnan(bets.closing_ev)]
    beat = float((judged > 0.0).mean()) if judged.size else None
    return ValueBets(described, size, np.unique(bets.match).size, judged.size, ev, closing_ev, raw, beat, roi)
