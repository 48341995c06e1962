"""Which line of a market is the main one."""

import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.categories import categories
from bet_intel.ev_engine.domain.profile import Category, Override, Profile
from bet_intel.ev_engine.domain.tensors import Scopes
from bet_intel.ev_engine.domain.voters import Voters
from fixtures.engine_boards import H2H, board, boards, line


def total(over: float, under: float, books: int = 3, age: float = 0.0) -> Board:
    """A total offered by the first `books` of three at the same prices."""
    names = ["alpha", "beta", "gamma"][:books]
    return board({name: {"Over": over, "Under": under} for name in names}, ages=dict.fromkeys(names, age))


def categories_of(markets: dict[MarketKey, Board], *overrides: Override) -> dict[MarketKey, Category]:
    voters = Voters(boards(markets), Scopes(Profile(overrides=overrides)))
    return dict(categories(markets.items(), voters.among))


def main_lines(markets: dict[MarketKey, Board], *overrides: Override) -> set[MarketKey]:
    found = categories_of(markets, *overrides)
    assert found.keys() == markets.keys()
    return {key for key, category in found.items() if category is Category.MAIN}


def test_a_market_without_a_line_is_main_and_others_have_their_own_kind() -> None:
    markets = {
        H2H: total(1.9, 1.9),
        line("player_hits", 1.5, "B. Rivers"): total(1.9, 1.9),
        line("outrights", None): total(1.9, 1.9),
    }
    assert categories_of(markets) == {
        H2H: Category.MAIN,
        line("player_hits", 1.5, "B. Rivers"): Category.PROP,
        line("outrights", None): Category.OUTRIGHT,
    }


@pytest.mark.parametrize("alternate", ["alternate_totals", "totals_alternate"])
def test_an_alternate_is_none_that_is_main_by_either_form_of_its_name(alternate: str) -> None:
    offered = {line("totals", 8.5): total(1.9, 1.9, books=1), line(alternate, 9.0): total(1.9, 1.9)}
    assert main_lines(offered) == {line("totals", 8.5)}


def test_the_main_line_is_the_one_that_most_bookmakers_offer() -> None:
    offered = {line("totals", 8.5): total(1.5, 2.6), line("totals", 9.0): total(1.9, 1.9, books=2)}
    assert main_lines(offered) == {line("totals", 8.5)}


def test_each_market_and_period_has_its_own_main_line() -> None:
    first_half = MarketKey("totals", "first_half", 4.5, "")
    offered = {
        line("totals", 8.5): total(1.9, 1.9),
        line("spreads", -1.5): total(1.9, 1.9),
        first_half: total(1.9, 1.9, books=1),
    }
    assert main_lines(offered) == set(offered)


def test_among_equals_the_one_nearest_to_even_is_main() -> None:
    offered = {
        line("totals", 8.0): total(1.70, 2.15),
        line("totals", 8.5): total(1.93, 1.89),
        line("totals", 9.0): total(2.2, 1.66),
    }
    assert main_lines(offered) == {line("totals", 8.5)}


def test_among_full_equals_it_is_the_lowest_line_in_whatever_order_they_come() -> None:
    offered = {line("spreads", point): total(1.9, 1.9) for point in (1.5, -1.5, 2.5)}
    assert main_lines(offered) == {line("spreads", -1.5)}
    assert main_lines(dict(reversed(offered.items()))) == {line("spreads", -1.5)}


@pytest.mark.parametrize(("age", "main"), [(600.0, 9.0), (600.000001, 8.5)])
def test_a_stale_bookmaker_does_not_count(age: float, main: float) -> None:
    offered = {line("totals", 8.5): total(1.9, 1.9, books=2), line("totals", 9.0): total(1.9, 1.9, age=age)}
    assert main_lines(offered) == {line("totals", main)}


def test_a_bookmaker_with_one_side_does_not_count() -> None:
    halves = board({"alpha": {"Over": 1.9, "Under": 1.9}, "beta": {"Over": 1.9}, "gamma": {"Over": 1.9}})
    offered = {line("totals", 8.5): halves, line("totals", 9.0): total(1.7, 2.1, books=2)}
    assert main_lines(offered) == {line("totals", 9.0)}


def test_a_market_that_nobody_offers_whole_still_has_a_main_line() -> None:
    offered = {line("totals", 8.5): board({"alpha": {"Over": 1.9}}), line("totals", 8.0): total(1.9, 1.9, age=1e6)}
    assert main_lines(offered) == {line("totals", 8.0)}


def test_a_line_of_which_only_one_side_is_offered_is_not_main() -> None:
    """However many offer it: it cannot be priced."""
    one_sided = board({name: {"Over": 1.9} for name in ("alpha", "beta", "gamma")})
    offered = {line("totals", 8.5): one_sided, line("totals", 9.0): total(1.9, 1.9, books=1)}
    assert main_lines(offered) == {line("totals", 9.0)}


SOUND = total(1.9, 1.9)
KEYS = tuple(f"betfair_ex_{country}" for country in ("au", "eu", "uk", "us"))


def quoted(ages: dict[str, float]) -> Board:
    return board({name: {"Over": 1.9, "Under": 1.9} for name in ages}, ages=ages)


def test_an_exchange_under_four_keys_is_no_majority_of_three_bookmakers() -> None:
    assert main_lines({line("totals", 8.5): quoted(dict.fromkeys(KEYS, 0.0)), line("totals", 9.0): SOUND}) == {
        line("totals", 9.0)
    }


def test_the_key_of_an_exchange_that_offers_a_line_complete_has_its_say() -> None:
    """Newer keys that offer one side alone do not stand for it."""
    half = {"Over": 1.9}
    even = {"Over": 1.9, "Under": 1.9}
    books = {"alpha": even, KEYS[0]: even, **dict.fromkeys(KEYS[1:], half)}
    offered = {
        line("totals", 8.5): board(books, ages={KEYS[0]: 60.0}),
        line("totals", 8.0): board({"alpha": even}),
    }
    assert main_lines(offered) == {line("totals", 8.5)}


@pytest.mark.parametrize(("ahead", "main"), [(300.0, 8.5), (300.000001, 9.0), (90_000.0, 9.0)])
def test_a_time_too_far_after_the_answer_is_none(ahead: float, main: float) -> None:
    many = quoted(dict.fromkeys(("alpha", "beta", "gamma", "delta"), -ahead))
    assert main_lines({line("totals", 8.5): many, line("totals", 9.0): SOUND}) == {line("totals", main)}


def test_who_weighs_nothing_and_who_is_stale_where_the_market_is_does_not_count() -> None:
    offered = {line("totals", 8.5): total(1.9, 1.9, age=200.0), line("totals", 9.0): total(1.9, 1.9, books=2)}
    assert main_lines(offered) == {line("totals", 8.5)}
    here = Override("baseball", "totals", bounds={Category.MAIN: {"stale_seconds": 120.0}})
    assert main_lines(offered, here) == {line("totals", 9.0)}
    quiet = Override("baseball", "totals", weights={"alpha": 0.0, "beta": 0.0})
    assert main_lines({**offered, line("totals", 9.0): quoted({"gamma": 0.0, "delta": 0.0})}, quiet) == {
        line("totals", 9.0)
    }


def test_where_nobody_is_fresh_all_count() -> None:
    offered = {
        line("totals", 8.5): total(1.5, 2.6, age=7200.0),
        line("totals", 9.0): total(1.9, 1.9, books=2, age=3600.0),
    }
    assert main_lines(offered) == {line("totals", 8.5)}
