"""Fair probabilities of a sample: each bookmaker's by each method, and the pool of a pricing profile."""

import numpy as np

from bet_intel.compose.backtest.sample import Sample
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import DEFAULT_RULE, DevigStatus, FloatArray, Method, consensus, devig, fair_prices


def devigged(price: FloatArray, method: Method, winning: int = 1) -> FloatArray:
    """Decimal odds (n, m) of which `winning` outcomes win to fair probabilities (n, m), NaN where the method finds none
    in (0, 1)."""
    found = devig(1.0 / price, method, float(winning))
    return np.where(found.status == DevigStatus.OK, found.probability, np.nan)


def pooled(by_book: FloatArray, sample: Sample, profile: Profile) -> FloatArray:
    """The consensus (n, m) of a profile over decimal odds (n, b, m), as the engine makes it; of results over prices
    that are all as fresh as each other."""
    if not sample.bookmakers:
        return np.full(sample.truth.shape, np.nan)
    if sample.pool is not None:
        return sample.pool(by_book, profile)
    # "totals 2.5" is a line of the market "totals"; files of results do not name leagues as the feed does.
    here = profile.at(sample.sport, "", sample.market.partition(" ")[0])
    known = [here.bookmaker(key) for key in sample.bookmakers]
    # No lay prices are told here: an exchange is no reference (ADR 11).
    weights = [0.0 if book.exchange else book.weight for book in known]
    outcomes, books, markets = by_book.shape
    fair = devigged(by_book.reshape(outcomes, books * markets), here.method, sample.winning).reshape(by_book.shape)
    weight = np.repeat(np.array(weights)[:, np.newaxis], markets, axis=1)
    placeholders = (1.0 / by_book).sum(axis=0) > DEFAULT_RULE.most_implied(outcomes, sample.winning)
    weight[placeholders | np.isnan(fair).any(axis=0)] = 0.0
    if here.sharp_references:
        sharp = np.array([book.sharp for book in known])[:, np.newaxis]
        # Where a sharp bookmaker is complete nobody else is asked.
        weight[~sharp & ((weight > 0.0) & sharp).any(axis=0)] = 0.0
    if here.method is Method.WORST_CASE:
        # It bounds pools by several models: a pool of bounds is another number.
        told = fair_prices(1.0 / by_book, weight, method=here.method, target=float(sample.winning))
        return told.consensus.probability
    return consensus(fair, weight, target=float(sample.winning)).probability
