"""Sentences about spreads: a line is the home side's point, and a bet on the away side has the opposite."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from bet_intel.api.domain.explanation import explain, explain_legs
from bet_intel.api.domain.model import Leg, MarketKey
from bet_intel.api.domain.points import own_point
from bet_intel.api.working import SetWorking
from bet_intel.ev_engine.domain.boards import Board
from fixtures.combination_messages import SIX, Engine
from fixtures.engine_boards import board, line

HOME, AWAY = "Harbour City", "Riverside"


def spread(home: float, away: float, low: Mapping[str, float] | None = None) -> Board:
    """Six bookmakers at the same prices, and the prices of low."""
    books = {name: {HOME: home, AWAY: away} for name in SIX}
    return board(books | ({"low": low} if low else {}))


@pytest.mark.parametrize(
    ("outcome", "low", "verdict"),
    [
        (AWAY, {HOME: 1.8, AWAY: 2.02}, "opportunity"),
        (AWAY, {AWAY: 2.02}, "refused"),
        (AWAY, {HOME: 1.91, AWAY: 1.85}, "no_ev"),
        (HOME, {HOME: 2.02, AWAY: 1.8}, "opportunity"),
        (HOME, {HOME: 2.02}, "refused"),
    ],
)
@pytest.mark.parametrize(("point", "away"), [(-1.5, "+1.5"), (2.5, "-2.5"), (0.0, "+0")])
def test_a_bet_on_the_away_side_has_the_opposite_of_the_line(
    outcome: str, low: Mapping[str, float], verdict: str, point: float, away: str
) -> None:
    key = line("spreads", point)
    found = SetWorking(Engine().tells({key: spread(1.91, 1.91, low)}).data)
    working = found.price(MarketKey(*key), outcome, "low", "consensus")
    assert working is not None
    assert working.verdict == verdict
    own = away if outcome == AWAY else f"{point:+g}"
    assert f" on {outcome} (spreads {own}) in {HOME} v {AWAY}" in explain(working)[0]


def test_lines_that_judge_an_away_side_are_told_as_its_own() -> None:
    lines = {line("spreads", -2.5): spread(2.2, 1.7), line("spreads", -1.5): spread(1.91, 1.91)}
    thin = board({"low": {HOME: 2.0, AWAY: 1.8}})
    told = SetWorking(Engine().tells({**lines, line("spreads", -2.0): thin}).data)
    for outcome, both in ((AWAY, "(+1.5 and +2.5)"), (HOME, "(-1.5 and -2.5)")):
        found = told.price(MarketKey(*line("spreads", -2.0)), outcome, "low", "consensus")
        assert found is not None
        assert any(f"judged by other lines {both}" in sentence for sentence in explain(found))


def test_a_line_that_is_no_spread_is_the_same_for_both() -> None:
    assert own_point("totals", 8.5, "Under", AWAY) == 8.5
    assert own_point("h2h", None, AWAY, AWAY) is None
    assert own_point("alternate_spreads", -1.5, AWAY, AWAY) == 1.5


def leg(outcome: str, point: float, market: str = "spreads") -> Leg:
    return Leg(market, point, "main", outcome, "low", "Low", "back", 1.92, 1.92, None, 0.5, None, None)


def test_the_legs_of_a_middle_have_their_own_points() -> None:
    """Home −1.5 wins above a margin of 1.5, away +2.5 below one of 2.5."""
    both = explain_legs(
        "middle", [leg(HOME, -1.5), leg(AWAY, -2.5)], [Decimal(1)] * 2, (1.04, 0.02), (1.5, 2.5, 0.1), AWAY
    )
    assert both[0] == (
        f"Back {HOME} (-1.5) at 1.92 with Low (50.0 % of the stake); "
        f"back {AWAY} (+2.5) at 1.92 with Low (50.0 % of the stake)."
    )
    total = explain_legs("middle", [leg("Over", 8.5, "totals")], [Decimal(1)], (1.04, 0.02), (8.5, 9.5, 0.1), AWAY)
    assert total[0].startswith("Back Over (8.5) at ")
