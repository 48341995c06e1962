"""What prices have to pass to be a leg: of a middle every gate but that of its own EV."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.combinations import Combination, Kind
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from fixtures.engine_boards import AS_OF, board, boards, line

# Of these no line is judged by another.
LOW, HIGH = line("player_hits", 8.5, "A. Rivers"), line("player_hits", 9.5, "A. Rivers")
NAMES = ("alpha", "beta", "gamma", "delta")
# Over 8.5 has .55, under 9.5 .56: both win with .11.
LOWER = {"Over": 1 / 0.5665, "Under": 1 / 0.4635}
UPPER = {"Over": 1 / 0.4532, "Under": 1 / 0.5768}


def combined(markets: Mapping[MarketKey, Board], profile: Profile | None = None) -> list[Combination]:
    (one,) = price([boards(markets, as_of=AS_OF)], profile or Profile())
    return list(one.combinations)


def middles(markets: Mapping[MarketKey, Board], profile: Profile | None = None) -> list[tuple[str, ...]]:
    """Who has the legs of each."""
    return [tuple(leg.key for leg in one.legs) for one in combined(markets, profile) if one.kind is Kind.MIDDLE]


def lower(
    names: tuple[str, ...] = NAMES, age: float = 0.0, others: Mapping[str, Mapping[str, float]] | None = None
) -> Board:
    prices = {**dict.fromkeys(names, LOWER), "low": {"Over": 1.92, "Under": 1.9}, **(others or {})}
    return board(prices, ages=dict.fromkeys(prices, age))


def upper(names: tuple[str, ...] = NAMES, ages: Mapping[str, float] | None = None, high: float = 1.92) -> Board:
    return board({**dict.fromkeys(names, UPPER), "high": {"Over": 1.7, "Under": high}}, ages=ages)


def test_legs_that_hardly_anybody_else_prices_are_no_middle() -> None:
    """Each leg is judged by one other bookmaker: as a single bet it is refused, `too_few_books`."""
    assert middles({LOW: lower(), HIGH: upper()}) == [("low", "high")]
    assert middles({LOW: lower(("alpha",)), HIGH: upper(("alpha",))}) == []
    assert middles({LOW: lower(), HIGH: upper(("alpha",))}) == []
    assert middles({LOW: lower(), HIGH: upper(("alpha",))}, replace(Profile(), min_references=1)) == [("low", "high")]


def test_legs_of_lines_that_the_others_disagree_on_are_no_middle() -> None:
    apart = {
        name: {"Over": over, "Under": 1 / (1.03 - 1 / over)}
        for name, over in zip(NAMES, (1.45, 1.5, 1.85, 1.9), strict=True)
    }
    assert middles({LOW: lower(others=apart), HIGH: upper()}) == []
    assert middles({LOW: lower(others=apart), HIGH: upper()}, replace(Profile(), dispersion=0.6)) == [("low", "high")]


@pytest.mark.parametrize(("age", "there"), [(290.0, True), (310.0, False)])
def test_a_line_that_was_told_long_before_the_other_makes_no_middle(age: float, there: bool) -> None:
    assert bool(middles({LOW: lower(age=age), HIGH: upper()})) == there
    # Both are as old.
    every = (*NAMES, "high")
    assert middles({LOW: lower(age=age), HIGH: upper(ages=dict.fromkeys(every, age))})


def test_what_a_gate_refuses_hides_no_other_middle() -> None:
    one_side = {"Over": 1.93}
    assert middles({LOW: lower(others={"odd": one_side}), HIGH: upper()}) == [("low", "high")]


def test_a_price_of_another_time_hides_no_other_middle() -> None:
    """At either line everything is within 300 s, but the best over is 400 s older than any under."""
    below = {**dict.fromkeys(NAMES, LOWER), "low": {"Over": 1.92, "Under": 1.9}, "early": {"Over": 1.94, "Under": 1.9}}
    ages = dict.fromkeys(below, 250.0) | {"early": 400.0}
    assert middles({LOW: board(below, ages=ages), HIGH: upper()}) == [("low", "high")]


def test_a_leg_that_is_worth_less_than_it_costs_may_be_one_of_a_middle() -> None:
    (one,) = (
        each
        for each in combined({LOW: lower(others={"low": {"Over": 1.81, "Under": 2.0}}), HIGH: upper(high=2.02)})
        if each.kind is Kind.MIDDLE
    )
    assert min(leg.ev for leg in one.legs) < 0 < one.ev


def test_a_price_under_another_name_is_in_step_or_covers_nothing() -> None:
    even = {name: {"Over": 1.91, "Under": 1.91} for name in NAMES}
    featured = board({**even, "low": {"Over": 2.06, "Under": 1.85}})
    for age, kinds in ((290.0, [Kind.ARBITRAGE]), (310.0, [Kind.LOW_HOLD])):
        prices = {**even, "high": {"Over": 1.85, "Under": 2.04}}
        other = board(prices, ages=dict.fromkeys(prices, age))
        found = combined({LOW: featured, line("player_hits_alternate", 8.5, "A. Rivers"): other})
        assert [one.kind for one in found] == kinds
        # What is left is of the one name alone.
        assert len({leg.market.key for one in found for leg in one.legs}) == (2 if age < 300 else 1)
