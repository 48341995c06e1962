"""Rules that decide in a corner: which of two numbers counts, and up to where."""

from dataclasses import replace

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.confidence import confidence
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from fixtures.engine_boards import H2H, board, boards, found, line, only_market
from fixtures.engine_lines import SLOPE, THREE, fair_prices, moved, soft
from fixtures.engine_pricing import PROFILE, power, priced, shares

BETWEEN = line("totals", 8.5)


def of_lines(markets: dict[MarketKey, Board], key: MarketKey) -> PricedMarket:
    (event,) = price([boards(markets)], PROFILE)
    return next(market for market in event.markets if market.key == key)


def test_a_bookmakers_limit_is_the_smallest_of_its_outcomes() -> None:
    """What it takes on the side that nobody wants says nothing of what it knows."""
    one = board({book: power(0.5, 0.5) for book in THREE})
    limits = np.array([[1000.0, 100.0, 100.0], [10.0, 100.0, 100.0]])
    believing = replace(PROFILE, limit_weight=0.5)
    market = only_market(price([boards({H2H: replace(one, limit=limits)})], believing))
    assert shares(market) == pytest.approx({"alpha": 0.2, "beta": 0.4, "gamma": 0.4})


@pytest.mark.parametrize(("lay", "share"), [({"A": 1.90, "B": 2.20}, 0.4), ({"A": 1.75, "B": 1.80}, 0.0)])
def test_the_mids_of_an_exchange_add_up_to_about_one(lay: dict[str, float], share: float) -> None:
    """Each is near its back price; but together they are no market."""
    back = {side: at - 0.05 for side, at in lay.items()}
    market = priced(board({**{book: power(0.52, 0.48) for book in THREE}, "smarkets": back}, {"smarkets": lay}))
    assert shares(market)["smarkets"] == pytest.approx(share)


def test_the_slope_of_a_sport_is_that_of_whole_games() -> None:
    first_half = MarketKey("totals", "h1", 8.5, ""), MarketKey("totals", "h1", 9.5, "")
    over = moved(0.5, -2 * SLOPE)
    market = of_lines({first_half[0]: board(fair_prices(0.5)), first_half[1]: soft(over)}, first_half[1])
    assert market.refused["Over", "soft"] == "reference_missing"


def test_a_line_between_two_knows_as_much_as_the_one_that_fewer_price() -> None:
    below, beyond = fair_prices(0.6, (*THREE, "pinnacle")), fair_prices(0.4)
    market = of_lines(
        {line("totals", 7.5): board(below), BETWEEN: soft(0.5), line("totals", 9.5): board(beyond)}, BETWEEN
    )
    estimate = found(market)["Over", "soft"].estimate
    assert estimate is not None
    assert (estimate.references, estimate.sharp) == (3, False)


def test_nothing_follows_from_lines_of_which_the_higher_is_the_likelier() -> None:
    rising = {line("totals", 7.5): board(fair_prices(0.45)), line("totals", 9.5): board(fair_prices(0.55))}
    market = of_lines({**rising, BETWEEN: soft(0.5)}, BETWEEN)
    assert market.refused["Over", "soft"] == "reference_missing"


def test_a_price_is_believed_less_the_further_its_line_is_from_one_that_others_price() -> None:
    """By half of what the lines are worth to each other."""
    key = line("totals", 9.5)
    one = found(of_lines({line("totals", 8.5): board(fair_prices(0.5)), key: soft(moved(0.5, -2 * SLOPE))}, key))[
        "Over", "soft"
    ]
    band, concentration = (one.band_low, one.band_high), 1 / 3
    assert one.confidence == pytest.approx(
        confidence(one.fair, one.net_price, band, one.dispersion, concentration, 2 * SLOPE / 2)
    )


@pytest.mark.parametrize(("others", "named"), [(2, False), (3, True)])
def test_prices_without_margin_are_named_against_three_others(others: int, named: bool) -> None:
    """Of three bookmakers that disagree nobody can say which is wrong."""
    books = {book: power(0.5, 0.5) for book in THREE[:others]}
    market = priced(board({**books, "wrong": {"A": 2.9, "B": 2.9}}))
    assert market.fair.left_out[-1] == ("outlier_excluded" if named else "no_overround")
