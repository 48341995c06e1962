"""Markets that several outcomes win: their probabilities add up to as many as the name of the market says."""

import random

import numpy as np
import pytest

from fixtures.engine_boards import H2H, board, found
from fixtures.engine_pricing import power, priced


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
