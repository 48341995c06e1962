"""Arbitrages, low holds and middles: what is found, what is not, and how they live."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board, BoardUpdate, Confirmation, MarketKey, MarketStatus, apply
from bet_intel.ev_engine.domain.combinations import Combination, Kind
from bet_intel.ev_engine.domain.lives import Life, live_on
from bet_intel.ev_engine.domain.pricing import PricedEvent, price
from bet_intel.ev_engine.domain.profile import Bookmaker, Override, Profile
from bet_intel.odds import Method
from fixtures.engine_boards import AS_OF, H2H, START, board, boards, line

PROFILE = Profile()
FAIR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}

# Above a line of 8.5, or of a margin of 1.5, .55; below 9.5, or 2.5, .56: both with .11.
LOWER, UPPER = (1 / 0.5665, 1 / 0.4635), (1 / 0.4532, 1 / 0.5768)


def priced(markets: Mapping[MarketKey, Board], profile: Profile = PROFILE, seconds: float = 0) -> PricedEvent:
    (one,) = price([boards(markets, as_of=AS_OF + timedelta(seconds=seconds))], profile)
    return one


def only(markets: Mapping[MarketKey, Board], profile: Profile = PROFILE) -> Combination:
    (found,) = priced(markets, profile).combinations
    return found


def legs(found: Combination) -> list[tuple[str, str, str, float | None, float]]:
    return [
        (
            leg.market.board.outcomes[leg.outcome],
            leg.market.board.bookmakers[leg.bookmaker],
            leg.side.value,
            leg.market.key.line,
            leg.price,
        )
        for leg in found.legs
    ]


def test_an_arbitrage_takes_the_best_price_of_each_side() -> None:
    found = only({H2H: board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.08}})})
    assert found.kind is Kind.ARBITRAGE
    assert legs(found) == [("Away", "low", "back", None, 2.06), ("Home", "high", "back", None, 2.08)]
    cost = 1 / 2.06 + 1 / 2.08
    assert (found.cost, found.ev) == pytest.approx((cost, 1 / cost - 1))
    assert [leg.share for leg in found.legs] == pytest.approx([1 / 2.06 / cost, 1 / 2.08 / cost])
    assert found.ev_class == "marginal"


def test_what_a_bookmaker_pays_after_commission_counts() -> None:
    # 2.06 and 2.08 leave 1.1 % of commission on 1.06 and 1.08: with 5 % on one side nothing is left.
    exchange = {"low": {"Away": 2.01, "Home": 1.8}, "betfair_ex_uk": {"Away": 1.8, "Home": 2.04}}
    found = only({H2H: board({**FAIR, **exchange})})
    assert found.kind is Kind.LOW_HOLD
    assert found.legs[1].net_price == pytest.approx(1 + 1.04 * 0.95)
    assert found.ev < 0
    assert found.ev_class == "no_ev"


def test_a_lay_covers_the_opposite() -> None:
    prices = {**FAIR, "high": {"Away": 1.8, "Home": 2.2}}
    found = only({H2H: board(prices, lay={"smarkets": {"Home": 2.0, "Away": 2.1}})})
    assert legs(found) == [("Home", "smarkets", "lay", None, 2.0), ("Home", "high", "back", None, 2.2)]
    assert found.legs[0].net_price == pytest.approx(1 + 0.98 / 1.0)
    assert found.cost == pytest.approx(1 / 1.98 + 1 / 2.2)


def test_of_three_outcomes_all_are_covered_or_one_is_backed_and_laid() -> None:
    fair = {name: {"Away": 2.8, "Draw": 3.2, "Home": 2.6} for name in ("alpha", "beta", "gamma", "delta")}
    soft = {"low": {"Away": 3.1, "Draw": 3.0, "Home": 2.4}, "high": {"Away": 2.6, "Draw": 3.1, "Home": 2.9}}
    found = only({H2H: board({**fair, **soft})})
    assert [leg[:2] for leg in legs(found)] == [("Away", "low"), ("Draw", "alpha"), ("Home", "high")]
    assert found.cost == pytest.approx(1 / 3.1 + 1 / 3.2 + 1 / 2.9)
    again = priced({H2H: board({**fair, **soft}, lay={"smarkets": {"Away": 3.0}})}).combinations
    assert {one.kind for one in again} == {Kind.ARBITRAGE}
    assert sorted(len(one.legs) for one in again) == [2, 3]


def test_one_bookmaker_that_beats_itself_is_no_arbitrage() -> None:
    assert priced({H2H: board({"odd": {"Away": 2.2, "Home": 2.2}})}).combinations == ()
    low = {name: {"Away": 1.75, "Home": 1.75} for name in FAIR}
    assert priced({H2H: board({**low, "odd": {"Away": 2.2, "Home": 2.2}})}).combinations == ()
    # With any other it is one; that 2.2 can be had beside 1.91 is hardly true.
    found = only({H2H: board({**FAIR, "odd": {"Away": 2.2, "Home": 2.2}})})
    assert (len({leg.key for leg in found.legs}), found.ev_class) == (2, "suspect")


def test_stale_prices_suspended_markets_and_started_events_have_no_part_in_it() -> None:
    prices = {**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.08}}
    assert only({H2H: board(prices, ages={"high": 700})}).kind is Kind.LOW_HOLD
    assert priced({H2H: board(prices, status=MarketStatus.SUSPENDED)}).combinations == ()
    (late,) = price([boards({H2H: board(prices)}, as_of=START)], PROFILE)
    assert late.combinations == ()


def test_an_arbitrage_survives_rounding_or_is_none() -> None:
    prices = {**FAIR, "low": {"Away": 2.005, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.0}}
    assert only({H2H: board(prices)}).kind is Kind.ARBITRAGE
    assert priced({H2H: board(prices)}, replace(PROFILE, stake=Decimal(3))).combinations == ()
    market = board(prices)
    market.limit[0, market.bookmakers.index("low")] = 1.5
    assert priced({H2H: market}).combinations == ()


def test_of_a_lay_the_liability_of_its_limit_is_what_can_be_staked() -> None:
    """Backed at 2.16 and laid at 2.04, where those who back take 20 of it: 20.80 of liability."""
    market = board({**FAIR, "low": {"Away": 1.8, "Home": 2.16}}, lay={"smarkets": {"Home": 2.04}})
    limited = replace(market, lay_limit=np.where(np.isnan(market.lay), np.nan, 20.0))
    assert {leg.key: leg.limit for leg in only({H2H: limited}).legs}["smarkets"] == 20.8
    for told, most in ((market, math.nan), (limited, 20.8)):
        state = boards({H2H: told})
        again = {H2H: Confirmation(1, dict.fromkeys(told.bookmakers, 0))}
        confirmed = apply(state, BoardUpdate(state.event, AS_OF, 2, {}, {}, again))
        assert confirmed is not None
        (lay,) = [leg for leg in only(confirmed.boards).legs if leg.side.value == "lay"]
        assert lay.limit == pytest.approx(most, nan_ok=True)
    # Below one step of who backs it nothing can be placed.
    tiny = replace(market, lay_limit=np.where(np.isnan(market.lay), np.nan, 0.9))
    assert priced({H2H: tiny}).combinations == ()


NARROW = board({**FAIR, "low": {"Away": 2.005, "Home": 1.8}, "high": {"Away": 1.8, "Home": 2.0}})


def stepped(stake_steps: Mapping[str, str], *overrides: Override) -> Profile:
    return replace(PROFILE, stake_steps={key: Decimal(step) for key, step in stake_steps.items()}, overrides=overrides)


@pytest.mark.parametrize(
    ("stake_steps", "steps"),
    [
        ({}, ["1", "1"]),
        ({"low": "300"}, ["300", "1"]),
        ({"low": "0.01", "h*": "5"}, ["0.01", "5"]),
        # The whole key goes before its beginnings, of which the longest goes before the others.
        ({"*": "300", "l*": "5", "hi*": "0.5", "high": "2", "high*": "7"}, ["5", "2"]),
        ({"*": "300"}, None),
        ({"low": "300", "h*": "300"}, None),
    ],
)
def test_stakes_are_rounded_to_what_each_bookmaker_takes(
    stake_steps: Mapping[str, str], steps: list[str] | None
) -> None:
    """2.005 and 2.000 at the same stake win nothing where the second wins: with steps of 300 there is no other."""
    found = priced({H2H: NARROW}, stepped(stake_steps)).combinations
    if steps is None:
        assert found == ()
    else:
        (one,) = found
        assert [str(leg.step) for leg in one.legs] == steps


def test_a_step_holds_where_its_override_does() -> None:
    coarse = {"low": Decimal(300), "high": Decimal(300)}
    h2h, totals = Override(market="h2h", stake_steps=coarse), Override("baseball_mlb", "totals", stake_steps=coarse)
    assert priced({H2H: NARROW}, stepped({}, h2h)).combinations == ()
    assert [leg.step for leg in only({H2H: NARROW}, stepped({"low": "5"}, totals)).legs] == [5, 1]
    # Of what is said nowhere else the profile's stands, of several overrides the last one.
    fine = Override(stake_steps={"high": Decimal("0.5")})
    assert [leg.step for leg in only({H2H: NARROW}, stepped({}, h2h, fine)).legs] == [300, Decimal("0.5")]


def test_of_a_lay_the_liability_is_rounded_to_the_step_of_who_backs_it() -> None:
    """Backed at 2.06, and laid at 2.03 and so for 1.03 of liability each: 1.951 net, 0.2 % in all."""
    prices = {**FAIR, "high": {"Away": 1.8, "Home": 2.06}}
    market = {H2H: board(prices, lay={"smarkets": {"Home": 2.03}})}
    (lay, back) = only(market, stepped({"smarkets": "2", "high": "3"})).legs
    assert [(leg.side.value, str(leg.step)) for leg in (lay, back)] == [("lay", "2"), ("back", "3")]
    # 400 of who backs is 412 of liability, which wins 392: less than the 400 that are lost at the other, but in steps
    # of 1 these are fewer.
    assert priced(market, stepped({"smarkets": "400", "high": "400"})).combinations == ()
    assert only(market, stepped({"smarkets": "400", "high": "1"})).kind is Kind.ARBITRAGE
    # 500 of who backs is 515, and with what covers it more than the 1000 in all.
    assert priced(market, stepped({"smarkets": "500", "high": "1"})).combinations == ()


def test_a_middle_has_the_steps_of_each_lines_market() -> None:
    lower, upper = sides("Over", "Under")
    profile = stepped(
        {"low": "5"}, Override(market="alternate_totals", stake_steps={"low": Decimal(9), "*": Decimal(7)})
    )
    (middle,) = (
        one
        for one in priced({line("totals", 8.5): lower, line("alternate_totals", 9.5): upper}, profile).combinations
        if one.kind is Kind.MIDDLE
    )
    assert [leg.step for leg in middle.legs] == [5, 7]


def test_one_price_too_good_to_be_true_makes_it_suspect() -> None:
    found = only({H2H: board({**FAIR, "wrong": {"Away": 1.2, "Home": 3.1}})})
    assert (found.kind, found.ev_class) == (Kind.ARBITRAGE, "suspect")


def sides(above: str, below: str) -> tuple[Board, Board]:
    """The boards of the lower and of the upper line, with one bookmaker that is better at each."""
    lower = {name: dict(zip((above, below), LOWER, strict=True)) for name in FAIR}
    upper = {name: dict(zip((above, below), UPPER, strict=True)) for name in FAIR}
    return (
        board({**lower, "low": {above: 1.92, below: 1.9}}),
        board({**upper, "high": {above: 1.9, below: 1.92}}),
    )


def middles(markets: Mapping[MarketKey, Board]) -> list[Combination]:
    return [one for one in priced(markets).combinations if one.kind is Kind.MIDDLE]


def test_a_middle_has_its_lines_apart_in_the_right_direction() -> None:
    lower, upper = sides("Over", "Under")
    assert len(middles({line("player_hits", 8.5): lower, line("player_hits_alternate", 9.5): upper})) == 1
    (middle,) = middles({line("totals", 8.5): lower, line("alternate_totals", 9.5): upper})
    assert legs(middle) == [("Over", "low", "back", 8.5, 1.92), ("Under", "high", "back", 9.5, 1.92)]
    assert middle.window is not None
    assert (middle.window.low, middle.window.high) == (8.5, 9.5)
    assert middles({line("totals", 9.5): lower, line("totals", 8.5): upper}) == []
    # Of another player, or another period, it is no middle.
    assert middles({line("hits", 8.5, "A. Rivers"): lower, line("hits", 9.5, "B. Rivers"): upper}) == []


def test_the_band_has_the_probability_that_the_fair_prices_leave_it() -> None:
    lower, upper = sides("Over", "Under")
    (middle,) = middles({line("totals", 8.5): lower, line("totals", 9.5): upper})
    fair = [leg.fair for leg in middle.legs]
    assert fair == pytest.approx([0.55, 0.56], abs=0.005)
    assert middle.window is not None
    assert middle.window.probability == pytest.approx(sum(fair) - 1)
    assert middle.ev == pytest.approx(sum(fair) * 1.92 / 2 - 1)
    assert middle.cost == pytest.approx(2 / 1.92)
    assert middle.ev_class == "take"


def test_a_spread_is_a_middle_where_the_home_side_gives_less_than_the_away_side_takes() -> None:
    giving, taking = sides("Harbour City", "Riverside")
    # Home −1.5 wins above a margin of 1.5; away +2.5 (the market of home −2.5) wins below 2.5.
    (middle,) = middles({line("spreads", -1.5): giving, line("spreads", -2.5): taking})
    assert middle.window is not None
    assert (middle.window.low, middle.window.high) == (1.5, 2.5)
    assert [leg[0] for leg in legs(middle)] == ["Harbour City", "Riverside"]


# Goals, 1.9 in the mean.
_GOALS = [math.exp(-1.9) * 1.9**x / math.factorial(x) for x in range(30)]
_LINES = (0.5, 1.0, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0, 4.5)
_UNHEARD = {name: Bookmaker(weight=0.0) for name in ("low", "high")}
_EVEN = replace(PROFILE, method=Method.MULTIPLICATIVE, middle_cost=0.6, bookmakers=_UNHEARD)


def counted(line: float, price: float, *, over: bool) -> list[float]:
    """What a bet wins or loses at each result; on a quarter line it is two of half the stake at its neighbours."""
    if (line * 4) % 2:
        halves = [counted(line + step, price, over=over) for step in (-0.25, 0.25)]
        return [sum(pair) / 2 for pair in zip(*halves, strict=True)]
    ahead = [(x - line) * (1 if over else -1) for x in range(len(_GOALS))]
    return [price - 1.0 if lead > 0 else -1.0 if lead < 0 else 0.0 for lead in ahead]


def fair_over(line: float) -> float:
    """The fair probability of over `line` where the stake stands: a price of its inverse wins nothing in the mean."""
    gained, lost = (
        sum(p * step for p, won in zip(_GOALS, counted(line, 2.0, over=True), strict=True) if (step := won * sign) > 0)
        for sign in (1, -1)
    )
    return gained / (gained + lost)


def every_total(better: float = 1.02) -> dict[MarketKey, Board]:
    """Totals of these goals by four bookmakers, and by two that are better on one side each."""
    markets = {}
    for at in _LINES:
        q = fair_over(at)
        over, under = 1.0 / (q * 1.04), 1.0 / ((1.0 - q) * 1.04)
        low, high = (
            {"Over": better / q, "Under": 0.8 * under + 0.2},
            {"Over": 0.8 * over + 0.2, "Under": better / (1.0 - q)},
        )
        markets[line("totals", at)] = board(
            {**{name: {"Over": over, "Under": under} for name in FAIR}, "low": low, "high": high}
        )
    return markets


def test_middles_of_whole_half_and_quarter_lines_are_worth_what_their_results_are() -> None:
    found = {
        (one.legs[0].market.key.line, one.legs[1].market.key.line): one
        for one in priced(every_total(), _EVEN).combinations
        if one.kind is Kind.MIDDLE
    }
    for (over, under), middle in found.items():
        assert over is not None
        assert under is not None
        assert middle.window is not None
        first, second = (leg.price for leg in middle.legs)
        bets = list(zip(counted(over, first, over=True), counted(under, second, over=False), strict=True))
        shares = [leg.share for leg in middle.legs]
        ev = sum(p * (shares[0] * one + shares[1] * two) for p, (one, two) in zip(_GOALS, bets, strict=True))
        assert middle.ev == pytest.approx(ev, abs=1e-9)
        both = [x for x, (one, two) in enumerate(bets) if one == first - 1.0 and two == second - 1.0]
        assert (middle.window.low, middle.window.high) == (both[0] - 0.5, both[-1] + 0.5)
        assert middle.window.probability == pytest.approx(sum(_GOALS[x] for x in both), abs=1e-9)
    assert found.keys() >= {(1.5, 2.5), (1, 2.5), (1.75, 3.5), (2, 4), (2.25, 3.5), (1.5, 2.75)}
    assert found.keys().isdisjoint({(3, 3.5), (2.5, 3), (2.75, 3.25), (2, 2.5), (2.25, 3.25)})


def test_without_the_half_lines_that_tell_its_push_a_whole_line_has_no_middle() -> None:
    markets = every_total()
    known = priced(
        {key: markets[key] for key in (line("totals", 2.0), line("totals", 2.5), line("totals", 4.5))}, _EVEN
    )
    unknown = priced({key: markets[key] for key in (line("totals", 2.0), line("totals", 4.5))}, _EVEN)
    wanted = (2, 4.5)
    for event, there in ((known, True), (unknown, False)):
        pairs = {
            tuple(leg.market.key.line for leg in one.legs) for one in event.combinations if one.kind is Kind.MIDDLE
        }
        assert (wanted in pairs) == there


def _life(markets: Mapping[MarketKey, Board], seconds: float, lives: list[Life]) -> tuple[list[Life], list[Life]]:
    fresh = {key: replace(one, updated_us=one.updated_us + round(seconds * 1e6)) for key, one in markets.items()}
    change = live_on({life.key: life for life in lives}, (priced(fresh, seconds=seconds),))
    return [life for life, one in change.combined if one.combination.kind is Kind.ARBITRAGE], change.closed


def test_it_opens_is_seen_closes_with_a_reason_and_opens_again() -> None:
    def offered(home: float | None) -> dict[MarketKey, Board]:
        soft = {"Away": 1.8} if home is None else {"Away": 1.8, "Home": home}
        return {H2H: board({**FAIR, "low": {"Away": 2.06, "Home": 1.8}, "high": soft})}

    (first,), _ = _life(offered(2.08), 0, [])
    (higher,), _ = _life(offered(2.10), 60, [first])
    assert (higher.id, higher.opening, higher.peak_ev) == (first.id, 1, higher.ev)
    assert higher.ev > first.ev
    _, closed = _life(offered(1.85), 120, [higher])
    assert [life.close_reason for life in closed if life.id == first.id] == ["prices_moved"]
    _, gone = _life(offered(None), 120, [higher])
    assert [life.close_reason for life in gone if life.id == first.id] == ["withdrawn"]
    (again,), _ = _life(offered(2.08), 180, [closed[0]])
    assert (again.id, again.opening, again.first_seen) == (first.id, 2, AS_OF)


def test_nothing_is_found_where_nobody_offers_anything() -> None:
    empty = replace(board(FAIR), back=np.full((2, 4), np.nan))
    assert priced({H2H: empty}).combinations == ()
