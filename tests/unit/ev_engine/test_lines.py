"""What the lines of one result say of each other, in a pass of pricing."""

import math
from collections.abc import Mapping

import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from fixtures.engine_boards import board, boards, found, line

# Goals with these chances: P(X > 1.5) .80, P(X > 2.5) .55, P(X > 3.5) .30. Where the stake stands over 2 wins
# .55/(1 − .25), over 2.25 .55/(1 − .125), over 2.75 (.30 + .125)/(1 − .125), over 3 .30/(1 − .25).
OVER = {1.5: 0.80, 2.0: 0.55 / 0.75, 2.25: 0.55 / 0.875, 2.5: 0.55, 2.75: 0.425 / 0.875, 3.0: 0.40, 3.5: 0.30}
BOOKS = ("alpha", "beta", "gamma")


def totals(over: float, *, soft: Mapping[str, float] | None = None) -> Board:
    """Three books that agree on `over`, with a margin that the power method takes out, and a fourth."""
    prices = {"Over": over ** (-1 / 1.05), "Under": (1 - over) ** (-1 / 1.05)}
    return board({**dict.fromkeys(BOOKS, prices), **({"soft": soft} if soft else {})})


def priced(markets: Mapping[MarketKey, Board]) -> dict[MarketKey, PricedMarket]:
    (event,) = price([boards(markets)], Profile())
    return {market.key: market for market in event.markets}


def of_lines(at: float, soft: Mapping[str, float], *beside: float, name: str = "totals") -> PricedMarket:
    """The line `at`, where somebody offers `soft`, with the lines `beside` it."""
    key = line(name, at)
    markets = {line("totals", other): totals(OVER[other]) for other in beside}
    return priced({**markets, key: totals(OVER[at], soft=soft)})[key]


@pytest.mark.parametrize(
    ("at", "ev"),
    [
        # won·(2.2 − 1) − lost, with the halves of a quarter line one bet each.
        (2.0, 0.55 * 1.2 - 0.20),
        (2.25, ((0.55 * 1.2 - 0.20) + (0.55 * 1.2 - 0.45)) / 2),
        (2.5, 0.55 * 1.2 - 0.45),
        (2.75, ((0.55 * 1.2 - 0.45) + (0.30 * 1.2 - 0.45)) / 2),
        (3.0, 0.30 * 1.2 - 0.45),
    ],
)
def test_the_ev_of_a_line_counts_what_is_returned(at: float, ev: float) -> None:
    market = of_lines(at, {"Over": 2.2, "Under": 1.5}, *(other for other in (1.5, 2.5, 3.5) if other != at))
    one = found(market).get(("Over", "soft"))
    if ev <= 0:
        assert one is None
        return
    assert one is not None
    assert one.ev == pytest.approx(ev, abs=1e-9)
    assert one.push == pytest.approx(0.0 if at == 2.5 else 0.25, abs=1e-9)
    assert one.judgement.verdicts[-1].value == one.ev


@pytest.mark.parametrize("beside", [(1.5, 2.5), (1.5,), (2.5,)])
def test_one_half_line_is_enough(beside: tuple[float, ...]) -> None:
    """With the line's own probability, the other follows."""
    one = found(of_lines(2.0, {"Over": 1.5, "Under": 2.5}, *beside))["Over", "soft"]
    assert one.push == pytest.approx(0.25, abs=1e-9)
    assert one.ev == pytest.approx(0.55 * 0.5 - 0.20, abs=1e-9)


@pytest.mark.parametrize("beside", [(), (3.5,)])
def test_without_half_lines_the_ev_is_of_the_stake_that_stands(beside: tuple[float, ...]) -> None:
    one = found(of_lines(2.0, {"Over": 1.5, "Under": 2.5}, *beside))["Over", "soft"]
    assert math.isnan(one.push)
    assert one.ev == pytest.approx(OVER[2.0] * 1.5 - 1)


def test_half_lines_that_contradict_the_line_tell_nothing() -> None:
    key = line("totals", 2.0)
    lines = {
        key: totals(OVER[2.0], soft={"Over": 1.5, "Under": 2.5}),
        line("totals", 1.5): totals(0.70),
        line("totals", 2.5): totals(0.40),
    }
    assert math.isnan(found(priced(lines)[key])["Over", "soft"].push)


