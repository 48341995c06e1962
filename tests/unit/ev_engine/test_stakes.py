"""How much of a bankroll the opportunities of one event are worth."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.stakes import stakes
from bet_intel.odds import Split, kelly_exclusive, kelly_settled, settlement
from fixtures.engine_boards import H2H, Prices, board, boards, line

WHOLE = Profile(kelly_fraction=1.0, stake_cap=1.0)
BOOKS = ("alpha", "beta", "gamma", "delta", "epsilon")


def agreed(*fair: float) -> dict[str, float]:
    return {name: p ** (-1 / 1.05) for name, p in zip("ABC", fair, strict=False)}


def worth(markets: Mapping[MarketKey, Prices], profile: Profile) -> dict[tuple[str, str, str], float]:
    """(market, outcome, bookmaker) → stake."""
    (event,) = price([boards({key: board(prices) for key, prices in markets.items()})], profile)
    by_key = {market.key: market for market in event.markets}
    named = {}
    for bet, stake in stakes(event.markets, profile).items():
        one = by_key[bet.market].board
        named[bet.market.market, one.outcomes[bet.outcome], one.bookmakers[bet.bookmaker]] = stake
    return named


def test_a_part_of_the_kelly_stake_and_no_more_than_the_cap() -> None:
    # fair(A) = .5; at 2.10 f = .05/1.10
    markets = {H2H: {**dict.fromkeys(BOOKS, agreed(0.5, 0.5)), "soft": {"A": 2.10, "B": 1.75}}}
    full = 0.05 / 1.10
    assert worth(markets, WHOLE) == pytest.approx({("h2h", "A", "soft"): full})
    assert worth(markets, Profile()) == pytest.approx({("h2h", "A", "soft"): full / 4})
    capped = replace(WHOLE, stake_cap=0.01)
    assert worth(markets, capped) == pytest.approx({("h2h", "A", "soft"): 0.01})


def test_outcomes_of_one_market_are_staked_together() -> None:
    fair = (0.4, 0.35, 0.25)
    offers = {"soft": {"A": 2.65, "B": 2.60, "C": 3.4}, "mild": {"A": 2.45, "B": 2.90, "C": 3.4}}
    found = worth({H2H: {**{f"{book}{n}": agreed(*fair) for book in BOOKS for n in range(2)}, **offers}}, WHOLE)
    assert found["h2h", "A", "soft"] > 0
    assert found["h2h", "B", "mild"] > 0
    together = kelly_exclusive(fair[:2], [2.65, 2.90])
    assert [found["h2h", "A", "soft"], found["h2h", "B", "mild"]] == pytest.approx(together, rel=0.05)


def test_all_of_an_event_share_the_cap() -> None:
    soft = {"A": 2.10, "B": 1.75}
    prices = {**dict.fromkeys(BOOKS, agreed(0.5, 0.5)), "soft": soft}
    other = MarketKey("h2h_h1", "full", None, "")
    found = worth({H2H: prices, other: prices}, replace(WHOLE, stake_cap=0.05))
    assert sum(found.values()) == pytest.approx(0.05)
    assert len(set(found.values())) == 1


def test_another_price_of_an_outcome_is_worth_what_it_would_be_in_place_of_the_best() -> None:
    books = {**dict.fromkeys(BOOKS, agreed(0.5, 0.5)), "soft": {"A": 2.10, "B": 1.75}}
    alone = worth({H2H: {**books, "mild": {"A": 2.05, "B": 1.80}}}, WHOLE)
    best, mild = alone["h2h", "A", "soft"], alone["h2h", "A", "mild"]
    assert 0 < mild < best
    # Both are one bet, not two: the cap is that of the best.
    capped = worth({H2H: {**books, "mild": {"A": 2.05, "B": 1.80}}}, replace(WHOLE, stake_cap=best))
    assert capped["h2h", "A", "soft"] == pytest.approx(best)


def test_what_is_suspect_is_worth_no_stake() -> None:
    found = worth({H2H: {**dict.fromkeys(BOOKS, agreed(0.5, 0.5)), "wrong": {"A": 2.6, "B": 1.45}}}, WHOLE)
    assert found == {("h2h", "A", "wrong"): 0.0}


def test_a_quarter_line_is_staked_as_it_is_settled() -> None:
    def total(over: float, soft: dict[str, float] | None = None) -> Prices:
        prices = {"Over": over ** (-1 / 1.05), "Under": (1 - over) ** (-1 / 1.05)}
        return {**dict.fromkeys(BOOKS, prices), **({"soft": soft} if soft else {})}

    over = 0.425 / 0.875  # P(X > 2.5) .55, P(X > 3.5) .30
    offered = {"Over": 2.2, "Under": 1.6}
    markets = {
        line("totals", 2.5): total(0.55),
        line("totals", 3.5): total(0.30),
        line("totals", 2.75): total(over, offered),
    }
    ways = settlement(over, Split.HALF_WON, 0.25)
    assert ways is not None
    assert worth(markets, WHOLE) == pytest.approx({("totals", "Over", "soft"): kelly_settled(ways, 2.2)}, abs=1e-9)


def test_nothing_is_staked_on_nothing() -> None:
    assert worth({H2H: dict.fromkeys(BOOKS, agreed(0.5, 0.5))}, WHOLE) == {}
