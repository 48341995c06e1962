"""What is told of combinations whose line returns stakes, or of whose legs several win: true at every result."""

from collections.abc import Mapping
from dataclasses import replace as replaced
from decimal import Decimal

import msgspec
import pytest

from bet_intel.api.answers import Combination
from bet_intel.api.combination_members import Staking, shown
from bet_intel.api.domain.combinations import changed
from bet_intel.api.wire import opportunity_set
from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.profile import Profile
from fixtures.combination_messages import SIX, Engine
from fixtures.engine_boards import board, line

HOME, AWAY = "Harbour City", "Riverside"


def some(amount: Decimal | None) -> Decimal:
    assert amount is not None
    return amount


def seen(markets: Mapping[MarketKey, Board], staking: Staking | None = None) -> dict[float | None, Combination]:
    """What is told of the kinds that cover one line, by the line."""
    of = opportunity_set(Engine(Profile()).tells(markets).data)
    told = [msgspec.json.decode(msgspec.json.encode(entry.payload)) for entry in changed({}, [of]).entries]
    every = [one for entry in told if (one := shown(entry, "decimal", staking or Staking())) is not None]
    return {one.legs[0].market.line: one for one in every if one.kind != "middle"}


def sides(first: str, second: str, best: tuple[float, float], fair: tuple[float, float] = (1.91, 1.91)) -> Board:
    fairs = {name: dict(zip((first, second), fair, strict=True)) for name in SIX}
    return board({**fairs, "low": {first: best[0], second: 1.5}, "high": {first: 1.5, second: best[1]}})


def test_on_a_whole_line_nothing_is_certain() -> None:
    one = seen({line("totals", 6.0): sides("Over", "Under", (2.08, 2.00))})[6.0]
    assert [str(leg.profit) for leg in one.legs] == ["19.20", "20.00"]
    assert str(one.stakes.worst_profit) == "0.00"
    assert one.explanation[-1] == (
        "Where one leg wins +2.0 % of the stake is won, before rounding; where the result is the line itself every "
        "stake comes back and nothing is won, and how often is not known."
    )


def test_where_it_is_known_how_often_a_line_returns_the_stakes_the_mean_is_told() -> None:
    halves = {
        line("totals", 5.5): sides("Over", "Under", (1.7, 1.9), (1.71, 2.15)),
        line("totals", 6.5): sides("Over", "Under", (1.9, 1.7), (2.15, 1.71)),
    }
    one = seen({**halves, line("totals", 6.0): sides("Over", "Under", (2.08, 2.00))})[6.0]
    # Over 5.5 and under 6.5 with about .561 each: .123 of the results are 6.
    assert one.ev == pytest.approx((1 - 0.123) * (1 / one.cost - 1), rel=0.002)
    assert one.explanation[-1].endswith("nothing is won; in the mean that is +1.7 %.")


@pytest.mark.parametrize(
    ("market", "at", "half_wins", "outcomes"),
    [
        ("totals", 5.75, "Over", ("Over", "Under")),  # at 6: over 5.5 wins, over 6 is returned
        ("totals", 6.25, "Under", ("Over", "Under")),
        ("spreads", -1.75, HOME, (HOME, AWAY)),  # home by 2 wins at −1.5 and is returned at −2
        ("spreads", -2.25, AWAY, (HOME, AWAY)),
        ("spreads", 0.25, HOME, (HOME, AWAY)),
    ],
)
def test_on_a_quarter_line_half_of_what_a_leg_wins_is_certain(
    market: str, at: float, half_wins: str, outcomes: tuple[str, str]
) -> None:
    one = seen({line(market, at): sides(*outcomes, (2.20, 2.00))}, Staking(step=Decimal(10)))[at]
    stakes = {leg.outcome: (some(leg.stake), Decimal(repr(leg.price))) for leg in one.legs}
    won, lost = stakes.pop(half_wins), next(iter(stakes.values()))
    half = (won[0] * (won[1] - 1) - lost[0]) / 2
    assert some(one.stakes.worst_profit) == min(half, *(some(leg.profit) for leg in one.legs)) > 0
    assert "it is half of that, and how often" in one.explanation[-1]


def test_a_low_hold_on_a_whole_line_loses_nothing_where_the_stakes_come_back() -> None:
    one = seen({line("totals", 6.0): sides("Over", "Under", (1.99, 1.99))})[6.0]
    assert (one.kind, str(one.stakes.worst_profit)) == ("low_hold", "-5.00")
    assert one.explanation[-1] == (
        "Where one leg wins 0.5 % of the stake is lost; where the result is the line itself every stake comes back and "
        "nothing is lost, and how often is not known."
    )


