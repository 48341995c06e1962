"""References of a caller are told the same as the bookmakers of a board with the same prices."""

import pytest

from bet_intel.api.domain.calculator import CalculationError
from bet_intel.api.domain.worth import PriceAnswer, PriceBody, ReferenceBook, worth
from bet_intel.ev_engine.domain.priced import PricedMarket
from fixtures.engine_boards import board
from fixtures.engine_pricing import priced, shares

Prices = dict[str, tuple[float, ...]]
SOUND: Prices = {"a": (1.95, 1.95), "b": (1.97, 1.93), "c": (1.93, 1.97), "d": (1.96, 1.94)}


def asked(books: Prices) -> PriceAnswer:
    return worth(PriceBody(price=2.0, references=tuple(ReferenceBook(name, prices) for name, prices in books.items())))


def on_a_board(books: Prices) -> PricedMarket:
    return priced(board({name: dict(zip("ABCDEFGH", prices, strict=False)) for name, prices in books.items()}))


@pytest.mark.parametrize(
    ("x", "status"),
    [
        ((1.2, 5.0), "outlier_excluded"),
        ((2.925, 2.925), "outlier_excluded"),  # an even price × 1.5, which leaves no margin either
        ((2.02, 2.02), "no_overround"),
        ((1.01, 1.5), "excessive_overround"),
        ((1.94, 1.96), "ok"),
    ],
)
def test_a_reference_is_left_out_for_the_same_reason(x: tuple[float, ...], status: str) -> None:
    books = {**SOUND, "x": x}
    answer, market = asked(books), on_a_board(books)
    assert [one.status for one in answer.references] == ["ok"] * 4 + [status]
    assert [one.status for one in answer.references] == [reason or "ok" for reason in market.fair.left_out]
    assert [one.share for one in answer.references] == pytest.approx(list(shares(market).values()))
    assert answer.fair_probability == pytest.approx(market.fair.consensus[0])


def test_nobody_who_has_no_share_is_said_to_be_sound() -> None:
    """From ten prices of one outcome between 1.05 and 12 on the other's fair one."""
    for odds in (1.05, 1.2, 1.5, 1.8, 1.95, 2.1, 2.5, 3.0, 5.0, 12.0):
        answer = asked({**SOUND, "x": (odds, 1 / (1.04 - 1 / odds))})
        assert all((one.status == "ok") is (one.share > 0.0) for one in answer.references), odds


def test_most_references_of_one_winner_more_are_no_opinions_on_one() -> None:
    books: Prices = {**dict.fromkeys("abc", (1.3, 1.3, 1.3)), "x": (2.8, 2.8, 2.8)}
    assert on_a_board(books).fair.reason == "not_mutually_exclusive"
    with pytest.raises(CalculationError, match=r"not_mutually_exclusive.*more outcomes win than 1.*say in winners"):
        asked(books)
    # One of two is no majority: it is a placeholder.
    fewer: Prices = {"a": books["a"], "x": books["x"]}
    assert [one.status for one in asked(fewer).references] == ["excessive_overround", "ok"]
    assert on_a_board(fewer).fair.left_out == ("excessive_overround", "")
