"""One pass of pricing: what is fair, what beats it, and what stays out."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey, MarketStatus
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Category, Profile
from fixtures.engine_boards import AS_OF, H2H, START, board, boards, found, line, only_market

PROFILE = Profile()


def power(*fair: float, margin: float = 1.05) -> dict[str, float]:
    """Prices that the power method takes back to `fair`: r = p^(1/k), k = `margin`; sides are named A, B, C."""
    return {name: p ** (-1.0 / margin) for name, p in zip("ABC", fair, strict=False)}


def priced(one: Board, key: MarketKey = H2H) -> PricedMarket:
    return only_market(price([boards({key: one})], PROFILE))


def test_a_soft_bookmaker_offers_a_better_price() -> None:
    # Leave-one-out of "soft": pinnacle .51, alpha .50, beta .515. Weights 4, 1, 1 are shares 2/3, 1/6, 1/6; none above
    # .40 from three books on, so .4, .3, .3. (Fewer than four books: nobody is an outlier.)
    #   λ(A) .0400053 (.4), 0 (.3), .0600180 (.3): the median is .0400053, the others are further from it than
    #   .20/20 = .01 and draw by .3·.01 to either side. So fair(A) = .51
    #   EV of 2.04 on A = .51·2.04 − 1 = .0404: above 0, below .045: marginal
    market = priced(
        board(
            {
                "pinnacle": power(0.51, 0.49, margin=1.08),
                "alpha": power(0.50, 0.50, margin=1.08),
                "beta": power(0.515, 0.485, margin=1.08),
                "soft": {"A": 2.04, "B": 1.80},
            }
        )
    )
    assert set(found(market)) == {("A", "soft")}
    one = found(market)["A", "soft"]
    assert one.fair == pytest.approx(0.51, abs=1e-9)
    assert one.ev == pytest.approx(0.0404, abs=1e-9)
    assert (one.price, one.net_price, one.judgement.ev_class) == (2.04, 2.04, "marginal")
    assert dict(zip(market.board.bookmakers, one.shares.tolist(), strict=True)) == pytest.approx(
        {"pinnacle": 0.4, "alpha": 0.3, "beta": 0.3, "soft": 0.0}
    )
    assert one.band_low <= one.fair <= one.band_high
    assert one.ev_worst == pytest.approx(one.band_low * 2.04 - 1)
    # Log-odds .0400, 0, .0600: median .0400, distances 0, .0400, .0200, their median .0200.
    assert one.dispersion == pytest.approx(0.0200, abs=1e-4)


def test_books_that_agree_are_the_fair_price_and_a_take_is_a_take() -> None:
    # fair(A) = .6; EV of 1.75 = .6·1.75 − 1 = .05 ≥ .045
    books = {name: power(0.6, 0.4) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "soft": {"A": 1.75, "B": 2.20}}))
    one = found(market)["A", "soft"]
    assert one.fair == pytest.approx(0.6)
    assert one.ev == pytest.approx(0.05)
    assert one.judgement.ev_class == "take"
    for book in ("alpha", "beta", "gamma"):
        column = market.board.bookmakers.index(book)
        assert market.fair.devigged[:, column] == pytest.approx([0.6, 0.4])
        assert market.fair.overround[column] == pytest.approx(0.6 ** (1 / 1.05) + 0.4 ** (1 / 1.05) - 1)


def test_consensus_and_leave_one_out_are_two_numbers() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "soft": {"A": 2.02, "B": 1.86}}))
    one = found(market)["A", "soft"]
    assert one.fair == pytest.approx(0.5)
    # A fourth part of the weight draws by a twentieth of .20 at most.
    assert market.fair.consensus[0] == pytest.approx(0.5 - 0.25 * 0.01 / 4, abs=1e-5)
    assert market.fair.share[market.board.bookmakers.index("soft")] > 0
    assert market.fair.consensus.sum() == pytest.approx(1.0)
    assert (market.fair.books_used, market.fair.reason) == (4, "")


def test_a_price_has_no_influence_on_its_own_fair_price() -> None:
    rng = random.Random(7)
    for _ in range(30):
        p = rng.uniform(0.2, 0.8)
        books = {f"book{n}": power(p + rng.uniform(-0.01, 0.01), 1 - p) for n in range(rng.randint(3, 6))}
        fairs = set()
        for edge in (1.01, 1.05, 1.5):
            market = priced(board({**books, "soft": {"A": edge / p * 1.02, "B": 1 / (1 - p) * 0.9}}))
            fairs |= {one.fair for (side, book), one in found(market).items() if (side, book) == ("A", "soft")}
        assert len(fairs) == 1


@pytest.mark.parametrize("absurd", [1.01, 1.1, 6.0, 21.0, 501.0])
@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("p", [0.5, 0.3, 0.8])
def test_one_absurd_quote_among_five_books_makes_nobody_a_take(absurd: float, side: str, p: float) -> None:
    books = {f"book{n}": power(p + shift, 1 - p - shift) for n, shift in enumerate((-0.004, -0.002, 0.0, 0.003))}
    wrong = {**power(p, 1 - p), side: absurd}
    market = priced(board({**books, "wrong": wrong}))
    assert {book for _, book in found(market)} <= {"wrong"}
    assert {one.judgement.ev_class for one in market.opportunities} <= {"suspect"}
    assert market.fair.consensus[0] == pytest.approx(p, abs=0.01)


def test_sides_swapped_by_one_feed_make_nobody_a_take() -> None:
    books = {f"book{n}": power(0.7 + shift, 0.3 - shift) for n, shift in enumerate((-0.004, -0.002, 0.0, 0.003))}
    market = priced(board({**books, "swapped": power(0.3, 0.7)}))
    assert {book for _, book in found(market)} == {"swapped"}
    assert {one.judgement.ev_class for one in market.opportunities} == {"suspect"}
    assert market.fair.left_out[market.board.bookmakers.index("swapped")] == "outlier_excluded"


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


def test_a_price_that_only_beats_the_fair_price_before_commission_is_none() -> None:
    # .5·2.04 − 1 = .02, but net 1 + 1.04·.95 = 1.988: .5·1.988 − 1 = −.006
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    assert found(priced(board({**books, "betfair_ex_uk": {"A": 2.04, "B": 1.90}}))) == {}


def shares(market: PricedMarket) -> dict[str, float]:
    return dict(zip(market.board.bookmakers, market.fair.share.tolist(), strict=True))


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


def test_a_lay_price_is_never_an_opportunity_to_back() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board(books, {"smarkets": {"A": 2.5, "B": 2.5}}))
    assert found(market) == {}


def test_bets_among_a_sharp_book_and_one_other_need_no_third() -> None:
    market = priced(board({"pinnacle": power(0.5, 0.5), "soft": {"A": 2.06, "B": 1.82}}))
    assert set(found(market)) == {("A", "soft")}
    without = priced(board({"alpha": power(0.5, 0.5), "soft": {"A": 2.06, "B": 1.82}}))
    assert found(without) == {}
    assert without.refused["A", "soft"] == "too_few_books"


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


def test_bookmakers_that_offer_another_market_under_the_same_name_leave_the_others_alone() -> None:
    """One bookmaker offers a fight with a draw, four without: the four are priced among themselves."""
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "delta": {"A": 2.02, "B": 1.86}, "threeway": {"A": 2.20, "B": 2.10, "Draw": 60.0}}))
    assert market.board.outcomes == ("A", "B")
    assert market.fair.books_used == 4
    assert market.fair.left_out[market.board.bookmakers.index("threeway")] == "different_outcomes"
    assert set(found(market)) == {("A", "delta")}


@pytest.mark.parametrize(
    ("market", "prices"),
    [
        ("to_reach_the_final", {"A": 1.40, "B": 1.45, "C": 1.25}),
        # Three of four win by the prices, two by the name.
        ("top_2_finish", {"A": 1.25, "B": 1.30, "C": 1.30, "D": 1.30}),
    ],
)
def test_more_winners_than_the_name_says_have_no_fair_price(market: str, prices: dict[str, float]) -> None:
    books = dict.fromkeys(("pinnacle", "alpha", "beta", "gamma"), prices)
    one = priced(
        board({**books, "soft": {name: 3 * price for name, price in prices.items()}}), H2H._replace(market=market)
    )
    assert one.fair.reason == "not_mutually_exclusive"
    assert set(one.fair.left_out) == {"not_mutually_exclusive"}
    assert np.isnan(one.fair.consensus).all()
    assert found(one) == {}
    assert set(one.refused.values()) == {"not_mutually_exclusive"}


def test_outcomes_that_win_together_add_up_to_the_winners_of_the_name() -> None:
    """Home or draw, away or draw, home or away: two of the three win, whatever the match."""
    fair = (0.75, 0.70, 0.55)
    books = {name: power(*fair) for name in ("alpha", "beta", "gamma", "delta", "epsilon")}
    key = H2H._replace(market="double_chance")
    market = priced(board({**books, "soft": {"A": 1.40, "B": 1.35, "C": 1.70}}), key)
    assert market.fair.consensus == pytest.approx(fair, abs=1e-3)
    assert market.fair.consensus.sum() == pytest.approx(2.0)
    assert market.fair.overround[0] == pytest.approx(sum(p ** (1 / 1.05) for p in fair) - 2)
    one = found(market)["A", "soft"]
    assert one.ev == pytest.approx(0.75 * 1.40 - 1, abs=1e-9)
    # A book whose prices add up to less than two winners has no margin to take out.
    thin = priced(board({**books, "thin": {"A": 1.60, "B": 1.65, "C": 1.90}}), key)
    assert thin.fair.left_out[thin.board.bookmakers.index("thin")] == "no_overround"


def test_the_first_five_of_a_field_are_five_winners() -> None:
    rng = random.Random(3)
    raw = [rng.uniform(0.05, 0.6) for _ in range(20)]
    fair = [5 * p / sum(raw) for p in raw]
    books = {book: {f"golfer {n}": p ** (-1 / 1.04) for n, p in enumerate(fair)} for book in ("a", "b", "c")}
    market = priced(board(books), H2H._replace(market="top_5_finish"))
    assert market.fair.reason == ""
    assert market.fair.consensus.sum() == pytest.approx(5.0)
    assert sorted(market.fair.consensus) == pytest.approx(sorted(fair), abs=1e-6)


def test_an_exchange_or_a_bookmaker_with_absurd_prices_is_no_word_on_who_wins() -> None:
    absurd = {"A": 1.01, "B": 1.01, "C": 1.01}
    books = {name: power(0.5, 0.3, 0.2) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "absurd": absurd, "smarkets": absurd}))
    assert (market.fair.reason, market.fair.books_used) == ("", 3)
    assert priced(board({"alpha": power(0.5, 0.3, 0.2), "smarkets": absurd, "matchbook": absurd})).fair.reason == ""


def test_a_bookmaker_that_cannot_be_referred_to_makes_nobody_late() -> None:
    """A board without a margin is an error of the feed, however new it is."""
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")} | {"junk": {"A": 3.0, "B": 3.0}}
    market = priced(board(books, ages={"alpha": 400, "beta": 400, "gamma": 400, "junk": 0}))
    assert market.fair.books_used == 3


def test_a_crossed_exchange_and_one_of_placeholders_are_no_references() -> None:
    for back, lay in ((10.0, 1.5), (1000.0, 1001.0)):
        books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
        market = priced(board({**books, "smarkets": {"A": back, "B": back}}, {"smarkets": {"A": lay, "B": lay}}))
        assert market.fair.share[market.board.bookmakers.index("smarkets")] == 0


def test_alternate_markets_have_no_main_line() -> None:
    (one,) = price([boards({line("alternate_totals", 7.5): board({"a": power(0.5, 0.5)})})], PROFILE)
    assert [market.category for market in one.markets] == [Category.ALTERNATE]


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


def test_a_suspended_market_has_a_fair_price_and_no_opportunity() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "soft": {"A": 2.06, "B": 1.82}}, status=MarketStatus.SUSPENDED))
    assert found(market) == {}
    assert market.refused["A", "soft"] == "market_suspended"
    assert market.fair.reason == ""


def test_a_closed_market_is_not_priced() -> None:
    (one,) = price([boards({H2H: Board(3, MarketStatus.CLOSED)})], PROFILE)
    assert one.markets == []


def test_a_two_way_book_in_a_three_way_market_is_no_reference_and_no_opportunity() -> None:
    books = {name: power(0.5, 0.3, 0.2) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "draw_no_bet": {"A": 2.3, "B": 2.3}}))
    assert market.fair.consensus == pytest.approx([0.5, 0.3, 0.2])
    assert shares(market)["draw_no_bet"] == 0.0
    assert found(market) == {}
    assert market.refused["A", "draw_no_bet"] == "incomplete_market"


def test_what_cannot_be_priced_says_why() -> None:
    cases: Mapping[str, Board] = {
        "incomplete_market": board({"alpha": {"A": 1.9}}),
        "no_overround": board({"alpha": {"A": 2.1, "B": 2.1}}),
        "reference_stale": board({"alpha": power(0.5, 0.5)}, ages={"alpha": 601}),
    }
    for reason, one in cases.items():
        market = priced(one)
        assert (market.fair.reason, market.fair.books_used, market.opportunities) == (reason, 0, ())
        assert np.isnan(market.fair.consensus).all()
    assert priced(board({"alpha": {"A": 1.9}, "beta": {"B": 1.9}})).fair.reason == "incomplete_market"


def test_a_single_book_is_no_reference_for_itself() -> None:
    market = priced(board({"alpha": power(0.5, 0.5)}))
    assert market.fair.reason == ""
    assert market.refused == {("A", "alpha"): "reference_missing", ("B", "alpha"): "reference_missing"}


def test_nothing_is_an_opportunity_from_the_start_on() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    one = board({**books, "soft": {"A": 2.06, "B": 1.82}}, as_of=START)
    (late,) = price([boards({H2H: one}, as_of=START)], PROFILE)
    assert late.markets[0].refused["A", "soft"] == "event_started"


def random_event(rng: random.Random, id: int) -> dict[MarketKey, Board]:
    markets = {}
    for key in (H2H, line("totals", 8.5), line("totals", 9.0), line("spreads", -1.5), line("player_hits", 1.5, "X")):
        if rng.random() < 0.8:
            sides = 3 if key == H2H and id % 2 else 2
            fair = rng.uniform(0.3, 0.5)
            probabilities = [fair, (1 - fair) * 0.6, (1 - fair) * 0.4] if sides == 3 else [fair, 1 - fair]
            names = rng.sample(
                ["pinnacle", "smarkets", "betfair_ex_eu", *(f"book{n}" for n in range(8))], k=rng.randint(1, 9)
            )
            books = {name: power(*(p * rng.uniform(0.93, 1.04) for p in probabilities)) for name in names}
            if rng.random() < 0.3:
                books[names[0]].pop("A")
            lay = {name: {side: at * 1.03 for side, at in books[name].items()} for name in names if name == "smarkets"}
            ages = {name: rng.choice([5.0, 60.0, 400.0, 800.0]) for name in names}
            markets[key] = board(books, lay, ages=ages)
    return markets


def test_a_batch_prices_as_one_market_at_a_time() -> None:
    rng = random.Random(3)
    events = [boards(random_event(rng, id), str(id)) for id in range(12)]
    together = price(events, PROFILE)
    for event, batch in zip(events, together, strict=True):
        categories = {market.key: market.category for market in batch.markets}
        (alone,) = price([event], PROFILE)
        assert [market.key for market in alone.markets] == [market.key for market in batch.markets]
        for one, other in zip(batch.markets, alone.markets, strict=True):
            assert_same(one, other)
        for market in batch.markets:
            # A line taken out of its event is that market's main line: priced as what it was.
            bounds = dict.fromkeys(Category, PROFILE.bounds[categories[market.key]])
            single = replace(PROFILE, bounds=bounds)
            assert_same(
                market, only_market(price([replace(event, boards={market.key: market.board})], single)), kind=False
            )


def assert_same(one: PricedMarket, other: PricedMarket, *, kind: bool = True) -> None:
    for name in ("consensus", "band_low", "band_high", "devigged", "share", "overround", "dispersion"):
        np.testing.assert_allclose(getattr(one.fair, name), getattr(other.fair, name), rtol=0, atol=1e-12, err_msg=name)
    for name in ("reason", "left_out", "books_used"):
        assert getattr(one.fair, name) == getattr(other.fair, name)
    for name in ("key", "refused", *(["category"] if kind else [])):
        assert getattr(one, name) == getattr(other, name)
    assert found(one).keys() == found(other).keys()
    for place, priced_here in found(one).items():
        assert_same_price(priced_here, found(other)[place])


def assert_same_price(one: Priced, other: Priced) -> None:
    assert (one.outcome, one.bookmaker, one.judgement.ev_class) == (
        other.outcome,
        other.bookmaker,
        other.judgement.ev_class,
    )
    numbers = ("price", "net_price", "limit", "fair", "band_low", "band_high", "ev", "ev_worst", "dispersion")
    for name in (*numbers, "shares", "outliers"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-12, err_msg=name)
    for here, there in zip(one.judgement.verdicts, other.judgement.verdicts, strict=True):
        assert (here.gate, here.passed, here.bound) == (there.gate, there.passed, there.bound)
        assert math.isclose(here.value, there.value, abs_tol=1e-12)


def test_no_events_give_no_prices() -> None:
    assert price([], PROFILE) == []
    (empty,) = price([boards({}, as_of=AS_OF)], PROFILE)
    assert empty.markets == []


def test_a_fair_price_far_from_the_median_book_makes_no_opportunity() -> None:
    # Leave-one-out of "soft", of two books: shares .8, .2 of log-odds −.4055, .4895: λ(A) = −.2265, fair(B) = .5564.
    # The median book says .38. (Two books that are so far apart are refused by an earlier gate, which is open here.)
    one = board({"pinnacle": power(0.40, 0.60), "alpha": power(0.62, 0.38), "soft": power(0.62, 0.38)})
    market = only_market(price([boards({H2H: one})], replace(PROFILE, dispersion=1.0)))
    (refusal,) = [each for each in market.refusals if market.board.bookmakers[each.bookmaker] == "soft"]
    verdict = refusal.judgement.verdicts[-1]
    assert (verdict.gate, refusal.judgement.refused) == ("near_median_book", "divergent_reference")
    assert verdict.value == pytest.approx(0.1764, abs=1e-4)
    assert ("B", "soft") not in found(market)
