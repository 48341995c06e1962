"""Bets that come back on a draw, by the three-way prices of the same event."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.combinations import Kind
from bet_intel.ev_engine.domain.priced import Priced, ev_per
from bet_intel.ev_engine.domain.pricing import PricedEvent, price, price_side_by_side
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.ev_engine.domain.stakes import stakes
from bet_intel.odds import Method, kelly_fraction
from fixtures.engine_boards import H2H, board, boards, found, line

HOME, AWAY, DRAW = "Harbour City", "Riverside", "Draw"
BOOKS = ("alpha", "beta", "gamma")
CHANCES = {HOME: 0.364, DRAW: 0.276, AWAY: 0.36}
WINS = CHANCES[HOME] / (1 - CHANCES[DRAW])
DNB = line("draw_no_bet", None)
SOFT = {HOME: 2.12, AWAY: 1.70}
PROFILE = Profile()


def asked(chances: Mapping[str, float]) -> dict[str, float]:
    """A bookmaker's prices, with a margin that the power method takes out."""
    return {outcome: p ** (-1 / 1.05) for outcome, p in chances.items()}


def three_way(chances: Mapping[str, float] = CHANCES, books: tuple[str, ...] = BOOKS) -> Board:
    return board(dict.fromkeys(books, asked(chances)))


def no_bet(soft: Mapping[str, float] = SOFT) -> Board:
    return board({**dict.fromkeys(BOOKS, asked({HOME: WINS, AWAY: 1 - WINS})), "soft": soft})


def priced(markets: Mapping[MarketKey, Board], profile: Profile = PROFILE) -> PricedEvent:
    (event,) = price([boards(markets)], profile)
    return event


def one_of(event: PricedEvent, outcome: str = HOME, key: MarketKey = DNB) -> Priced:
    return next(found(market)[outcome, "soft"] for market in event.markets if market.key == key)


@pytest.mark.parametrize("match_odds", ["h2h", "h2h_3_way"])
@pytest.mark.parametrize("period", ["full", "h1"])
def test_what_comes_back_on_a_draw_is_counted(match_odds: str, period: str) -> None:
    key = DNB._replace(period=period)
    one = one_of(priced({key: no_bet(), MarketKey(match_odds, period, None, ""): three_way()}), key=key)
    assert one.push == pytest.approx(CHANCES[DRAW], abs=1e-9)
    assert one.ev == pytest.approx(CHANCES[HOME] * 1.12 - CHANCES[AWAY], abs=1e-9)
    assert one.judgement.verdicts[-1].value == one.ev
    assert ev_per(one) == "stake"


def test_the_other_side_has_the_same_draw() -> None:
    one = one_of(priced({DNB: no_bet({HOME: 1.70, AWAY: 2.15}), H2H: three_way()}), AWAY)
    assert one.ev == pytest.approx(CHANCES[AWAY] * 1.15 - CHANCES[HOME], abs=1e-9)


def test_a_lay_of_it_comes_back_as_often() -> None:
    prices = dict.fromkeys(BOOKS, asked({HOME: WINS, AWAY: 1 - WINS}))
    event = priced({DNB: board(prices, {"soft": {HOME: 1.90, AWAY: 2.10}}), H2H: three_way()})
    one = one_of(event)
    assert one.ev == pytest.approx(CHANCES[AWAY] * (1 / 0.90) - CHANCES[HOME], abs=1e-9)
    assert ev_per(one) == "liability"


@pytest.mark.parametrize(
    "beside",
    [
        {},
        {H2H: board(dict.fromkeys(BOOKS, asked({HOME: WINS, AWAY: 1 - WINS})))},
        {H2H._replace(period="h1"): three_way()},
        {H2H: board(dict.fromkeys(BOOKS, asked(CHANCES)), ages=dict.fromkeys(BOOKS, 3600.0))},
        {H2H: three_way({"Northgate": 0.364, DRAW: 0.276, AWAY: 0.36})},
        # It makes .43 of what the stake stands in, and its own prices .50.
        {H2H: three_way({HOME: 0.31, DRAW: 0.276, AWAY: 0.414})},
    ],
    ids=["none", "without a draw", "another period", "too old", "of others", "contradicts it"],
)
def test_where_nobody_tells_the_draw_the_ev_is_of_the_stake_that_stands(beside: dict[MarketKey, Board]) -> None:
    one = one_of(priced({DNB: no_bet(), **beside}))
    assert np.isnan(one.push)
    assert ev_per(one) == "standing_stake"
    assert one.ev == pytest.approx(WINS * 2.12 - 1, abs=1e-9)


def test_no_price_tells_its_own_draw() -> None:
    only_soft = priced({DNB: no_bet(), H2H: three_way(books=("soft",))})
    assert np.isnan(one_of(only_soft).push)
    # Whatever it says itself, its price is judged by what the others say.
    with_soft = board({**dict.fromkeys(BOOKS, asked(CHANCES)), "soft": asked({HOME: 0.40, DRAW: 0.20, AWAY: 0.40})})
    assert one_of(priced({DNB: no_bet(), H2H: with_soft})).push == pytest.approx(CHANCES[DRAW], abs=1e-9)


