"""The three profiles side by side: whom each asks, by what it judges, and what they share."""

from dataclasses import replace

import numpy as np
import pytest

from bet_intel.ev_engine.domain.lives import live_on
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.ev_engine.domain.pricing import price, price_side_by_side
from bet_intel.ev_engine.domain.profile import STARTING, Profile
from bet_intel.ev_engine.wire_sets import opportunities_updated
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.odds import Method
from bet_intel.shared.columns import read
from fixtures.engine_boards import H2H, Prices, board, boards, found

SIX = {name: {"Away": 1.91, "Home": 1.91} for name in ("a", "b", "c", "d", "e", "f")}
SOFT = {"soft": {"Away": 1.70, "Home": 2.14}}
SHARP = {"pinnacle": {"Away": 1.85, "Home": 2.03}}


def judged(prices: Prices, lay: Prices | None = None) -> dict[str, PricedMarket]:
    """By profile the market of these prices."""
    (side_by_side,) = price_side_by_side([boards({H2H: board(prices, lay)})], tuple(STARTING.values()))
    return {one.profile.name: one.markets[0] for one in side_by_side}


def test_each_profile_gives_what_it_gives_alone() -> None:
    events = [boards({H2H: board({**SIX, **SOFT, **SHARP})}, id=str(number)) for number in range(3)]
    together = price_side_by_side(events, tuple(STARTING.values()))
    for place, profile in enumerate(STARTING.values()):
        for alone, side_by_side in zip(price(events, profile), together, strict=True):
            (one,), (other,) = alone.markets, side_by_side[place].markets
            np.testing.assert_array_equal(one.fair.consensus, other.fair.consensus)
            np.testing.assert_array_equal(one.fair.leave_one_out, other.fair.leave_one_out)
            assert [(a.fair, a.ev, a.judgement) for a in one.opportunities] == [
                (b.fair, b.ev, b.judgement) for b in other.opportunities
            ]


def test_sharp_asks_sharp_bookmakers_alone_where_there_is_one() -> None:
    markets = judged({**SIX, **SOFT, **SHARP})
    sharp = markets["sharp"]
    assert dict(zip(sharp.board.bookmakers, sharp.fair.left_out, strict=True)) == {
        **dict.fromkeys([*SIX, "soft"], "not_asked"),
        "pinnacle": "",
    }
    one = found(sharp)["Home", "soft"]
    alone = judged(SHARP)["consensus"]
    assert one.fair == pytest.approx(float(alone.fair.consensus[1]))
    assert one.fair < found(markets["consensus"])["Home", "soft"].fair


def test_sharp_asks_everybody_where_nobody_is_sharp() -> None:
    markets = judged({**SIX, **SOFT})
    np.testing.assert_array_equal(markets["sharp"].fair.leave_one_out, markets["consensus"].fair.leave_one_out)
    two_exchanges = {"smarkets": {"Away": 1.97, "Home": 1.97}, "matchbook": {"Away": 1.97, "Home": 1.97}}
    lay = {name: {"Away": 2.02, "Home": 2.02} for name in two_exchanges}
    market = judged({**SIX, **SOFT, **two_exchanges}, lay)["sharp"]
    assert "not_asked" not in market.fair.left_out
    three = {**two_exchanges, "novig": {"Away": 1.97, "Home": 1.97}}
    lay["novig"] = {"Away": 2.02, "Home": 2.02}
    market = judged({**SIX, **SOFT, **three}, lay)["sharp"]
    asked = [b for b, why in zip(market.board.bookmakers, market.fair.left_out, strict=True) if not why]
    assert asked == sorted(three)


def test_the_only_sharp_bookmaker_is_judged_by_nobody_because_the_others_are_not_asked() -> None:
    """Whatever ails one of those who would not have been asked."""
    ailing = {"half": {"Home": 2.0}, "free": {"Away": 2.2, "Home": 2.2}}
    for prices in ({**SIX, **SHARP}, {**SIX, **SHARP, **ailing}):
        markets = judged(prices)
        assert markets["sharp"].refused["Home", "pinnacle"] == "not_asked"
        assert ("Home", "pinnacle") not in markets["consensus"].refused


def test_an_old_bookmaker_names_no_reason_for_those_who_are_not_asked() -> None:
    one = board({**SIX, **SHARP, "old": SIX["a"]}, ages={"old": 7200.0})
    (side_by_side,) = price_side_by_side([boards({H2H: one})], tuple(STARTING.values()))
    (market,) = next(each.markets for each in side_by_side if each.profile.name == "sharp")
    assert market.refused["Home", "pinnacle"] == "not_asked"


def test_conservative_judges_by_the_lower_end_of_the_band() -> None:
    fair = {name: {"Away": 1.33, "Home": 3.35} for name in SIX}
    markets = judged({**fair, "soft": {"Away": 1.25, "Home": 4.0}})
    ordinary, careful = (found(markets[name])["Home", "soft"] for name in ("consensus", "conservative"))
    assert careful.fair == ordinary.band_low < ordinary.fair
    assert careful.ev == ordinary.ev_worst
    # A price that is good by some methods only is no opportunity there.
    between = (1 / ordinary.fair + 1 / ordinary.band_low) / 2
    markets = judged({**fair, "soft": {"Away": 1.25, "Home": between}})
    assert ("Home", "soft") in found(markets["consensus"])
    assert ("Home", "soft") not in found(markets["conservative"])


def test_conservative_wants_more_bookmakers() -> None:
    four = {name: SIX[name] for name in ("a", "b", "c", "d")}
    markets = judged({**four, **SOFT})
    assert ("Home", "soft") in found(markets["consensus"])
    assert markets["conservative"].refused["Home", "soft"] == "too_few_books"


def test_profiles_have_lives_of_their_own_and_share_what_is_told() -> None:
    (side_by_side,) = price_side_by_side([boards({H2H: board({**SIX, **SOFT})})], tuple(STARTING.values()))
    change = live_on({}, side_by_side)
    assert len({life.id for life in change.living}) == len(change.living)
    assert [one.profile for _, one in change.open] == list(STARTING)
    body = OpportunitiesUpdated.FromString(opportunities_updated(side_by_side, change, 1).data)
    tables = read(body)
    assert [body.strings[row] for row in tables["markets"]["profile_s"]] == list(STARTING)
    assert tables["same_pools"]["market"].tolist() == [1, 2]
    assert tables["same_pools"]["pooled_as"].tolist() == [0, 0]
    # The working is told once: seven bookmakers, two outcomes.
    assert len(tables["references"]["market"]) == 7
    assert len(tables["prices"]["outcome"]) == len(tables["judged"]["price"]) == 14


def test_another_method_is_another_working() -> None:
    profiles = (Profile(), replace(Profile(), name="other", method=Method.SHIN, revision=5))
    (side_by_side,) = price_side_by_side([boards({H2H: board({**SIX, **SHARP})})], profiles)
    body = OpportunitiesUpdated.FromString(opportunities_updated(side_by_side, live_on({}, side_by_side), 1).data)
    tables = read(body)
    assert tables["same_pools"]["market"].tolist() == []
    assert len(tables["references"]["market"]) == 14
    assert (body.pricing_revision, tables["profiles"]["revision"].tolist()) == (5, [0, 5])
