"""Exchanges in the pricing: read from both sides of their books, judged net of commission."""

import math

import pytest

from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from fixtures.engine_boards import board, boards, found, line
from fixtures.engine_pricing import power, priced, shares


def test_an_exchange_is_read_from_the_middle_of_its_book_and_judged_net_of_commission() -> None:
    # Middle of back and lay: A (1/2.06 + 1/2.10)/2 = .4808137, B (1/1.90 + 1/1.94)/2 = .5208899; sum 1.0017036
    #   A = .4808137/1.0017036 = .4799960
    # Net of 5 %: 1 + 1.16·.95 = 2.102 where 2.16 is offered.
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    back, lay = {"A": 2.06, "B": 1.90}, {"A": 2.10, "B": 1.94}
    market = priced(board({**books, "betfair_ex_uk": back}, {"betfair_ex_uk": lay}))
    column = market.board.bookmakers.index("betfair_ex_uk")
    assert market.fair.devigged[0, column] == pytest.approx(0.4799960, abs=1e-7)
    assert found(market)["A", "betfair_ex_uk"].net_price == pytest.approx(1 + 1.06 * 0.95)
    better = priced(board({**books, "betfair_ex_uk": {"A": 2.16, "B": 1.80}}, {"betfair_ex_uk": {"A": 2.2, "B": 1.86}}))
    one = found(better)["A", "betfair_ex_uk"]
    assert one.price == 2.16
    assert one.net_price == pytest.approx(2.102)
    assert one.ev == pytest.approx(0.5 * 2.102 - 1)


def test_an_exchange_counts_double_from_both_sides_and_not_at_all_from_one() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    back = {**books, "smarkets": {"A": 1.95, "B": 1.95}}
    both = priced(board(back, {"smarkets": {"A": 2.05, "B": 2.05}}))
    assert shares(both) == pytest.approx({"alpha": 0.2, "beta": 0.2, "gamma": 0.2, "smarkets": 0.4})
    one = priced(board(back))
    assert shares(one) == pytest.approx({**dict.fromkeys(books, 1 / 3), "smarkets": 0.0})
    assert one.fair.left_out[one.board.bookmakers.index("smarkets")] == "incomplete_market"
    # What it offers is judged all the same, by the bookmakers.
    assert found(priced(board({**books, "smarkets": {"A": 2.2, "B": 1.8}}))).keys() == {("A", "smarkets")}


THREE_KEYS = ("betfair_ex_uk", "betfair_ex_eu", "betfair_ex_au")


def test_an_exchange_under_three_keys_is_one_bookmaker() -> None:
    """Three equal voices would be the majority of five, and name the two that are sound."""
    even, other = {"A": 1.95, "B": 1.95}, {"A": 1.60, "B": 2.50}
    lay = {key: {"A": 1.62, "B": 2.56} for key in THREE_KEYS}
    market = priced(board({"pinnacle": even, "draftkings": even, **dict.fromkeys(THREE_KEYS, other)}, lay))
    left_out = dict(zip(market.board.bookmakers, market.fair.left_out, strict=True))
    assert [left_out[key] for key in ("pinnacle", "draftkings")] == ["", ""]
    assert sorted(left_out[key] for key in THREE_KEYS) == ["", "same_exchange", "same_exchange"]
    counted = [key for key in THREE_KEYS if not left_out[key]]
    assert shares(market)[counted[0]] <= 0.4
    # Its prices under every key are judged by the two others alone.
    without = market.fair.leave_one_out
    for key in THREE_KEYS:
        assert without[0, market.board.bookmakers.index(key)] == pytest.approx(0.5, abs=1e-9)


def test_of_an_exchange_under_several_keys_the_newest_that_is_complete_counts() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    back = {**books, **{key: {"A": 1.95, "B": 1.95} for key in THREE_KEYS}}
    lay = {key: {"A": 2.05, "B": 2.05} for key in THREE_KEYS[:2]}
    market = priced(board(back, lay, ages={"betfair_ex_uk": 60.0, "betfair_ex_eu": 5.0, "betfair_ex_au": 1.0}))
    assert {key: share > 0 for key, share in shares(market).items() if key in THREE_KEYS} == {
        "betfair_ex_uk": False,
        "betfair_ex_eu": True,
        "betfair_ex_au": False,
    }
    left_out = dict(zip(market.board.bookmakers, market.fair.left_out, strict=True))
    assert left_out["betfair_ex_uk"] == "same_exchange"
    assert left_out["betfair_ex_au"] == "incomplete_market"


def test_other_keys_that_begin_alike_are_bookmakers_of_their_own() -> None:
    even = {"A": 1.95, "B": 1.95}
    market = priced(board({"betfair_sb_uk": even, "betfair_sb_eu": even, "smarkets_x": even, "smarkets_y": even}))
    assert set(market.fair.left_out) == {""}


@pytest.mark.parametrize(
    "lay",
    [
        {"A": 2.05},  # one outcome only
        {"A": 3.0, "B": 3.0},  # 1/1.95 − 1/3 = .18 apart: placeholders in an empty book
    ],
)
def test_a_nearly_empty_exchange_is_no_reference(lay: dict[str, float]) -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "smarkets": {"A": 1.95, "B": 1.95}}, {"smarkets": lay}))
    assert shares(market)["smarkets"] == 0.0
    assert market.fair.left_out[market.board.bookmakers.index("smarkets")] == "incomplete_market"


def test_a_crossed_exchange_and_one_of_placeholders_are_no_references() -> None:
    for back, lay in ((10.0, 1.5), (1000.0, 1001.0)):
        books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
        market = priced(board({**books, "smarkets": {"A": back, "B": back}}, {"smarkets": {"A": lay, "B": lay}}))
        assert market.fair.share[market.board.bookmakers.index("smarkets")] == 0


def test_a_price_that_only_beats_the_fair_price_before_commission_is_none() -> None:
    # .5·2.04 − 1 = .02, but net 1 + 1.04·.95 = 1.988: .5·1.988 − 1 = −.006
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    assert found(priced(board({**books, "betfair_ex_uk": {"A": 2.04, "B": 1.90}}))) == {}


def test_a_lay_price_is_never_an_opportunity_to_back() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board(books, {"smarkets": {"A": 2.5, "B": 2.5}}))
    assert found(market) == {}


@pytest.mark.parametrize("half_line_of", ["betfair_ex_uk", "betfair_ex_eu"])
def test_an_exchange_does_not_tell_the_push_of_its_own_price(half_line_of: str) -> None:
    whole = {name: {"Over": 1.95, "Under": 1.95} for name in ("alpha", "beta", "gamma")}
    half = {"Over": 1.6, "Under": 2.5}
    markets = {
        line("totals", 3.0): board({**whole, "betfair_ex_uk": {"Over": 2.4, "Under": 1.6}}),
        line("totals", 2.5): board({half_line_of: half}, {half_line_of: {"Over": 1.62, "Under": 2.56}}),
    }
    (event,) = price([boards(markets)], Profile())
    market = next(market for market in event.markets if market.key.line == 3.0)
    assert math.isnan(found(market)["Over", "betfair_ex_uk"].push)