def test_each_profile_has_the_draw_by_whom_it_asks() -> None:
    """Of two that ask the same of one market, and not of the other."""
    odds = board({**dict.fromkeys(BOOKS, asked(CHANCES)), "pinnacle": asked({HOME: 0.354, DRAW: 0.296, AWAY: 0.35})})
    markets = {DNB: no_bet(), H2H: odds}
    profiles = [PROFILE, replace(PROFILE, name="sharp", sharp_references=True)]
    ((consensus, sharp),) = price_side_by_side([boards(markets)], profiles)
    assert one_of(sharp).push == pytest.approx(0.296, abs=1e-9)
    assert one_of(consensus).push < 0.29
    assert one_of(consensus).ev == one_of(priced(markets)).ev


def test_a_stake_is_that_of_what_stands() -> None:
    """A returned stake moves nothing, whether it is known how often it is."""
    whole = replace(PROFILE, kelly_fraction=1.0, stake_cap=1.0)
    for beside in ({H2H: three_way()}, {}):
        event = priced({DNB: no_bet(), **beside}, whole)
        assert list(stakes(event.markets, whole).values()) == pytest.approx([kelly_fraction(WINS, 2.12)], abs=1e-9)


def test_the_legs_of_a_low_hold_are_worth_what_stands_of_them() -> None:
    offered = no_bet({HOME: 2.0, AWAY: 1.7})
    found = priced({DNB: board({**_prices(offered), "other": {HOME: 1.7, AWAY: 1.98}}), H2H: three_way()})
    (low_hold,) = [one for one in found.combinations if one.market.key == DNB]
    assert low_hold.kind is Kind.LOW_HOLD
    evs = {leg.market.board.outcomes[leg.outcome]: leg.ev for leg in low_hold.legs}
    assert evs[HOME] == pytest.approx(CHANCES[HOME] * 1.0 - CHANCES[AWAY], abs=1e-3)
    assert evs[AWAY] == pytest.approx(CHANCES[AWAY] * 0.98 - CHANCES[HOME], abs=1e-3)


def _prices(of: Board) -> dict[str, dict[str, float]]:
    return {
        book: {outcome: float(of.back[o, b]) for o, outcome in enumerate(of.outcomes)}
        for b, book in enumerate(of.bookmakers)
    }


@pytest.mark.parametrize("three_way_of", ["betfair_ex_uk", "betfair_ex_eu"])
def test_an_exchange_does_not_tell_the_draw_of_its_own_price(three_way_of: str) -> None:
    prices = asked(CHANCES)
    alone = board({three_way_of: prices}, {three_way_of: {outcome: price * 1.01 for outcome, price in prices.items()}})
    books = dict.fromkeys(BOOKS, asked({HOME: WINS, AWAY: 1 - WINS}))
    event = priced({DNB: board({**books, "betfair_ex_uk": {HOME: 2.3, AWAY: 1.6}}), H2H: alone})
    market = next(market for market in event.markets if market.key == DNB)
    assert np.isnan(found(market)[HOME, "betfair_ex_uk"].push)


def test_by_the_worst_case_what_is_missing_to_1_is_no_draw() -> None:
    chances = {HOME: 0.64, DRAW: 0.21, AWAY: 0.15}
    wins = chances[HOME] / (1 - chances[DRAW])
    no_draw = board({**dict.fromkeys(BOOKS, asked({HOME: wins, AWAY: 1 - wins})), "soft": {HOME: 1.40, AWAY: 3.4}})
    event = priced({DNB: no_draw, H2H: three_way(chances)}, replace(PROFILE, method=Method.WORST_CASE))
    (three,) = [market for market in event.markets if market.key == H2H]
    draw = three.fair.consensus[three.board.outcomes.index(DRAW)]
    one = one_of(event)
    assert one.push == pytest.approx(draw, abs=1e-9)
    assert 1 - three.fair.consensus.sum() > 0.005


def spread(at: float, soft: Mapping[str, float] | None = None, chances: Mapping[str, float] = CHANCES) -> Board:
    """A spread of 0, a quarter or a half beside it, by its home line: three books that agree, and another."""
    draw = chances[DRAW]
    # Won and lost, per unit of the stake that stands: at −¼ a draw loses half of it, at +¼ it wins half.
    won = {0.0: 0.0, -0.25: 0.0, 0.25: draw / 2, -0.5: 0.0, 0.5: draw}[at] + chances[HOME]
    lost = {0.0: 0.0, -0.25: draw / 2, 0.25: 0.0, -0.5: draw, 0.5: 0.0}[at] + chances[AWAY]
    home = won / (won + lost)
    prices = dict.fromkeys(BOOKS, asked({HOME: home, AWAY: 1 - home}))
    return board({**prices, **({"soft": soft} if soft else {})})


