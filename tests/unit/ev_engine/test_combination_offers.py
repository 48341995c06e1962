"""Which prices combinations take, and what they are worth where a line returns the stakes or several outcomes win."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey, MarketStatus
from bet_intel.ev_engine.domain.combinations import Combination, Kind
from bet_intel.ev_engine.domain.priced import Side
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Bookmaker, Category, Override, Profile
from bet_intel.odds import Method
from fixtures.engine_boards import AS_OF, H2H, board, boards, line

FAIR = {name: {"Away": 1.91, "Home": 1.91} for name in ("alpha", "beta", "gamma", "delta")}
HIGH = {"low": {"Away": 1.85, "Home": 2.06}, "high": {"Away": 2.04, "Home": 1.85}}
REAL = (("Away", "high", 2.04), ("Home", "low", 2.06))


def found(markets: Mapping[MarketKey, Board], profile: Profile | None = None) -> tuple[Combination, ...]:
    (one,) = price([boards(markets, as_of=AS_OF)], profile or Profile())
    return one.combinations


def legs(one: Combination) -> tuple[tuple[str, str, float], ...]:
    return tuple((leg.market.board.outcomes[leg.outcome], leg.key, leg.price) for leg in one.legs)


@pytest.mark.parametrize(
    "absurd",
    [
        {"Away": 15.0, "Home": 1.01},
        {"Away": 15.0},  # prices one outcome alone, and is asked by nobody
        {"Away": 15.0, "Home": 15.0},
        {"Away": 2.8, "Home": 1.4},
    ],
)
def test_one_absurd_quote_hides_no_arbitrage(absurd: Mapping[str, float]) -> None:
    """1/2.06 + 1/2.04: 2.5 % whatever another bookmaker says; what that one says is told beside it, as suspect."""
    combinations = found({H2H: board({**FAIR, **HIGH, "wrong": absurd})})
    by_legs = {legs(one): one for one in combinations}
    real = by_legs.pop(REAL)
    assert (real.kind, real.ev_class) == (Kind.ARBITRAGE, "marginal")
    assert real.ev == pytest.approx(1 / (1 / 2.06 + 1 / 2.04) - 1)
    assert {(one.kind, one.ev_class) for one in by_legs.values()} == {(Kind.ARBITRAGE, "suspect")}


def test_a_placeholder_with_one_high_price_hides_no_arbitrage() -> None:
    placeholder = {"Away": 2.10, "Home": 1.01}  # 147 % in all
    combinations = found({H2H: board({**FAIR, **HIGH, "wrong": placeholder})})
    assert REAL in [legs(one) for one in combinations]


def test_where_one_bookmaker_is_best_at_everything_the_next_best_is_taken_beside_it() -> None:
    even = {name: {"Away": 1.98, "Home": 1.98} for name in FAIR}
    prices = {**even, "one": {"Away": 2.02, "Home": 1.99}, "two": {"Away": 1.98, "Home": 2.03}}
    (one,) = found({H2H: board({**prices, "best": {"Away": 2.05, "Home": 2.05}})})
    assert legs(one) == (("Away", "best", 2.05), ("Home", "two", 2.03))
    assert one.kind is Kind.ARBITRAGE
    assert one.cost == pytest.approx(1 / 2.05 + 1 / 2.03)


def test_what_is_plausible_in_a_market_is_so_in_its_combinations() -> None:
    strict = Override(market="h2h", bounds={Category.MAIN: {"plausible_ev": 0.01}})
    markets = {H2H: board({**FAIR, **HIGH})}
    assert {one.ev_class for one in found(markets)} == {"marginal"}
    assert {one.ev_class for one in found(markets, replace(Profile(), overrides=(strict,)))} == {"suspect"}


def test_an_exchange_under_two_keys_is_one_bookmaker() -> None:
    """What it asks under one key and pays under the other was there at two times."""
    uk, eu = {"Away": 2.10, "Home": 1.90}, {"Away": 1.90, "Home": 2.16}
    combinations = found({H2H: board({**FAIR, "betfair_ex_uk": uk, "betfair_ex_eu": eu})})
    assert all({leg.key for leg in one.legs} & FAIR.keys() for one in combinations)
    assert Kind.ARBITRAGE in {one.kind for one in found({H2H: board({**FAIR, "one": uk, "two": eu})})}


def test_of_three_outcomes_one_is_taken_elsewhere_where_one_bookmaker_is_best_at_all() -> None:
    fair = {name: {"Away": 2.9, "Draw": 2.9, "Home": 2.9} for name in FAIR}
    (one,) = found({H2H: board({**fair, "best": {"Away": 3.05, "Draw": 3.10, "Home": 3.05}})})
    assert sorted(price for _, _, price in legs(one)) == [2.9, 3.05, 3.10]
    assert one.kind is Kind.ARBITRAGE


def test_an_absurd_quote_hides_no_middle() -> None:
    lower = {name: {"Over": 1 / 0.5665, "Under": 1 / 0.4635} for name in FAIR}
    upper = {name: {"Over": 1 / 0.4532, "Under": 1 / 0.5768} for name in FAIR}
    low = board({**lower, "low": {"Over": 1.92, "Under": 1.9}, "wrong": {"Over": 9.0, "Under": 1.01}})
    high = board({**upper, "high": {"Over": 1.9, "Under": 1.92}})
    middles = [one for one in found({line("totals", 8.5): low, line("totals", 9.5): high}) if one.kind is Kind.MIDDLE]
    assert {legs(one)[0][1]: one.ev_class for one in middles} == {"wrong": "suspect", "low": "take"}
    # At one bookmaker, the next best is taken at the line where that costs less.
    both = {"same": {"Over": 1.93, "Under": 1.85}}, {"same": {"Over": 1.85, "Under": 1.94}}
    low, high = (
        board({**lower, **both[0], "low": {"Over": 1.92, "Under": 1.9}}),
        board({**upper, **both[1], "high": {"Over": 1.9, "Under": 1.90}}),
    )
    (middle,) = (one for one in found({line("totals", 8.5): low, line("totals", 9.5): high}) if one.kind is Kind.MIDDLE)
    assert legs(middle) == (("Over", "low", 1.92), ("Under", "same", 1.94))


# Goals, 1.9 in the mean.
_GOALS = [math.exp(-1.9) * 1.9**x / math.factorial(x) for x in range(30)]


def won(line: float, price: float, goals: int, *, over: bool) -> float:
    """What a unit on a total wins or loses; on a quarter line it is two halves at the lines beside it."""
    if (line * 4) % 2:
        return sum(won(line + step, price, goals, over=over) for step in (-0.25, 0.25)) / 2
    ahead = (goals - line) * (1 if over else -1)
    return price - 1.0 if ahead > 0 else -1.0 if ahead < 0 else 0.0


def total(line: float, better: float) -> Board:
    """A total of these goals by four bookmakers, and by two that are better on one side each."""
    gained = sum(p * max(won(line, 2.0, x, over=True), 0.0) for x, p in enumerate(_GOALS))
    lost = sum(p * max(-won(line, 2.0, x, over=True), 0.0) for x, p in enumerate(_GOALS))
    q = gained / (gained + lost)
    over, under = 1 / (q * 1.04), 1 / ((1 - q) * 1.04)
    return board(
        {
            **{name: {"Over": over, "Under": under} for name in FAIR},
            "low": {"Over": better / q, "Under": 0.8 * under + 0.2},
            "high": {"Over": 0.8 * over + 0.2, "Under": better / (1 - q)},
        }
    )


_ALONE = replace(
    Profile(), method=Method.MULTIPLICATIVE, bookmakers={name: Bookmaker(weight=0.0) for name in ("low", "high")}
)


@pytest.mark.parametrize("better", [1.02, 0.995])
@pytest.mark.parametrize("at", [1.5, 1.75, 2.0, 2.25])
def test_what_covers_a_line_is_worth_what_its_results_are(at: float, better: float) -> None:
    """Every result counted: where the line returns the stakes nothing is won, where it returns half of one, half."""
    halves = {line("totals", half): total(half, 0.9) for half in (1.5, 2.5)}
    (one,) = found({**halves, line("totals", at): total(at, better)}, _ALONE)
    assert one.kind is (Kind.ARBITRAGE if better > 1 else Kind.LOW_HOLD)
    over, under = one.legs
    counted = [
        over.share * won(at, over.price, x, over=True) + under.share * won(at, under.price, x, over=False)
        for x in range(len(_GOALS))
    ]
    assert one.ev == pytest.approx(sum(p * each for p, each in zip(_GOALS, counted, strict=True)), abs=1e-9)
    if better > 1:
        assert min(counted) >= -1e-12


def test_where_nobody_knows_how_often_a_line_returns_the_stake_the_worth_is_of_what_stands() -> None:
    (one,) = found({line("totals", 2.0): total(2.0, 1.02)}, _ALONE)
    assert one.ev == pytest.approx(0.02)


def test_two_of_three_outcomes_win() -> None:
    """Double chance: 1/1.55 + 1/1.60 + 1/1.45 is 1.960 of the 2 that is returned."""
    fair = {name: {"12": 1.44, "1X": 1.44, "X2": 1.38} for name in FAIR}
    best = {
        "low": {"12": 1.55, "1X": 1.40, "X2": 1.36},
        "mid": {"12": 1.40, "1X": 1.60, "X2": 1.36},
        "high": {"12": 1.40, "1X": 1.40, "X2": 1.45},
    }
    loose = replace(Profile(), bounds={key: replace(b, plausible_ev=1.0) for key, b in Profile().bounds.items()})
    (one,) = found({line("double_chance", None): board({**fair, **best})}, loose)
    cost = (1 / 1.55 + 1 / 1.60 + 1 / 1.45) / 2
    assert one.kind is Kind.ARBITRAGE
    assert [one.cost, one.ev] == pytest.approx([cost, 1 / cost - 1])
    for lost in range(3):
        returned = sum(leg.share * leg.net_price for place, leg in enumerate(one.legs) if place != lost)
        assert returned == pytest.approx(1 / cost)
    held = {**best, "low": {"12": 1.40, "1X": 1.40, "X2": 1.36}}
    assert not [one for one in found({line("double_chance", None): board({**fair, **held})}) if one.cost < 1]
    suspended = board({**fair, **best}, status=MarketStatus.SUSPENDED)
    assert found({line("double_chance", None): suspended}) == ()


# A line of 8.5 that is told under two names, best on one side under each.
_FEATURED = board({**{name: {"Over": 1.91, "Under": 1.91} for name in FAIR}, "low": {"Over": 2.06, "Under": 1.85}})
_ALTERNATE = board({**{name: {"Over": 1.90, "Under": 1.90} for name in FAIR}, "high": {"Over": 1.85, "Under": 2.04}})


@pytest.mark.parametrize("featured", ["totals", "player_hits"])
def test_a_line_under_two_names_is_covered_by_the_prices_of_both(featured: str) -> None:
    other = "alternate_totals" if featured == "totals" else "player_hits_alternate"
    (one,) = found({line(featured, 8.5): _FEATURED, line(other, 8.5): _ALTERNATE})
    assert legs(one) == (("Over", "low", 2.06), ("Under", "high", 2.04))
    assert [leg.market.key.market for leg in one.legs] == [featured, other]
    cost = 1 / 2.06 + 1 / 2.04
    assert one.kind is Kind.ARBITRAGE
    assert one.ev == pytest.approx(1 / cost - 1)


def test_it_is_listed_under_the_name_of_its_featured_line() -> None:
    (one,) = found({line("totals", 8.5): _ALTERNATE, line("alternate_totals", 8.5): _FEATURED})
    assert legs(one) == (("Under", "high", 2.04), ("Over", "low", 2.06))
    assert one.market.key.market == "totals"


def test_what_is_the_same_under_both_names_is_found_once() -> None:
    both = board({**FAIR, **HIGH}), board({**FAIR, **HIGH})
    (one,) = found(dict(zip((line("spreads", 0.0), line("alternate_spreads", 0.0)), both, strict=True)))
    assert {leg.market.key.market for leg in one.legs} == {"spreads"}


@pytest.mark.parametrize(
    "other",
    [line("alternate_totals", 9.5), line("alternate_team_totals", 8.5, "Home"), MarketKey("totals", "h1", 8.5, "")],
)
def test_another_line_is_not_the_same_bet(other: MarketKey) -> None:
    combinations = found({line("totals", 8.5): _FEATURED, other: _ALTERNATE})
    assert Kind.ARBITRAGE not in [one.kind for one in combinations]


def test_a_bookmaker_that_beats_itself_under_another_name_is_no_arbitrage() -> None:
    dear = {name: {"Over": 1.80, "Under": 1.80} for name in FAIR}
    one, two = (board({**dear, "same": {"Over": at, "Under": 3.9 - at}}) for at in (2.1, 1.8))
    assert found({line("totals", 8.5): one, line("alternate_totals", 8.5): two}) == ()


_THREE = ("Away", "Draw", "Home")


def laid(matchbook: float) -> Board:
    """Away and Home are laid at 2.9 by one exchange, the draw by another; backing covers nothing."""
    back, lay = ({key: dict.fromkeys(_THREE, at) for key in ("smarkets", "matchbook")} for at in (2.6, 3.2))
    lay["smarkets"] |= {"Away": 2.9, "Home": 2.9}
    lay["matchbook"] |= {"Draw": matchbook}
    return board({**{name: dict.fromkeys(_THREE, 2.6) for name in FAIR}, **back}, lay)


def test_laying_every_outcome_wins_all_lays_but_one() -> None:
    """2.9 net of 2 % returns 1 + .98/1.9 per unit of liability: 3/1.5158 is 1.979 of the 2 that is returned."""
    (one,) = found({H2H: laid(2.9)})
    assert legs(one) == (("Away", "smarkets", 2.9), ("Draw", "matchbook", 2.9), ("Home", "smarkets", 2.9))
    assert {leg.side for leg in one.legs} == {Side.LAY}
    assert one.kind is Kind.ARBITRAGE
    assert one.cost == pytest.approx(3 / (1 + 0.98 / 1.9) / 2)
    assert one.ev == pytest.approx(0.0105, abs=0.00005)
    for won in range(3):
        returned = sum(leg.share * leg.net_price for place, leg in enumerate(one.legs) if place != won)
        assert returned == pytest.approx(1 / one.cost)


def test_lays_that_cost_more_than_they_return_are_a_low_hold_or_nothing() -> None:
    (one,) = found({H2H: laid(3.1)})
    assert (one.kind, one.ev < 0) == (Kind.LOW_HOLD, True)
    assert found({H2H: laid(3.2)}, replace(Profile(), low_hold=0.005)) == ()


def test_where_two_of_three_outcomes_win_one_lay_does() -> None:
    """Double chance laid at 1.4, 1.4 and 1.5: one of the three does not come."""
    outcomes = ("12", "1X", "X2")
    fair = {name: dict.fromkeys(outcomes, 1.44) for name in FAIR}
    back = {key: dict.fromkeys(outcomes, 1.42) for key in ("smarkets", "matchbook")}
    lay = {"smarkets": {"12": 1.45, "1X": 1.45, "X2": 1.6}, "matchbook": {"12": 1.6, "1X": 1.6, "X2": 1.49}}
    loose = replace(Profile(), bounds={key: replace(b, plausible_ev=1.0) for key, b in Profile().bounds.items()})
    combinations = found({line("double_chance", None): board({**fair, **back}, lay)}, loose)
    (one,) = (each for each in combinations if len(each.legs) == 3)
    assert {leg.side for leg in one.legs} == {Side.LAY}
    assert one.cost == pytest.approx(2 / (1 + 0.98 / 0.45) + 1 / (1 + 0.98 / 0.49))
