"""The stakes that a combination is shown with: in steps of each bookmaker, or of whoever asks."""

from collections.abc import Mapping
from dataclasses import replace as replaced
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bet_intel.api.answers import Combination
from bet_intel.api.combination_members import Staking, shown
from bet_intel.api.domain.combinations import KnownCombination, changed
from bet_intel.api.domain.model import OpenCombination, OpportunitySet
from bet_intel.api.wire import WireError, opportunity_set
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from fixtures.combination_messages import ARBITRAGE, FAIR, Engine
from fixtures.engine_boards import H2H, board

CENT = Decimal("0.01")
STEPS = st.sampled_from([Decimal(step) for step in ("0.01", "0.10", "0.50", "1", "2.50", "5", "20")])
WITH_A_LAY = board({**FAIR, "low": {"Away": 1.8, "Home": 2.16}}, lay={"smarkets": {"Home": 2.04}})


def told(stake_steps: Mapping[str, Decimal], *, lay: bool = False, lay_limit: float | None = None) -> OpportunitySet:
    """A set of one arbitrage: Away of low and Home of high backed; or Home of low backed, and laid at smarkets, which
    takes `lay_limit` of who backs it."""
    profile = replaced(Profile(), stake=Decimal(1_000_000), stake_steps=stake_steps)
    laid = WITH_A_LAY
    if lay_limit is not None:
        laid = replaced(laid, lay_limit=np.where(np.isnan(laid.lay), np.nan, lay_limit))
    return opportunity_set(Engine(profile).tells({H2H: laid if lay else ARBITRAGE}).data)


def payload(of: OpportunitySet) -> dict[str, Any]:
    """As the feed tells of the one arbitrage that opens."""
    (entry,) = changed({}, [of]).entries
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(entry.payload))
    return decoded


def seen(of: OpportunitySet, staking: Staking) -> Combination | None:
    return shown(payload(of), "decimal", staking)


@given(STEPS, STEPS, st.integers(50, 20_000), st.booleans())
def test_each_stake_is_a_multiple_of_what_its_bookmaker_takes_and_the_profit_is_certain(
    one: Decimal, other: Decimal, stake: int, lay: bool
) -> None:
    steps = {"low": one, "smarkets" if lay else "high": other}
    of = told(steps, lay=lay)
    combination = seen(of, Staking(Decimal(stake)))
    if combination is None:
        return
    stakes: list[Decimal] = []
    returned: list[Decimal] = []
    for leg, exact in zip(combination.legs, of.combinations[0].legs, strict=True):
        assert leg.step == steps[leg.bookmaker.key]
        assert leg.stake is not None
        risked = leg.stake / (Decimal(repr(leg.price)) - 1) if leg.side == "lay" else leg.stake
        assert risked % leg.step == 0
        stakes.append(leg.stake)
        returned.append(leg.stake * Decimal(repr(exact.net_price)))
    worst = min(returned) - sum(stakes)
    assert worst > 0
    assert combination.stakes.worst_profit == worst.quantize(CENT, ROUND_HALF_EVEN)
    assert combination.stakes.step == max(steps.values())


def test_the_step_that_is_asked_for_goes_before_those_of_the_bookmakers() -> None:
    of = told({"low": Decimal(5), "high": Decimal("0.50")})
    own, asked = seen(of, Staking()), seen(of, Staking(step=Decimal(1)))
    assert own is not None
    assert asked is not None
    assert [str(leg.stake) for leg in own.legs] == ["500.00", "497.50"]
    assert own.explanation[-1] == "Stakes are multiples of 5 with Low; 0.5 with High."
    assert [str(leg.stake) for leg in asked.legs] == ["502.00", "498.00"]
    assert not any("multiples" in sentence for sentence in asked.explanation)


def test_of_a_lay_it_is_said_that_its_step_is_that_of_who_backs_it() -> None:
    combination = seen(told({"low": Decimal(2)}, lay=True), Staking())
    assert combination is not None
    assert combination.explanation[-1] == "Stakes are multiples of 1 with smarkets (of who backs it); 2 with Low."


def test_of_a_lay_no_more_is_staked_than_the_exchange_takes() -> None:
    of = told({}, lay=True, lay_limit=20.0)
    combination = seen(of, Staking())
    assert combination is not None
    laid, backed = combination.legs
    assert (laid.side, laid.limit, laid.stake) == ("lay", 20.8, Decimal("20.80"))
    assert backed.stake == Decimal(19)
    assert combination.stakes.worst_profit is not None
    assert combination.stakes.worst_profit > 0
    # As a low hold would say it; an arbitrage without stakes is none.
    low_hold = {**payload(of), "kind": "low_hold"}
    coarse = shown(low_hold, "decimal", Staking(step=Decimal(50)))
    assert coarse is not None
    assert coarse.stakes.reason == (
        "smarkets takes at most 20.8 of liability against Home, less than one step of 52: choose a smaller step"
    )


def test_steps_that_make_a_loss_of_it_make_it_none() -> None:
    """500 at 2.06 and 500 at 2.08 win 30; 900 at the first, with 500 or 1000 at the second, may lose."""
    assert seen(told({"*": Decimal(500)}), Staking()) is not None
    assert seen(told({"low": Decimal(900), "high": Decimal(500)}), Staking()) is None


def test_a_step_that_changes_is_news() -> None:
    before, after = told({"low": Decimal(5)}), told({"low": Decimal(10)})
    (one,), (now,) = before.combinations, after.combinations
    same = replace(now, id=one.id)
    entries = changed({one.id: known(one)}, [replace(after, combinations=[same])]).entries
    assert [entry.kind for entry in entries] == ["arbitrage.updated"]
    assert changed({one.id: known(same)}, [replace(after, combinations=[same])]).entries == []


def known(one: OpenCombination) -> KnownCombination:
    return KnownCombination(**{name: getattr(one, name) for name in KnownCombination._fields})


def test_a_set_of_an_engine_that_tells_no_steps_has_steps_of_1() -> None:
    body = OpportunitiesUpdated.FromString(Engine(Profile(stake_step=Decimal(5))).tells({H2H: ARBITRAGE}).data)
    (of_today,) = opportunity_set(body.SerializeToString()).combinations
    body.ClearField("leg_steps")
    (of_before,) = opportunity_set(body.SerializeToString()).combinations
    assert [leg.step for one in (of_today, of_before) for leg in one.legs] == [5, 5, 1, 1]


@pytest.mark.parametrize("step", ["a lot", "NaN", "Infinity", "0", "-1", "1e-30"])
def test_what_is_no_step_is_no_message(step: str) -> None:
    body = OpportunitiesUpdated.FromString(Engine(Profile(stake_step=Decimal(5))).tells({H2H: ARBITRAGE}).data)
    body.strings[body.leg_steps.step_s[0]] = step
    with pytest.raises(WireError, match="step"):
        opportunity_set(body.SerializeToString())


def test_a_leg_without_its_step_is_no_message() -> None:
    body = OpportunitiesUpdated.FromString(Engine(Profile()).tells({H2H: ARBITRAGE}).data)
    body.leg_steps.step_s = body.leg_steps.step_s[:4]
    with pytest.raises(WireError, match="leg_steps has 1 rows, legs 2"):
        opportunity_set(body.SerializeToString())
