"""Which bookmakers a price is judged by, and which are shown and left out: stale, late, or of another market."""

from dataclasses import replace

import pytest

from bet_intel.ev_engine.domain.boards import Board
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Bookmaker, Category, Override
from fixtures.engine_boards import H2H, board, boards, found, line, only_market
from fixtures.engine_pricing import PROFILE, power, priced, shares


def test_bets_among_a_sharp_book_and_one_other_need_no_third() -> None:
    market = priced(board({"pinnacle": power(0.5, 0.5), "soft": {"A": 2.06, "B": 1.82}}))
    assert set(found(market)) == {("A", "soft")}
    without = priced(board({"alpha": power(0.5, 0.5), "soft": {"A": 2.06, "B": 1.82}}))
    assert found(without) == {}
    assert without.refused["A", "soft"] == "too_few_books"


def test_a_single_book_is_no_reference_for_itself() -> None:
    market = priced(board({"alpha": power(0.5, 0.5)}))
    assert market.fair.reason == ""
    assert market.refused == {("A", "alpha"): "reference_missing", ("B", "alpha"): "reference_missing"}


def test_who_is_set_to_weigh_nothing_is_left_out_for_that_alone() -> None:
    """However old its prices, whatever it prices."""
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma", "late")}
    quiet = replace(PROFILE, bookmakers=dict.fromkeys(("beta", "late", "half"), Bookmaker(weight=0.0)))
    one = board({**books, "half": {"A": 1.9}}, ages={"late": 3600})
    market = only_market(price([boards({H2H: one})], quiet))
    assert dict(zip(market.board.bookmakers, market.fair.left_out, strict=True)) == {
        "alpha": "",
        "beta": "no_weight",
        "gamma": "",
        "half": "no_weight",
        "late": "no_weight",
    }


@pytest.mark.parametrize(("age", "used"), [(600.0, True), (600.001, False)])
def test_a_stale_book_is_shown_and_not_used(age: float, used: bool) -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    # The others are old as well, so that nobody is far behind the newest.
    ages = {"stale": age, "alpha": 310.0, "beta": 310.0, "gamma": 310.0}
    market = priced(board({**books, "stale": {"A": 2.02, "B": 1.86}}, ages=ages))
    assert (shares(market)["stale"] > 0) is used
    assert market.fair.left_out[market.board.bookmakers.index("stale")] == ("" if used else "reference_stale")
    assert (("A", "stale") in found(market)) is used
    if not used:
        assert market.refused["A", "stale"] == "price_stale"
        assert market.fair.consensus == pytest.approx(priced(board(books, ages=ages)).fair.consensus)


@pytest.mark.parametrize(("behind", "used"), [(300.0, True), (300.001, False)])
def test_a_book_far_behind_the_newest_is_not_used_however_young(behind: float, used: bool) -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma", "late")}
    market = priced(board(books, ages={"late": behind + 60, "alpha": 60, "beta": 70, "gamma": 80}))
    assert (shares(market)["late"] > 0) is used


def test_a_time_in_the_future_makes_nobody_else_stale() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma", "ahead")}
    market = priced(board(books, ages={"ahead": -60}))
    assert market.fair.books_used == 4


def test_a_time_far_in_the_future_is_no_time_at_all() -> None:
    """Else a bookmaker with a wrong clock would be fresh for ever."""
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma", "ahead")}
    market = priced(board(books, ages={"ahead": -3600}))
    assert dict(zip(market.board.bookmakers, market.fair.left_out, strict=True)) == {
        "ahead": "reference_stale",
        "alpha": "",
        "beta": "",
        "gamma": "",
    }


def test_a_bookmaker_that_cannot_be_referred_to_makes_nobody_late() -> None:
    """A board without a margin is an error of the feed, however new it is."""
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")} | {"junk": {"A": 3.0, "B": 3.0}}
    market = priced(board(books, ages={"alpha": 400, "beta": 400, "gamma": 400, "junk": 0}))
    assert market.fair.books_used == 3


def test_placeholders_are_nobodys_opinion_and_make_nobody_late() -> None:
    """At 1.2 on either side two thirds more than is staked would be kept."""
    books = {"alpha": power(0.6, 0.4), "beta": power(0.58, 0.42)}
    ages = {"alpha": 400.0, "beta": 400.0, "held": 0.0}
    market = priced(board({**books, "held": {"A": 1.2, "B": 1.2}}, ages=ages))
    assert shares(market)["held"] == 0.0
    assert market.fair.left_out == ("", "", "excessive_overround")
    assert market.fair.consensus == pytest.approx(priced(board(books, ages=ages)).fair.consensus)
    alone = priced(board({"held": {"A": 1.2, "B": 1.2}}))
    assert alone.fair.reason == "excessive_overround"


