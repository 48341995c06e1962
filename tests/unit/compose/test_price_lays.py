"""Prices to lay in the report of `bet-intel price`."""

from dataclasses import replace

import pytest

from bet_intel.compose.pricing.report import Refused
from bet_intel.compose.pricing.reporting import Wanted, event_report, outcomes
from bet_intel.ev_engine.domain.pricing import price
from bet_intel.ev_engine.domain.profile import Profile
from bet_intel.odds import Method, lay_expected_value
from fixtures.engine_boards import H2H, board, boards

FOUR = {name: {"Away": 1.20, "Home": 4.60} for name in ("alpha", "beta", "gamma", "delta")}
# Refused, since only one of its two outcomes can be laid.
TOLD = boards({H2H: board({**FOUR, "smarkets": {"Away": 1.26, "Home": 3.50}}, {"smarkets": {"Home": 3.60}})})


def refused(profile: Profile) -> Refused:
    """The lay of the home side."""
    (priced,) = price([TOLD], profile)
    report = event_report(priced, Wanted(0.0, ("take", "marginal")))
    (found,) = (one for *_, outcome in outcomes([report]) for one in outcome.refused if one.side == "lay")
    return found


def test_by_the_worst_case_a_refused_lay_is_worth_what_it_is_at_the_highest_probability() -> None:
    ((usual,),) = (one.markets for one in price([TOLD], Profile()))
    home, smarkets = usual.board.outcomes.index("Home"), usual.board.bookmakers.index("smarkets")
    p = float(usual.fair.leave_one_out[home, smarkets])
    assert refused(Profile()).ev == pytest.approx(lay_expected_value(p, 3.60, 0.02))
    worst = refused(replace(Profile(), method=Method.WORST_CASE))
    assert worst.ev is not None
    assert worst.ev < lay_expected_value(p, 3.60, 0.02) - 1e-6
