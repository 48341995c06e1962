"""One wrong quote of a real bookmaker, in every match of two sets: what it moves the pool by, at most.

The bounds are those that docs/domain.md tells. A heavy bookmaker is right to move a pool: by its honest prices Pinnacle
moves it as far.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import DevigStatus, FairPrices, FloatArray, fair_prices
from fixtures.football import football_of

E0, BIG4 = "football_E0_2019_2025", "football_big4_2019_2024"
FEW = 5


class Prices(NamedTuple):
    """Opening prices (n, b, m) of matches that five bookmakers or more price, one of them the judged one."""

    price: FloatArray
    weight: FloatArray
    judged: int


@pytest.fixture(scope="module", params=[E0, BIG4])
def opening(request: pytest.FixtureRequest) -> Callable[[str], Prices]:
    sample = football_of(request.param).samples()[0]
    known = [Profile().bookmaker(key) for key in sample.bookmakers]
    kept = [b for b, book in enumerate(known) if not book.exchange]
    price = sample.opening.by_book[:, kept]
    there = np.asarray(~np.isnan(price).any(axis=0))

    def of(bookmaker: str) -> Prices:
        judged = [sample.bookmakers[b] for b in kept].index(bookmaker)
        matches = there[judged] & (there.sum(axis=0) >= FEW)
        weight = np.array([known[b].weight for b in kept])[:, np.newaxis]
        return Prices(price[..., matches].copy(), np.repeat(weight, matches.sum(), axis=1), judged)

    return of


def placeholder(price: FloatArray) -> None:
    price[0] = 1.01


def half_as_high_again(price: FloatArray) -> None:
    price[0] *= 1.5


def longest_half_as_high_again(price: FloatArray) -> None:
    price[price.argmax(axis=0), np.arange(price.shape[1])] *= 1.5


def swapped(price: FloatArray) -> None:
    price[[0, -1]] = price[[-1, 0]]


def honest(_price: FloatArray) -> None:
    pass


def told(prices: Prices, mistake: Callable[[FloatArray], None]) -> tuple[FairPrices, FloatArray]:
    """What is said of it, and how far the pool is from the one without it (m,)."""
    price = prices.price.copy()
    wrong = price[:, prices.judged].copy()
    mistake(wrong)
    price[:, prices.judged] = wrong
    fair = fair_prices(1.0 / price, prices.weight, band_methods=())
    without = fair.leave_one_out.probability[prices.judged]
    return fair, np.abs(fair.consensus.probability - without).max(axis=0)


@pytest.mark.parametrize("bookmaker", ["pinnacle", "bet365", "bwin", "interwetten"])
@pytest.mark.parametrize("mistake", [placeholder, swapped])
def test_who_is_named_moves_the_pool_where_one_more_would_have_been_named_without_it(
    opening: Callable[[str], Prices], bookmaker: str, mistake: Callable[[FloatArray], None]
) -> None:
    prices = opening(bookmaker)
    fair, moved = told(prices, mistake)
    named = fair.consensus.outlier[prices.judged]
    if mistake is placeholder:
        assert named.all()
    moves = named & (moved > 1e-12)
    others = fair.consensus.outlier.sum(axis=0) - named
    assert (others < fair.leave_one_out.outlier[prices.judged].sum(axis=0))[moves].all()
    assert moves.mean() < 0.01
    assert (moves & (moved >= 0.005)).mean() < 0.0015
    assert moved[named].max() < 0.014


@pytest.mark.parametrize("mistake", [half_as_high_again, longest_half_as_high_again, swapped, honest])
def test_who_is_not_named_moves_the_pool_no_further_than_the_opinions_are_apart(
    opening: Callable[[str], Prices], mistake: Callable[[FloatArray], None]
) -> None:
    """Of the heaviest bookmaker. A quote is named by how far it is from others: at even sides a swapped one is near."""
    prices = opening("pinnacle")
    fair, moved = told(prices, mistake)
    named = fair.consensus.outlier[prices.judged]
    pooled = ~named & (fair.status[prices.judged] == DevigStatus.OK)
    assert moved[pooled].max() < 0.034
    if mistake is not honest:
        assert pooled.mean() < 0.09
        assert moved[~pooled & ~named].max(initial=0.0) < 1e-12


def test_half_as_high_again_is_named_also_where_it_leaves_no_margin(opening: Callable[[str], Prices]) -> None:
    prices = opening("pinnacle")
    fair, _ = told(prices, half_as_high_again)
    unmargined = fair.status[prices.judged] == DevigStatus.NO_OVERROUND
    assert fair.consensus.outlier[prices.judged][unmargined].mean() > 0.97
