"""Who was asked about a price, and who was not, whatever became of it."""

import pytest

from bet_intel.api.domain.explanation import explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.working import PriceWorking
from bet_intel.api.working import SetWorking
from fixtures.combination_messages import FAIR, Engine
from fixtures.engine_boards import H2H, board

ABSURD = board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 2.9, "Home": 2.86}})
"""What high asks for adds up to 69 %: two prices of half as much again."""


def working(outcome: str, bookmaker: str) -> PriceWorking:
    told = SetWorking(Engine().tells({H2H: ABSURD}).data)
    found = told.price(MarketKey(*H2H), outcome, bookmaker, "consensus")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("outcome", "bookmaker", "verdict"),
    [("Away", "low", "opportunity"), ("Home", "low", "no_ev"), ("Home", "a", "no_ev")],
)
def test_prices_without_margin_that_are_far_off_are_an_outlier_of_every_price(
    outcome: str, bookmaker: str, verdict: str
) -> None:
    found = working(outcome, bookmaker)
    assert found.verdict == verdict
    outliers = {one.bookmaker: one.left_out_reason for one in found.bookmakers if one.leave_one_out_outlier}
    assert outliers == {"high": "outlier_excluded"}
    assert "Not asked: High, because it is too far from the others." in explain(found)


def test_a_price_of_an_outlier_says_that_the_consensus_is_without_it() -> None:
    found = working("Away", "high")
    assert (found.verdict, found.class_) == ("opportunity", "suspect")
    (fair,) = (sentence for sentence in explain(found) if sentence.startswith("Pooled"))
    assert fair.endswith("the consensus is 50.0 %, also without High, because it is too far from the others.")