@pytest.mark.parametrize("name", ["spreads", "alternate_spreads"])
@pytest.mark.parametrize(
    ("at", "home", "away"),
    [
        # won·(d − 1) − lost, with half of the stake returned at a quarter.
        (0.0, 0.364 * 1.2 - 0.36, 0.36 * 1.2 - 0.364),
        (-0.25, 0.364 * 1.2 - 0.36 - 0.276 / 2, (0.36 + 0.276 / 2) * 1.2 - 0.364),
        (0.25, (0.364 + 0.276 / 2) * 1.2 - 0.36, 0.36 * 1.2 - 0.364 - 0.276 / 2),
    ],
)
def test_a_spread_of_0_or_a_quarter_returns_the_stake_on_a_draw(name: str, at: float, home: float, away: float) -> None:
    key = line(name, at)
    for side, ev in ((HOME, home), (AWAY, away)):
        prices = {HOME: 1.5, AWAY: 1.5, side: 2.2}
        event = priced({key: spread(at, prices), H2H: three_way()})
        (market,) = [market for market in event.markets if market.key == key]
        one = found(market).get((side, "soft"))
        if ev < 0:
            assert one is None
            continue
        assert one is not None
        assert one.push == pytest.approx(CHANCES[DRAW], abs=1e-9)
        assert one.ev == pytest.approx(ev, abs=1e-9)
        assert ev_per(one) == "stake"


def test_a_spread_of_0_is_worth_what_a_bet_without_the_draw_is() -> None:
    key = line("spreads", 0.0)
    event = priced({DNB: no_bet(), key: spread(0.0, SOFT), H2H: three_way()})
    assert one_of(event, key=key).ev == pytest.approx(one_of(event).ev, abs=1e-12)


def test_a_half_line_is_asked_before_three_way_prices() -> None:
    """They say that it is drawn with .276, the lines of ½ that it is with .27; the other side is read as it is told."""
    lines = {**CHANCES, HOME: 0.367, DRAW: 0.27, AWAY: 0.363}
    key = line("spreads", 0.0)
    both = {line("spreads", at): spread(at, chances=lines) for at in (-0.5, 0.5)}
    event = priced({key: spread(0.0, SOFT), H2H: three_way(), **both})
    assert one_of(event, key=key).push == pytest.approx(0.27, abs=1e-9)
    wins_by_line = {line("spreads", -0.5): both[line("spreads", -0.5)]}
    event = priced({key: spread(0.0, SOFT), H2H: three_way(), **wins_by_line})
    assert one_of(event, key=key).push == pytest.approx(0.364 + 0.276 - 0.367, abs=1e-9)


@pytest.mark.parametrize(
    "beside",
    [
        {},
        {H2H: three_way(books=("soft",))},
        {H2H._replace(period="h1"): three_way()},
        # With overtime nothing is drawn, whatever the regular time's prices are.
        {H2H: board(dict.fromkeys(BOOKS, asked({HOME: WINS, AWAY: 1 - WINS}))), line("h2h_3_way", None): three_way()},
        {line("h2h_3_way", None): three_way()},
    ],
    ids=["none", "its own", "another period", "overtime", "perhaps overtime"],
)
def test_of_a_spread_of_0_nothing_is_known_where_no_match_odds_tell_the_draw(beside: dict[MarketKey, Board]) -> None:
    key = line("spreads", 0.0)
    one = one_of(priced({key: spread(0.0, SOFT), **beside}), key=key)
    assert np.isnan(one.push)
    assert one.ev == pytest.approx(WINS * 2.12 - 1, abs=1e-9)


def test_a_spread_of_another_count_returns_nothing_on_a_draw() -> None:
    key = line("alternate_spreads_corners", 0.0)
    assert np.isnan(one_of(priced({key: spread(0.0, SOFT), H2H: three_way()}), key=key).push)


@pytest.mark.parametrize(
    "match_odds",
    [three_way(books=("soft",)), board({"old": asked(CHANCES)}, ages={"old": 86_400.0})],
    ids=["of the judged bookmaker alone", "too old"],
)
@pytest.mark.parametrize("key", [DNB, line("spreads", 0.0)], ids=["draw_no_bet", "spreads"])
def test_match_odds_that_nobody_is_pooled_in_hide_no_others(key: MarketKey, match_odds: Board) -> None:
    offered = no_bet() if key == DNB else spread(0.0, SOFT)
    one = one_of(priced({key: offered, H2H: match_odds, line("h2h_3_way", None): three_way()}), key=key)
    assert one.push == pytest.approx(CHANCES[DRAW], abs=1e-9)


def test_an_estimated_spread_of_0_has_the_draw_too() -> None:
    key = line("alternate_spreads", 0.0)
    event = priced({line("spreads", 0.0): spread(0.0), key: board({"soft": SOFT}), H2H: three_way()})
    one = one_of(event, key=key)
    assert one.estimate is not None
    assert one.push == pytest.approx(CHANCES[DRAW], abs=1e-9)
    assert one.ev == pytest.approx(CHANCES[HOME] * 1.12 - CHANCES[AWAY], abs=1e-9)