def test_on_a_half_line_the_profit_is_certain() -> None:
    one = seen({line("totals", 6.5): sides("Over", "Under", (2.08, 2.00))})[6.5]
    assert str(one.stakes.worst_profit) == "19.20"
    assert one.explanation[-1] == "One leg always wins: +2.0 % of the stake is certain, before rounding."


def test_of_a_double_chance_two_legs_win() -> None:
    fair = {name: {"12": 1.44, "1X": 1.44, "X2": 1.38} for name in SIX}
    best = {
        "low": {"12": 1.55, "1X": 1.40, "X2": 1.36},
        "mid": {"12": 1.40, "1X": 1.60, "X2": 1.36},
        "high": {"12": 1.40, "1X": 1.40, "X2": 1.45},
    }
    bounds = {key: replaced(bound, plausible_ev=1.0) for key, bound in Profile().bounds.items()}
    of = opportunity_set(
        Engine(replaced(Profile(), bounds=bounds)).tells({line("double_chance", None): board({**fair, **best})}).data
    )
    (entry,) = [entry for entry in changed({}, [of]).entries if entry.payload["kind"] == "arbitrage"]
    one = shown(msgspec.json.decode(msgspec.json.encode(entry.payload)), "decimal", Staking())
    assert one is not None
    returned = [some(leg.stake) * Decimal(repr(leg.price)) for leg in one.legs]
    results = [sum(returned) - each - some(one.stakes.total) for each in returned]
    assert some(one.stakes.worst_profit) == min(results) > 0
    assert [leg.profit for leg in one.legs] == [
        min(result for lost, result in enumerate(results) if lost != leg) for leg in range(3)
    ]
    assert one.explanation[-2].endswith("(1/1.550 + 1/1.600 + 1/1.450)/2 = 98.0 % of what is returned.")
    assert one.explanation[-1] == "2 legs always win: +2.1 % of the stake is certain, before rounding."


def test_each_leg_has_the_name_that_its_price_is_told_under() -> None:
    featured, other = (sides("Over", "Under", best) for best in ((2.08, 1.5), (1.5, 2.06)))
    one = seen({line("totals", 6.5): featured, line("alternate_totals", 6.5): other})[6.5]
    assert one.kind == "arbitrage"
    assert [(leg.outcome, leg.market.market, leg.market.line, leg.market.category) for leg in one.legs] == [
        ("Over", "totals", 6.5, "main"),
        ("Under", "alternate_totals", 6.5, "alternate"),
    ]
    assert some(one.stakes.worst_profit) > 0


def test_of_three_lays_two_win() -> None:
    three = ("Away", "Draw", "Home")
    back, lay = ({key: dict.fromkeys(three, at) for key in ("smarkets", "matchbook")} for at in (2.6, 3.2))
    lay["smarkets"] |= {"Away": 2.9, "Home": 2.9}
    lay["matchbook"] |= {"Draw": 2.9}
    fair = {name: dict.fromkeys(three, 2.6) for name in SIX}
    one = seen({line("h2h", None): board({**fair, **back}, lay)})[None]
    # Of a lay what is staked is its liability: it wins that over (d − 1), less the commission.
    won = [some(leg.stake) * Decimal("0.98") / Decimal("1.9") for leg in one.legs]
    lost = [some(leg.stake) for leg in one.legs]
    results = [sum(won) - won[came] - lost[came] for came in range(3)]
    assert float(some(one.stakes.worst_profit)) == pytest.approx(float(min(results)), abs=0.02)
    assert some(one.stakes.worst_profit) > 0
    assert one.explanation[0].startswith("Lay Away at 2.90 with ")
    assert one.explanation[-2].endswith("(1/1.516 + 1/1.516 + 1/1.516)/2 = 99.0 % of what is returned.")
    assert one.explanation[-1] == "2 legs always win: +1.1 % of the stake is certain, before rounding."


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (1.92, "outside it at most 4.0 % of the stake is lost."),
        (2.05, "one leg wins at every result: +2.5 % of the stake is certain, before rounding."),
    ],
)
def test_a_middle_says_what_is_certain(price: float, said: str) -> None:
    lower = sides("Over", "Under", (price, 1.5), (1.765, 2.158))
    upper = sides("Over", "Under", (1.5, price), (2.207, 1.734))
    of = opportunity_set(Engine(Profile()).tells({line("totals", 8.5): lower, line("totals", 9.5): upper}).data)
    (middle,) = [entry for entry in changed({}, [of]).entries if entry.payload["kind"] == "middle"]
    one = shown(msgspec.json.decode(msgspec.json.encode(middle.payload)), "decimal", Staking())
    assert one is not None
    (both,) = (sentence for sentence in one.explanation if sentence.startswith("Both win between 8.5 and 9.5"))
    assert both.endswith(said)
    assert (some(one.stakes.worst_profit) > 0) == (price > 2)
