"""Lines that too few bookmakers price, judged by other lines."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from bet_intel.ev_engine.domain.boards import Board, MarketKey
from bet_intel.ev_engine.domain.priced import Priced, PricedMarket, ev_per
from bet_intel.ev_engine.domain.pricing import price, price_side_by_side
from bet_intel.ev_engine.domain.profile import Profile, Slope
from bet_intel.odds import MODELS, Method, devig
from fixtures.engine_boards import board, boards, found, line
from fixtures.engine_lines import SLOPE, THREE, fair_prices, moved, soft

PROFILE = Profile()


def priced(markets: dict[MarketKey, Board], profile: Profile = PROFILE) -> dict[MarketKey, PricedMarket]:
    ((event),) = price([boards(markets)], profile)
    return {market.key: market for market in event.markets}


def judged(markets: dict[MarketKey, Board], key: MarketKey, profile: Profile = PROFILE) -> Priced | None:
    return found(priced(markets, profile)[key]).get(("Over", "soft"))


@pytest.mark.parametrize(("at", "half_points"), [(9.5, 2), (7.5, -2), (10.5, 4), (9.0, 1)])
def test_a_line_is_shifted_to_by_the_slope_of_its_sport(at: float, half_points: int) -> None:
    over = moved(0.5, -half_points * SLOPE)
    one = judged({line("totals", 8.5): board(fair_prices(0.5)), line("totals", at): soft(over)}, line("totals", at))
    assert one is not None
    assert one.fair == pytest.approx(over, abs=1e-12)
    # What a total of 9 returns is what brings P(X > 8.5) = .5 and P(X > 9) together, where the stake stands.
    returned = 1 - 0.5 / (1 - over) if at == 9.0 else 0.0
    assert one.ev == pytest.approx(0.03 * (1 - returned), abs=1e-9)
    assert one.estimate is not None
    assert (one.estimate.lines, one.estimate.half_points) == ((8.5,), abs(half_points))
    assert one.estimate.shares == pytest.approx(dict.fromkeys(THREE, 1 / 3))


def test_by_the_worst_case_each_side_of_an_estimated_line_has_its_lowest_probability() -> None:
    over, under = 1.10, 8.00
    markets = {
        line("totals", 8.5): board({book: {"Over": over, "Under": under} for book in THREE}),
        line("totals", 9.0): board({"soft": {"Over": 1.12, "Under": 6.0}}),
    }
    told = priced(markets, replace(PROFILE, method=Method.WORST_CASE))[line("totals", 9.0)].fair
    by_method = [devig(np.array([[1 / over], [1 / under]]), method).probability[0, 0] for method in MODELS]
    lowest, highest = moved(min(by_method), -SLOPE), moved(max(by_method), -SLOPE)
    assert told.leave_one_out[:, 0] == pytest.approx([lowest, 1 - highest], abs=1e-12)
    assert told.laid[:, 0] == pytest.approx([highest, 1 - lowest], abs=1e-12)


def test_no_further_than_the_slope_is_believed_nor_where_there_is_none() -> None:
    over = moved(0.5, -5 * SLOPE)
    far = {line("totals", 8.5): board(fair_prices(0.5)), line("totals", 11.0): soft(over)}
    assert judged(far, line("totals", 11.0)) is None
    assert priced(far)[line("totals", 11.0)].refused["Over", "soft"] == "reference_missing"
    farther = replace(PROFILE, slopes={"baseball": Slope({"totals": SLOPE}, 5)})
    assert judged(far, line("totals", 11.0), farther) is not None
    near = {line("totals", 8.5): board(fair_prices(0.5)), line("totals", 9.5): soft(moved(0.5, -2 * SLOPE))}
    assert judged(near, line("totals", 9.5), replace(PROFILE, slopes={})) is None


def test_profiles_that_believe_other_slopes_each_shift_by_their_own() -> None:
    key = line("totals", 9.5)
    markets = {line("totals", 8.5): board(fair_prices(0.5)), key: soft(moved(0.5, -2 * SLOPE))}
    profiles = [
        PROFILE,
        replace(PROFILE, name="steeper", slopes={"baseball": Slope({"totals": 0.13}, 4)}),
        replace(PROFILE, name="none", slopes={}),
        replace(PROFILE, name="wants more", min_references=4),
        replace(PROFILE, name="same"),
    ]
    ((*side_by_side,),) = price_side_by_side([boards(markets)], profiles)
    for one in side_by_side:
        alone = priced(markets, one.profile)
        for market in one.markets:
            assert [(a.fair, a.judgement) for a in market.opportunities] == [
                (b.fair, b.judgement) for b in alone[market.key].opportunities
            ]
            assert market.refused == alone[market.key].refused
    fairs = [found(market)["Over", "soft"].fair for one in side_by_side for market in one.markets if found(market)]
    assert fairs == pytest.approx([moved(0.5, -2 * SLOPE), moved(0.5, -0.26), moved(0.5, -2 * SLOPE)])


def test_between_two_lines_no_slope_is_needed() -> None:
    middle = moved(0.6, (log(0.45 / 0.55) - log(0.6 / 0.4)) / 2)
    markets = {
        line("totals", 7.5): board(fair_prices(0.6)),
        line("totals", 9.5): board(fair_prices(0.45)),
        line("totals", 8.5): soft(middle),
    }
    one = judged(markets, line("totals", 8.5), replace(PROFILE, slopes={}))
    assert one is not None
    assert one.fair == pytest.approx(middle, abs=1e-12)
    assert one.estimate is not None
    assert (one.estimate.lines, one.estimate.half_points) == ((7.5, 9.5), 2)
    # Where going over the higher line is told to be the likelier nothing follows.
    markets[line("totals", 9.5)] = board(fair_prices(0.65))
    assert judged(markets, line("totals", 8.5)) is None


@pytest.mark.parametrize("at", [8.0, 8.25, 8.75])
def test_a_line_that_returns_the_stake_otherwise_is_no_point_of_the_same_curve(at: float) -> None:
    markets = {
        line("totals", 7.5): board(fair_prices(0.6)),
        line("totals", 9.5): board(fair_prices(0.45)),
        line("totals", at): soft(0.56),
    }
    assert judged(markets, line("totals", at), replace(PROFILE, slopes={})) is None
    # In a sport with a slope a push is rare, and a whole line may be taken for one between halves.
    assert (judged(markets, line("totals", at)) is not None) == (at == 8.0)


@pytest.mark.parametrize(
    ("featured", "alternate"),
    [("totals", "alternate_totals"), ("player_points", "player_points_alternate")],
)
def test_the_same_line_under_its_other_name_needs_no_shift(featured: str, alternate: str) -> None:
    key = line(alternate, 8.5, "B. Rivers")
    one = judged({line(featured, 8.5, "B. Rivers"): board(fair_prices(0.5)), key: soft(0.5)}, key)
    assert one is not None
    assert one.fair == pytest.approx(0.5)
    assert one.estimate is not None
    assert one.estimate.half_points == 0
    # What is said of another player is said of none.
    assert judged({line(featured, 8.5, "A. Rivers"): board(fair_prices(0.5)), key: soft(0.5)}, key) is None


def test_confidence_of_a_line_under_its_other_name_falls_with_the_distance_by_the_slope_of_the_first() -> None:
    """The slope is set for the market, under whichever name a line of it is told."""
    slopes = {"baseball": Slope({"player_hits": SLOPE}, 4)}
    key = line("player_hits_alternate", 9.5, "B. Rivers")
    markets = {line("player_hits", 8.5, "B. Rivers"): board(fair_prices(0.5)), key: soft(moved(0.5, -2 * SLOPE))}
    one = judged(markets, key, replace(PROFILE, slopes=slopes))
    same = judged(
        {
            key._replace(market="player_hits"): markets[key],
            line("player_hits", 8.5, "B. Rivers"): board(fair_prices(0.5)),
        },
        key._replace(market="player_hits"),
        replace(PROFILE, slopes=slopes),
    )
    assert one is not None
    assert same is not None
    assert one.confidence == same.confidence


def test_the_judged_bookmaker_is_left_out_at_every_line() -> None:
    own = {"soft": {"Over": 1.5, "Under": 2.4}}
    over = moved(0.5, -2 * SLOPE)
    with_own = {line("totals", 8.5): board({**fair_prices(0.5), **own}), line("totals", 9.5): soft(over)}
    one = judged(with_own, line("totals", 9.5))
    assert one is not None
    assert one.fair == pytest.approx(over, abs=1e-12)
    # Its own price is none of three that are wanted.
    two = {line("totals", 8.5): board({**fair_prices(0.5, THREE[:2]), **own}), line("totals", 9.5): soft(over)}
    assert judged(two, line("totals", 9.5)) is None


def test_confidence_falls_with_the_distance() -> None:
    def sure(half_points: int) -> float:
        key = line("totals", 8.5 + half_points / 2)
        one = judged({line("totals", 8.5): board(fair_prices(0.5)), key: soft(moved(0.5, -half_points * SLOPE))}, key)
        assert one is not None
        return one.confidence

    found_at = [sure(1), sure(2), sure(3), sure(4)]
    assert found_at == sorted(found_at, reverse=True)
    assert 0.5 < found_at[-1] < found_at[0] < 1.0


def test_it_is_refused_where_the_books_of_the_line_itself_say_otherwise() -> None:
    # Others ask for Over at this line what makes .40 of it, the shift says .50: further than .07.
    here = {"soft": {"Over": 2.06, "Under": 1.75}, **fair_prices(0.40, ("delta",))}
    markets = {line("totals", 8.5): board(fair_prices(moved(0.5, SLOPE * 2))), line("totals", 9.5): board(here)}
    market = priced(markets)[line("totals", 9.5)]
    assert ("Over", "soft") not in found(market)
    assert market.refused["Over", "soft"] == "divergent_reference"


def test_it_is_refused_where_it_beats_what_others_ask_with_their_margin() -> None:
    here = {"soft": {"Over": 2.06, "Under": 1.80}, "delta": {"Over": 2.04, "Under": 1.80}}
    markets = {line("totals", 8.5): board(fair_prices(moved(0.5, SLOPE * 2))), line("totals", 9.5): board(here)}
    market = priced(markets)[line("totals", 9.5)]
    (refusal,) = [one for one in market.refusals if market.board.bookmakers[one.bookmaker] == "soft"]
    last = refusal.judgement.verdicts[-1]
    assert (last.gate, last.passed) == ("below_reference_price", False)
    assert (last.value, last.bound) == pytest.approx((0.5, 1 / 2.04))


@pytest.mark.parametrize(("age", "behind", "refused"), [(350.0, 300.0, ""), (351.0, 301.0, "price_stale")])
@pytest.mark.parametrize("at", [9.5, 8.5])
def test_a_price_is_not_to_be_far_behind_the_lines_that_judge_it(
    at: float, age: float, behind: float, refused: str
) -> None:
    """Alone at its line, or with another as old, it would be compared with itself."""
    other, key = line("totals", 8.5), line("totals" if at != 8.5 else "alternate_totals", at)
    over = moved(0.5, -(at - 8.5) * 2 * SLOPE)
    fresh = board(fair_prices(0.5, (*THREE, "delta")), ages={"alpha": 50.0, "beta": 90.0, "gamma": 60.0, "delta": 91.0})
    late = board(
        {"soft": {"Over": 1.06 / over, "Under": 0.88 / (1 - over)}, "late": fair_prices(over)["alpha"]},
        ages={"soft": age, "late": age},
    )
    market = priced({other: fresh, key: late})[key]
    if refused:
        assert found(market) == {}
        assert market.refused["Over", "soft"] == refused
        judgement = next(one.judgement for one in market.refusals if market.board.bookmakers[one.bookmaker] == "soft")
    else:
        judgement = found(market)["Over", "soft"].judgement
        assert judgement.ev_class == "take"
    (verdict,) = (one for one in judgement.verdicts if one.gate == "in_step_with_references")
    assert verdict.value == behind


def test_a_price_is_judged_between_two_lines_by_the_newer_and_by_the_newest_of_its_own() -> None:
    key = line("totals", 8.5)
    middle = moved(0.6, (log(0.45 / 0.55) - log(0.6 / 0.4)) / 2)
    own = {"soft": {"Over": 1.06 / middle, "Under": 0.88 / (1 - middle)}, "late": fair_prices(middle)["alpha"]}

    def behind(lower: float, upper: float, newest: float) -> float:
        markets = {
            line("totals", 7.5): board(fair_prices(0.6), ages=dict.fromkeys(THREE, lower)),
            line("totals", 9.5): board(fair_prices(0.45), ages=dict.fromkeys(THREE, upper)),
            key: board(own, ages={"soft": 280.0, "late": newest}),
        }
        one = judged(markets, key, replace(PROFILE, slopes={}))
        assert one is not None
        (verdict,) = (each for each in one.judgement.verdicts if each.gate == "in_step_with_references")
        return verdict.value

    assert behind(200.0, 100.0, 280.0) == 180.0
    assert behind(50.0, 100.0, 280.0) == 230.0
    assert behind(50.0, 100.0, 20.0) == 260.0


def test_what_enough_bookmakers_price_is_judged_by_its_own_line() -> None:
    markets = {
        line("totals", 8.5): board(fair_prices(0.9)),
        line("totals", 9.5): board({**fair_prices(0.5), "soft": {"Over": 2.06, "Under": 1.75}}),
    }
    one = judged(markets, line("totals", 9.5))
    assert one is not None
    assert one.estimate is None
    assert one.fair == pytest.approx(0.5)


@pytest.mark.parametrize("side", ["Over", "Under"])
def test_what_an_estimated_whole_line_returns_is_read_beside_it(side: str) -> None:
    """P(X > 7.5) .56 and P(X > 8.5) .44: of a total of 8 that stands half goes over, and .12 comes back."""
    key = line("totals", 8.0)
    prices = {"Over": 1.8, "Under": 1.8, side: 2.1}
    markets = {line("totals", at): board(fair_prices(p)) for at, p in ((7.5, 0.56), (8.5, 0.44))}
    one = found(priced({**markets, key: board({"soft": prices})})[key])[side, "soft"]
    assert one.estimate is not None
    assert one.push == pytest.approx(0.12, abs=1e-9)
    assert one.ev == pytest.approx(0.44 * 1.1 - 0.44, abs=1e-9)
    assert one.ev_worst < one.ev
    assert ev_per(one) == "stake"


def test_of_a_line_that_is_shifted_to_what_is_returned_follows_from_the_one_beside_it() -> None:
    over = moved(0.5, SLOPE)
    key = line("totals", 8.0)
    one = judged({line("totals", 8.5): board(fair_prices(0.5)), key: soft(over)}, key)
    assert one is not None
    assert one.push == pytest.approx(1 - 0.5 / over, abs=1e-9)
    assert one.ev == pytest.approx(0.03 * 0.5 / over, abs=1e-9)


@pytest.mark.parametrize("at", [8.0, 8.25, 7.75])
def test_a_line_under_its_other_name_returns_as_much(at: float) -> None:
    """P(X > 8) .44, X = 8 .12: a quarter below it wins .50 of .94 that stands, a quarter above it .44 of that."""
    over = {8.0: 0.5, 8.25: 0.44 / 0.94, 7.75: 0.50 / 0.94}[at]
    offered = {"Over": 1.06 / over, "Under": 0.90 / (1 - over)}
    halves = {line("totals", at): board(fair_prices(p)) for at, p in ((7.5, 0.56), (8.5, 0.44))}
    own, other = line("totals", at), line("alternate_totals", at)
    told = priced({**halves, own: board({**fair_prices(over), "soft": offered}), other: board({"soft": offered})})
    by_itself, by_the_other = (found(told[key])["Over", "soft"] for key in (own, other))
    assert by_itself.estimate is None
    assert by_the_other.estimate is not None
    assert by_the_other.push == by_itself.push == pytest.approx(0.12, abs=1e-9)
    assert by_the_other.ev == by_itself.ev == pytest.approx(0.06 * (1 - 0.12 * (1 if at == 8.0 else 0.5)), abs=1e-9)


def test_what_an_estimated_line_returns_is_not_known_without_a_half_line_beside_it() -> None:
    key = line("totals", 9.0)
    one = judged({line("totals", 8.0): board(fair_prices(0.5)), key: soft(moved(0.5, -2 * SLOPE))}, key)
    assert one is not None
    assert np.isnan(one.push)
    assert one.ev == pytest.approx(0.03, abs=1e-9)
    assert ev_per(one) == "standing_stake"


def test_no_price_tells_what_an_estimated_line_of_its_own_returns() -> None:
    """Its bookmaker is alone at one half line, and says nothing there of what its price is worth."""
    over = moved(0.44, SLOPE)
    key = line("totals", 8.0)
    markets = {line("totals", 8.5): board(fair_prices(0.44)), line("totals", 7.5): soft(0.9), key: soft(over)}
    one = judged(markets, key)
    assert one is not None
    assert one.push == pytest.approx(1 - 0.44 / over, abs=1e-9)


@pytest.mark.parametrize(
    ("bookmaker", "under"), [("matchbook", 1.90), ("soft", 2.04)], ids=["an exchange without lays", "without a margin"]
)
def test_a_price_alone_at_its_line_that_is_no_reference_is_judged_by_the_others(bookmaker: str, under: float) -> None:
    """It makes no consensus, and nobody is at its line whose median the estimate could be held against."""
    key = line("totals", 9.5)
    over = moved(0.5, -2 * SLOPE)
    offered = board({bookmaker: {"Over": 1.05 / over, "Under": under}})
    market = priced({line("totals", 8.5): board(fair_prices(0.5)), key: offered})[key]
    one = found(market)["Over", bookmaker]
    assert market.fair.books_used == 0
    assert one.fair == pytest.approx(over, abs=1e-12)
    assert one.ev == pytest.approx(over * (one.net_price) - 1, abs=1e-9)
    assert not market.refused
