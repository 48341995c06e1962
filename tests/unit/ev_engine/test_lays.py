"""Prices to lay: judged net of commission, per unit of liability, and staked."""

import math
from dataclasses import replace
from itertools import product

import pytest

from bet_intel.ev_engine.domain.legs import Leg
from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket, Side
from bet_intel.ev_engine.domain.pricing import PricedEvent, price
from bet_intel.ev_engine.domain.profile import STARTING, Profile
from bet_intel.ev_engine.domain.stakes import Bet, kelly_alone, stakes
from bet_intel.ev_engine.wire_sets import opportunities_updated
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds import Method, lay_expected_value
from bet_intel.shared.columns import read
from fixtures.engine_boards import H2H, Prices, board, boards, only_market

PROFILE = Profile()
FOUR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}
EXCHANGE = {"smarkets": {"Away": 1.80, "Home": 1.90}}
# Home is even by the others. Laying it at 1.90: 1 + .98/.90 = 2.0889 net against it, EV = .5 · 2.0889 − 1 = +4.44 %.
LAY = {"smarkets": {"Away": 2.10, "Home": 1.90}}


def market(back: Prices, lay: Prices, profile: Profile = PROFILE) -> PricedMarket:
    return only_market(price([boards({H2H: board(back, lay)})], profile))


def laid(priced: PricedMarket) -> dict[str, Priced]:
    return {priced.board.outcomes[one.outcome]: one for one in priced.opportunities if one.side is Side.LAY}


def test_a_lay_below_fair_odds_is_worth_its_ev_after_commission() -> None:
    one = laid(market({**FOUR, **EXCHANGE}, LAY))["Home"]
    assert one.price == 1.90
    assert (one.fair, one.wins) == pytest.approx((0.5, 0.5))
    assert one.net_price == pytest.approx(1 + 0.98 / 0.90)
    assert one.ev == pytest.approx(lay_expected_value(0.5, 1.90, 0.02)) == pytest.approx(0.044444, abs=1e-6)
    assert one.judgement.ev_class == "marginal"
    assert one.ev_worst == pytest.approx(lay_expected_value(one.band_high, 1.90, 0.02))


def test_a_lay_that_costs_more_than_it_is_worth_is_none() -> None:
    assert set(laid(market({**FOUR, **EXCHANGE}, LAY))) == {"Home"}
    assert laid(market({**FOUR, **EXCHANGE}, {"smarkets": {"Away": 2.10, "Home": 1.99}})) == {}


def test_a_lay_is_refused_by_the_same_gates() -> None:
    priced = market({**FOUR, **EXCHANGE}, {"smarkets": {"Home": 1.90}})
    assert laid(priced) == {}
    assert priced.refused_lays["Home", "smarkets"] == "incomplete_market"
    assert ("Home", "smarkets") not in priced.refused


def test_conservative_judges_a_lay_by_the_high_end_of_the_band() -> None:
    six = {**FOUR, "epsilon": FOUR["alpha"], "zeta": FOUR["alpha"]}
    long_shot = {name: {"Away": 1.20, "Home": 4.60} for name in six}
    lay = {"smarkets": {"Away": 1.28, "Home": 3.60}}
    back = {**long_shot, "smarkets": {"Away": 1.26, "Home": 3.50}}
    usual = laid(market(back, lay))["Home"]
    careful = laid(market(back, lay, STARTING["conservative"]))["Home"]
    assert careful.fair == usual.band_high > usual.fair
    assert careful.ev == pytest.approx(usual.ev_worst)


def test_the_method_of_the_worst_case_judges_a_lay_by_the_highest_probability_over_the_methods() -> None:
    long_shot = {name: {"Away": 1.20, "Home": 4.60} for name in FOUR}
    lay = {"smarkets": {"Away": 1.28, "Home": 3.60}}
    back = {**long_shot, "smarkets": {"Away": 1.26, "Home": 3.50}}
    usual = laid(market(back, lay))["Home"]
    worst = laid(market(back, lay, replace(PROFILE, method=Method.WORST_CASE)))["Home"]
    assert worst.fair == pytest.approx(usual.band_high, abs=1e-12)
    assert worst.ev == worst.ev_worst == pytest.approx(usual.ev_worst, abs=1e-12)
    assert worst.confidence < usual.confidence


