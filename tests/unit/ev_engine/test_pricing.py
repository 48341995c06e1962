"""One pass of pricing: what is fair, what beats it, and what stays out."""

import random
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketStatus
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Category
from fixtures.engine_boards import H2H, START, board, boards, found, line, only_market
from fixtures.engine_pricing import PROFILE, power, priced


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


def test_alternate_markets_have_no_main_line() -> None:
    (one,) = price([boards({line("alternate_totals", 7.5): board({"a": power(0.5, 0.5)})})], PROFILE)
    assert [market.category for market in one.markets] == [Category.ALTERNATE]


def test_a_suspended_market_has_a_fair_price_and_no_opportunity() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    market = priced(board({**books, "soft": {"A": 2.06, "B": 1.82}}, status=MarketStatus.SUSPENDED))
    assert found(market) == {}
    assert market.refused["A", "soft"] == "market_suspended"
    assert market.fair.reason == ""


def test_a_closed_market_is_not_priced() -> None:
    (one,) = price([boards({H2H: Board(3, MarketStatus.CLOSED)})], PROFILE)
    assert one.markets == []


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


def test_nothing_is_an_opportunity_from_the_start_on() -> None:
    books = {name: power(0.5, 0.5) for name in ("alpha", "beta", "gamma")}
    one = board({**books, "soft": {"A": 2.06, "B": 1.82}}, as_of=START)
    (late,) = price([boards({H2H: one}, as_of=START)], PROFILE)
    assert late.markets[0].refused["A", "soft"] == "event_started"


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