@pytest.mark.parametrize(("overround", "used"), [(0.299, True), (0.301, False)])
@pytest.mark.parametrize(("outcomes", "more"), [(2, 0.0), (3, 0.0), (20, 17 * 0.03)])
def test_more_outcomes_may_cost_more(outcomes: int, more: float, overround: float, used: bool) -> None:
    total = 1.0 + overround + more
    one = {f"runner {number}": outcomes / total for number in range(outcomes)}
    market = priced(board({"alpha": one, "beta": one}))
    assert market.fair.books_used == (2 if used else 0)


def test_alternate_lines_may_be_older_than_main_ones() -> None:
    markets = {
        line("totals", 8.5): board(
            {name: power(0.5, 0.5) for name in ("a", "b", "c", "d")}, ages=dict.fromkeys("abcd", 700)
        ),
        line("totals", 9.0): board({name: power(0.4, 0.6) for name in ("a", "b", "c")}, ages=dict.fromkeys("abc", 10)),
    }
    (one,) = price([boards(markets)], PROFILE)
    by_line = {market.key.line: market for market in one.markets}
    assert by_line[9.0].category is Category.MAIN
    assert by_line[8.5].category is Category.ALTERNATE
    assert by_line[8.5].fair.books_used == 4


def test_bookmakers_that_offer_another_market_under_the_same_name_leave_the_others_alone() -> None:
    """One bookmaker offers a fight with a draw, four without: the four are priced among themselves."""
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "delta": {"A": 2.02, "B": 1.86}, "threeway": {"A": 2.20, "B": 2.10, "Draw": 60.0}}))
    assert market.board.outcomes == ("A", "B")
    assert market.fair.books_used == 4
    assert market.fair.left_out[market.board.bookmakers.index("threeway")] == "different_outcomes"
    assert set(found(market)) == {("A", "delta")}


def test_a_two_way_book_in_a_three_way_market_is_no_reference_and_no_opportunity() -> None:
    books = {name: power(0.5, 0.3, 0.2) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "draw_no_bet": {"A": 2.3, "B": 2.3}}))
    assert market.fair.consensus == pytest.approx([0.5, 0.3, 0.2])
    assert shares(market)["draw_no_bet"] == 0.0
    assert found(market) == {}
    assert market.refused["A", "draw_no_bet"] == "incomplete_market"


def kind_of(one: Board, *overrides: Override) -> tuple[tuple[str, ...], str, int]:
    """The outcomes that are the market, why it has no fair price, and how many it is pooled of."""
    market = only_market(price([boards({H2H: one})], replace(PROFILE, overrides=overrides)))
    return market.board.outcomes, market.fair.reason, market.fair.books_used


TWO_WAY, THREE_WAY = power(0.5, 0.5), power(0.45, 0.45, 0.1)
EXCHANGE = tuple(f"betfair_ex_{country}" for country in ("au", "eu", "uk", "us"))


def test_an_exchange_under_four_keys_does_not_outvote_three_bookmakers() -> None:
    books = dict.fromkeys(("alpha", "beta", "gamma"), TWO_WAY)
    assert kind_of(board({**books, **dict.fromkeys(EXCHANGE, THREE_WAY)})) == (("A", "B"), "", 3)


@pytest.mark.parametrize("age", [86_400.0, -86_400.0])
def test_prices_of_yesterday_and_of_tomorrow_do_not_say_what_the_market_is(age: float) -> None:
    late = dict.fromkeys(("l1", "l2", "l3", "l4"), THREE_WAY)
    books = dict.fromkeys(("alpha", "beta", "gamma"), TWO_WAY)
    assert kind_of(board({**books, **late}, ages=dict.fromkeys(late, age))) == (("A", "B"), "", 3)
    # Where nobody is fresh, most of all.
    old = dict.fromkeys((*books, *late), 86_400.0)
    assert kind_of(board({**books, **late}, ages=old)) == (("A", "B", "C"), "reference_stale", 0)


def test_who_weighs_nothing_in_the_market_does_not_say_what_it_is() -> None:
    quiet = dict.fromkeys(("q1", "q2", "q3"), THREE_WAY)
    one = board({"alpha": TWO_WAY, "beta": TWO_WAY, **quiet})
    assert kind_of(one) == (("A", "B", "C"), "", 3)
    assert kind_of(one, Override(market="h2h", weights={"q*": 0.0})) == (("A", "B"), "", 2)
    assert kind_of(one, Override(market="totals", weights={"q*": 0.0})) == (("A", "B", "C"), "", 3)