def test_a_leg_that_lays_is_held_against_the_highest_probability_by_the_worst_case() -> None:
    prices = {name: {"Away": 2.8, "Draw": 3.2, "Home": 2.6} for name in FOUR}
    boards_ = boards(
        {H2H: board({**prices, "high": {"Away": 3.1, "Draw": 3.2, "Home": 2.3}}, {"smarkets": {"Away": 3.0}})}
    )
    ((usual,), (worst,)) = (
        price([boards_], profile) for profile in (PROFILE, replace(PROFILE, method=Method.WORST_CASE))
    )

    def lay_leg(event: PricedEvent) -> Leg:
        return next(leg for one in event.combinations for leg in one.legs if leg.side is Side.LAY)

    assert lay_leg(worst).fair < lay_leg(usual).fair


def test_a_lay_of_one_of_two_outcomes_is_staked_as_a_bet_on_the_other() -> None:
    priced = market({**FOUR, **EXCHANGE}, LAY)
    one = laid(priced)["Home"]
    stake = stakes([priced], PROFILE)[Bet(H2H, one.outcome, one.bookmaker, Side.LAY)]
    assert stake == pytest.approx(0.25 * one.ev / (one.net_price - 1))


def test_lays_of_three_outcomes_are_staked_within_the_cap() -> None:
    three = {name: {"Away": 2.85, "Draw": 2.85, "Home": 2.85} for name in FOUR}
    back = {**three, "smarkets": {"Away": 2.60, "Draw": 2.60, "Home": 2.60}}
    lay = {"smarkets": {"Away": 2.70, "Draw": 2.70, "Home": 2.70}}
    priced = market(back, lay)
    assert set(laid(priced)) == {"Away", "Draw", "Home"}
    worth = stakes([priced], PROFILE)
    assert all(stake > 0 for stake in worth.values())
    assert sum(worth.values()) <= PROFILE.stake_cap + 1e-12


def test_lays_of_three_outcomes_are_staked_together_with_what_is_backed() -> None:
    """Home backed at 2.15 wins by one result, the lays of Away and Draw by that and by another."""
    fair = {"Home": 1.95, "Away": 3.8, "Draw": 3.4}
    back = {**dict.fromkeys(FOUR, fair), "soft": {"Home": 2.15, "Away": 3.6, "Draw": 3.3}}
    back["smarkets"] = {"Home": 1.95, "Away": 3.5, "Draw": 3.3}
    priced = market(back, {"smarkets": {"Home": 2.1, "Away": 3.55, "Draw": 3.45}})
    whole = replace(PROFILE, kelly_fraction=1.0, stake_cap=1.0)
    ones = {(priced.board.outcomes[one.outcome], one.side): one for one in priced.opportunities}
    worth = {(priced.board.outcomes[bet.outcome], bet.side): stake for bet, stake in stakes([priced], whole).items()}
    home, away, draw = ("Home", Side.BACK), ("Away", Side.LAY), ("Draw", Side.LAY)
    assert worth.keys() == {home, away, draw}
    p = [ones[bet].fair for bet in (home, away, draw)]

    def grown(f: list[float]) -> float:
        won, lost = [stake * (ones[bet].net_price - 1) for bet, stake in zip((home, away, draw), f, strict=True)], f
        ends = [won[0] + won[1] + won[2], won[2] - lost[0] - lost[1], won[1] - lost[0] - lost[2]]
        other = won[1] + won[2] - lost[0]
        likely = zip([*p, max(1 - sum(p), 0.0)], [*ends, other], strict=True)
        return sum(one / max(sum(p), 1.0) * math.log1p(end) for one, end in likely)

    ours = [worth[bet] for bet in (home, away, draw)]
    alone = [kelly_alone(priced, ones[bet]) for bet in (home, away, draw)]
    assert grown(ours) > grown(alone) + 0.002
    grid = [step / 50 for step in range(16)]
    assert grown(ours) > max(grown([*f]) for f in product(grid, repeat=3)) - 1e-6


def test_a_set_tells_the_side_and_what_its_ev_is_per_unit_of() -> None:
    (priced,) = price([boards({H2H: board({**FOUR, **EXCHANGE}, LAY)})], PROFILE)
    change = live_on({}, (priced,))
    body = OpportunitiesUpdated.FromString(opportunities_updated((priced,), change, 1).data)
    tables = read(body)
    assert tables["opportunities"]["side"].tolist() == [1]
    assert [body.strings[row] for row in tables["terms"]["per_s"]] == ["liability"]
    (life, _) = change.open[0]
    assert life.key.endswith("\x1flay")
    # Another pass sees the same one; without the lay price it is over.
    (again,) = price([boards({H2H: board({**FOUR, **EXCHANGE}, LAY)})], PROFILE)
    assert [seen.id for seen, _ in live_on({life.key: life}, (again,)).open] == [life.id]
    (gone,) = price([boards({H2H: board({**FOUR, **EXCHANGE})})], PROFILE)
    assert [ended.close_reason for ended in live_on({life.key: life}, (gone,)).closed] == ["withdrawn"]
