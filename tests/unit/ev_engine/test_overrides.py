"""What is otherwise in some sports and markets, and limits as weights."""

from dataclasses import replace

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Category, Override, Profile
from bet_intel.ev_engine.domain.tensors import by_limit
from fixtures.engine_boards import H2H, board, boards, line, only_market

TWO = {"alpha": {"Away": 1.91, "Home": 1.91}, "beta": {"Away": 1.80, "Home": 2.03}}


def share(one: Board, overrides: tuple[Override, ...] = (), **settings: float) -> dict[str, float]:
    market = market_of(one, replace(Profile(), overrides=overrides, **settings))  # type: ignore[arg-type]
    return dict(zip(market.board.bookmakers, market.fair.share.tolist(), strict=True))


def market_of(one: Board, profile: Profile) -> PricedMarket:
    return only_market(price([boards({H2H: one})], profile))


@pytest.mark.parametrize(
    ("sport", "market", "heavier"),
    [
        ("", "", True),
        ("baseball", "", True),
        ("baseball_mlb", "h2h", True),
        ("base*", "h*", True),
        ("baseball_kbo", "", False),
        ("basketball", "", False),
        ("baseball", "totals", False),
        ("", "player_*", False),
    ],
)
def test_weights_by_bookmaker_sport_and_market(sport: str, market: str, heavier: bool) -> None:
    shares = share(board(TWO), (Override(sport, market, {"alpha": 3.0}),))
    assert shares == pytest.approx({"alpha": 0.75, "beta": 0.25} if heavier else {"alpha": 0.5, "beta": 0.5})


def test_of_several_the_last_one_stands_and_a_star_ends_a_key() -> None:
    overrides = (Override(weights={"alpha": 9.0}), Override("baseball", weights={"alpha": 1.0, "be*": 3.0}))
    assert share(board(TWO), overrides) == pytest.approx({"alpha": 0.25, "beta": 0.75})


def test_a_weight_keeps_what_else_is_known_of_a_bookmaker() -> None:
    profile = replace(Profile(), overrides=(Override("baseball", weights={"betfair_ex_*": 1.5, "pinnacle": 2.0}),))
    here, elsewhere = profile.at("baseball", "baseball_mlb", "h2h"), profile.at("soccer", "soccer_epl", "h2h")
    assert here.bookmaker("betfair_ex_uk") == Profile().bookmaker("betfair_ex_uk")._replace(weight=1.5)
    assert here.bookmaker("pinnacle") == Profile().bookmaker("pinnacle")._replace(weight=2.0)
    assert elsewhere is profile


def test_no_weight_lifts_the_ceiling() -> None:
    three = {**TWO, "gamma": TWO["alpha"]}
    assert max(share(board(three), (Override(weights={"alpha": 1000.0}),)).values()) == pytest.approx(0.40)


def test_bounds_by_sport_and_category() -> None:
    books = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma")}
    one = board({**books, "soft": {"Away": 1.75, "Home": 2.08}}, ages={"soft": 200.0})
    usual = market_of(one, Profile())
    assert len(usual.opportunities) == 1
    strict = Override("baseball", bounds={Category.MAIN: {"stale_seconds": 120.0}})
    refused = market_of(one, replace(Profile(), overrides=(strict,)))
    assert refused.refused["Home", "soft"] == "price_stale"
    assert market_of(one, replace(Profile(), overrides=(replace(strict, sport="soccer"),))).refused == {}
    wanting = Override(market="h2h", min_references=4)
    assert market_of(one, replace(Profile(), overrides=(wanting,))).refused["Home", "soft"] == "too_few_books"


def test_who_takes_more_money_weighs_more() -> None:
    limit = np.array([[250.0, 4000.0], [250.0, 4000.0]])
    one = replace(board(TWO), limit=limit)
    # The median is 2,125: (250/2125)^.5 is below 1/2, (4000/2125)^.5 = 1.372.
    assert share(one) == pytest.approx({"alpha": 0.5 / 1.87198, "beta": 1.37199 / 1.87198}, abs=1e-4)
    assert share(one, limit_weight=0.0) == pytest.approx({"alpha": 0.5, "beta": 0.5})


