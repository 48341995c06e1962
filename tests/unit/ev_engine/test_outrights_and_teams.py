"""Markets of thirty runners, and totals of one team, by name."""

from collections.abc import Collection, Mapping

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board
from bet_intel.ev_engine.domain.priced import PricedMarket
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


def outright(told: dict[str, dict[str, float]]) -> PricedMarket:
    return only_market(price([boards({line("outrights", None): board(told)})], PROFILE))


def runners(lacking: Mapping[str, Collection[int]]) -> dict[str, dict[str, float]]:
    """The thirty clubs by bookmakers who price them alike, each without those of these numbers."""
    prices = (1 / CHANCES ** (1 / 1.08)).tolist()
    return {
        book: {
            club: odds for number, (club, odds) in enumerate(zip(CLUBS, prices, strict=True)) if number not in without
        }
        for book, without in lacking.items()
    }


def test_where_each_lacks_another_runner_nobody_is_the_consensus() -> None:
    market = outright(runners({f"book{number}": {number} for number in range(8)}))
    assert (market.fair.reason, market.fair.books_used) == ("incomplete_market", 0)
    assert market.fair.left_out == ("incomplete_market",) * 8
    assert market.board.outcomes == tuple(CLUBS)


def test_fields_that_nobody_shares_leave_no_single_bookmaker_as_the_consensus() -> None:
    """Of 30, 24, 24 and 22 runners, as in golf: what most price is the market, and no one has just that."""
    fields = {"wide": set[int](), "one": {*range(24, 30)}, "two": {*range(23, 29)}, "few": {*range(22, 30)}}
    market = outright(runners(fields))
    assert (market.fair.reason, market.fair.books_used) == ("incomplete_market", 0)
    assert dict(zip(market.board.bookmakers, market.fair.left_out, strict=True)) == {
        "wide": "different_outcomes",
        "one": "incomplete_market",
        "two": "incomplete_market",
        "few": "incomplete_market",
    }
    # Two that have the same field are the market, whatever the others have.
    shared = outright(runners({**fields, "three": fields["one"]}))
    assert (shared.fair.reason, shared.fair.books_used, len(shared.board.outcomes)) == ("", 2, 24)


def test_of_two_bookmakers_the_one_that_prices_the_others_outcomes_too_is_complete() -> None:
    market = outright(runners({"a whole": (), "part": {3}}))
    assert (market.fair.reason, market.fair.books_used) == ("", 1)
    assert market.fair.left_out == ("", "incomplete_market")


def test_among_sets_that_as_many_price_the_order_of_bookmakers_decides_nothing() -> None:
    """Both have two bookmakers and 29 runners; the last bookmaker prices one more of the latter's."""
    one, other = {0}, {1}
    few = {1, *range(2, 29)}  # has the first and the last
    for names in ("abcd", "dcba"):
        first, second, third, fourth = names
        market = outright(runners({first: one, second: one, third: other, fourth: other, "z": few}))
        assert market.board.outcomes == tuple(club for number, club in enumerate(CLUBS) if number != 1)
        alone = outright(runners({first: one, second: one, third: other, fourth: other}))
        assert alone.board.outcomes == tuple(club for number, club in enumerate(CLUBS) if number != 1)
