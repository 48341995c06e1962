"""Made-up markets: of one bookmaker to devig, and of many."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def implied(outcomes: int, markets: int, seed: int = 11) -> FloatArray:
    """Implied probabilities (outcomes, markets) of prices rounded to 2 places, with overrounds of 2 to 12 %."""
    rng = np.random.default_rng(seed)
    while True:
        fair = rng.dirichlet(np.full(outcomes, 4.0), markets * 2).T
        margin = 1.0 + rng.uniform(0.02, 0.12, markets * 2)
        prices = np.round(1.0 / (fair * margin), 2)
        usable = (prices > 1.01).all(axis=0) & ((1.0 / prices).sum(axis=0) > 1.01)
        if usable.sum() >= markets:
            return np.ascontiguousarray(1.0 / prices[:, usable][:, :markets])


def prices(outcomes: int, books: int, markets: int, seed: int = 5) -> FloatArray:
    """Decimal odds (outcomes, books, markets), rounded to 2 places: opinions apart by .03 in log-odds, margins of 2 to
    8 %."""
    rng = np.random.default_rng(seed)
    opinion = rng.normal(0.0, 0.6, (outcomes, 1, markets)) + rng.normal(0.0, 0.03, (outcomes, books, markets))
    fair = np.exp(opinion) / np.exp(opinion).sum(axis=0)
    odds: FloatArray = np.maximum(np.round(1.0 / (fair * rng.uniform(1.02, 1.08, (books, markets))), 2), 1.01)
    return odds


def close_prices(outcomes: int, books: int, markets: int, seed: int = 5) -> FloatArray:
    """The same as close to each other, as even and with as much margin as the prices of a recorded day of baseball, on
    which most bookmakers copy one price and a few markets are uncertain: half of the MADs below .009 in log-odds, nine
    of ten below .03; half of the margins from .038 to .047; nine of ten probabilities from .36 to .64."""
    rng = np.random.default_rng(seed)
    apart = 0.0095 * np.exp(rng.normal(0.0, 0.9, markets))
    opinion = 0.15 * rng.standard_t(2.5, (outcomes, 1, markets)) + rng.normal(0.0, apart, (outcomes, books, markets))
    fair = np.exp(opinion) / np.exp(opinion).sum(axis=0)
    margin = np.clip(rng.normal(0.043, 0.009, (books, markets)), 0.015, 0.08)
    odds: FloatArray = np.maximum(np.round(1.0 / (fair * (1.0 + margin)), 2), 1.01)
    return odds