def test_a_limit_that_nobody_else_tells_and_one_that_is_not_told_change_nothing() -> None:
    limit = np.array([[500.0], [np.nan], [0.0]])
    np.testing.assert_array_equal(by_limit(limit, 0.5), np.ones((3, 1)))
    assert by_limit(np.array([[100.0], [1e9], [100.0]]), 0.5).ravel().tolist() == [1.0, 2.0, 1.0]
    assert by_limit(np.full((2, 1), np.nan), 0.5).tolist() == [[1.0], [1.0]]


def test_a_market_of_a_pass_has_its_own_overrides() -> None:
    profile = replace(Profile(), overrides=(Override(market="totals", weights={"alpha": 3.0}),))
    totals = {book: {"Over": prices["Away"], "Under": prices["Home"]} for book, prices in TWO.items()}
    (event,) = price([boards({H2H: board(TWO), line("totals", 8.5): board(totals)})], profile)
    assert [market.fair.share.tolist() for market in event.markets] == [[0.5, 0.5], [0.75, 0.25]]


KEYS = ("betfair_ex_au", "betfair_ex_eu", "betfair_ex_uk")


def exchange_board(newest: str) -> Board:
    """Three bookmakers and one exchange under three keys, of which `newest` was confirmed last."""
    even, back, lay = ({"Away": price, "Home": price} for price in (1.95, 1.98, 2.02))
    books = {**dict.fromkeys(("alpha", "beta", "gamma"), even), **dict.fromkeys(KEYS, back)}
    ages = {key: 0.0 if key == newest else 30.0 for key in KEYS}
    return board(books, dict.fromkeys(KEYS, lay), ages=ages)


@pytest.mark.parametrize("newest", KEYS)
@pytest.mark.parametrize(
    ("weights", "exchange"),
    [
        # Of 0.5 and three of 1 it is a seventh; of 1.5 a third; of 2 and more it has all that one may have.
        ({"betfair_ex_*": 0.5}, 1 / 7),
        ({"betfair_ex_*": 0.5, "betfair_ex_uk": 1.5}, 1 / 3),
        ({"betfair_ex_*": 0.5, "betfair_ex_u*": 1.5}, 1 / 3),
        ({"betfair_ex_u*": 3.0}, 0.40),
        ({"betfair_ex_uk": 8.0}, 0.40),
    ],
)
def test_a_weight_of_one_key_is_that_of_the_exchange(newest: str, weights: dict[str, float], exchange: float) -> None:
    shares = share(exchange_board(newest), (Override(weights=weights),))
    assert shares[newest] == pytest.approx(exchange)
    assert sum(shares[key] for key in KEYS) == shares[newest]


def test_a_key_that_is_to_weigh_nothing_does_not_stand_for_its_exchange() -> None:
    shares = share(exchange_board("betfair_ex_uk"), (Override(weights={"betfair_ex_uk": 0.0}),))
    assert shares["betfair_ex_uk"] == 0.0
    assert shares["betfair_ex_au"] == pytest.approx(0.40)


def test_the_closest_of_all_patterns_holds_whoever_says_it() -> None:
    """`betfair*` is of those that nobody names closer: no exchange becomes a bookmaker by it, nor the reverse."""
    here = replace(Profile(), overrides=(Override(weights={"betfair*": 3.0}),)).at("baseball", "baseball_mlb", "h2h")
    assert here.bookmaker("betfair_ex_uk") == Profile().bookmaker("betfair_ex_uk")
    assert here.bookmaker("betfair_sb_uk") == Profile().bookmaker("betfair_sb_uk")._replace(weight=3.0)
    assert [here.exchange(key) for key in ("betfair_ex_uk", "betfair_sb_uk", "betfair")] == ["betfair_ex_", None, None]
