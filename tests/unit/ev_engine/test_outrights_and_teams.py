"""Markets of thirty runners, and totals of one team, by name."""

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Category, Profile
from fixtures.engine_boards import board, boards, found, line, only_market

PROFILE = Profile()
CLUBS = [f"Club {number:02}" for number in range(30)]
CHANCES = 0.85 ** np.arange(30) / (0.85 ** np.arange(30)).sum()


def field(better: float = 1.0) -> Board:
    """Thirty clubs by six bookmakers who differ by up to 4 %; one of them is better for the favourite."""
    rng = np.random.default_rng(3)
    told = {}
    for number in range(6):
        implied = CHANCES ** (1 / 1.08) * np.exp(rng.uniform(-0.02, 0.02, 30))
        told[f"book{number}"] = dict(zip(CLUBS, (1 / implied).tolist(), strict=True))
    told["book0"][CLUBS[0]] *= better
    return board(told)


def test_thirty_runners_have_a_fair_price_each_that_adds_up_to_one() -> None:
    market = only_market(price([boards({line("outrights", None): field()})], PROFILE))
    assert market.category is Category.OUTRIGHT
    assert (market.fair.reason, market.fair.books_used) == ("", 6)
    assert market.fair.consensus.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(market.fair.consensus, CHANCES, rtol=0.06)


def test_a_price_of_thirty_that_is_too_long_is_an_opportunity() -> None:
    market = only_market(price([boards({line("outrights", None): field(better=1.30)})], PROFILE))
    assert found(market).keys() == {(CLUBS[0], "book0")}


def test_totals_of_a_team_are_a_market_of_their_own_by_its_name() -> None:
    home = {book: {"Over": 1.91, "Under": 1.91} for book in ("alpha", "beta", "gamma")}
    away = {book: {"Over": 2.60, "Under": 1.50} for book in ("alpha", "beta", "gamma")}
    told = {
        line("team_totals", 4.5, "Harbour City"): board({**home, "soft": {"Over": 2.05, "Under": 1.75}}),
        line("team_totals", 4.5, "Riverside"): board({**away, "soft": {"Over": 2.05, "Under": 1.75}}),
    }
    ((event),) = price([boards(told)], PROFILE)
    by_team = {market.key.subject: market for market in event.markets}
    assert {market.category for market in event.markets} == {Category.PROP}
    assert found(by_team["Harbour City"]).keys() == {("Over", "soft")}
    assert found(by_team["Riverside"]).keys() == {("Under", "soft")}
    assert by_team["Harbour City"].fair.consensus[0] > by_team["Riverside"].fair.consensus[0]