def test_alternates_and_home_lines_are_points_of_the_same_curve() -> None:
    alternate = of_lines(3.0, {"Over": 2.7, "Under": 1.4}, 2.5, 3.5, name="alternate_totals")
    assert found(alternate)["Over", "soft"].push == pytest.approx(0.25, abs=1e-9)
    # Harbour City −2 is over 2 goals of margin: −1.5 and −2.5 are beside it, and Riverside has the same push.
    sides = ("Harbour City", "Riverside")

    def spread(home: float, soft: tuple[float, float] | None = None) -> Board:
        agreed = dict(zip(sides, (home ** (-1 / 1.05), (1 - home) ** (-1 / 1.05)), strict=True))
        offered = {"soft": dict(zip(sides, soft, strict=True))} if soft else {}
        return board({**dict.fromkeys(BOOKS, agreed), **offered})

    lines = {line("spreads", -1.5): spread(0.45), line("spreads", -2.5): spread(0.30)}
    home = priced({**lines, line("spreads", -2.0): spread(0.30 / 0.85, (3.0, 1.3))})[line("spreads", -2.0)]
    assert found(home)["Harbour City", "soft"].ev == pytest.approx(0.30 * 2.0 - 0.55, abs=1e-9)
    away = priced({**lines, line("spreads", -2.0): spread(0.30 / 0.85, (2.4, 1.65))})[line("spreads", -2.0)]
    assert found(away)["Riverside", "soft"].ev == pytest.approx(0.55 * 0.65 - 0.30, abs=1e-9)


def test_no_price_tells_its_own_push() -> None:
    """The half line of the judged bookmaker alone is no reference for it, at no line."""
    key = line("totals", 2.0)
    only_soft = board({"soft": {"Over": 1.22, "Under": 4.2}})
    market = priced({key: totals(OVER[2.0], soft={"Over": 1.5, "Under": 2.5}), line("totals", 1.5): only_soft})[key]
    push = dict(zip(market.board.bookmakers, market.fair.terms.push.tolist(), strict=True))
    assert math.isnan(push["soft"])
    assert push["alpha"] > 0


@pytest.mark.parametrize(
    "hidden",
    [
        board({"soft": {"Over": 1.22, "Under": 4.2}}),
        board({"old": {"Over": 1.22, "Under": 4.2}}, ages={"old": 86_400.0}),
    ],
    ids=["of the judged bookmaker alone", "too old"],
)
@pytest.mark.parametrize("name", ["totals", "alternate_totals"])
def test_a_half_line_that_nobody_is_pooled_at_hides_none_of_the_other_name(name: str, hidden: Board) -> None:
    """Each bookmaker's price by what is known without it: those of the others by the own name's line, if by any."""
    key, other = line(name, 2.0), {"totals": "alternate_totals", "alternate_totals": "totals"}[name]
    halves = {line(other, at): totals(OVER[at]) for at in (1.5, 2.5)}
    empty = {line(name, at): hidden for at in (1.5, 2.5)}
    market = priced({key: totals(OVER[2.0], soft={"Over": 1.5, "Under": 2.5}), **empty, **halves})[key]
    one = found(market)["Over", "soft"]
    assert one.push == pytest.approx(0.25, abs=1e-9)
    assert one.ev == pytest.approx(0.55 * 0.5 - 0.20, abs=1e-9)


def test_a_half_line_of_the_markets_own_name_is_asked_first() -> None:
    key = line("alternate_totals", 2.0)
    alternates = {line("alternate_totals", 1.5): totals(0.79), line("alternate_totals", 2.5): totals(0.56)}
    featured = {line("totals", at): totals(OVER[at]) for at in (1.5, 2.5)}
    lines = {key: totals(OVER[2.0], soft={"Over": 1.5, "Under": 2.5}), **featured, **alternates}
    assert found(priced(lines)[key])["Over", "soft"].push == pytest.approx(0.23, abs=1e-9)
