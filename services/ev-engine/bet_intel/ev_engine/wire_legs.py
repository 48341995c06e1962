"""What each leg of a combination is worth by itself, and its step, as `opportunities.updated` tells it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bet_intel.ev_engine.domain.gates import NO_EV
from bet_intel.ev_engine.domain.legs import Leg
from bet_intel.ev_engine.domain.priced import Side
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.shared.columns import Strings, fill


class _Said(NamedTuple):
    """The band of the fair probability that the bet wins, and why it is refused as a single bet, or ""."""

    low: float
    high: float
    refused: str


def fill_legs(body: OpportunitiesUpdated, legs: Sequence[Leg], strings: Strings) -> None:
    """A row for each of `legs`, which have rows already."""
    fill(body.leg_steps, step_s=strings.rows(str(leg.step) for leg in legs))
    known: dict[tuple[int, int, int, Side], _Said] = {}
    said = []
    for leg in legs:
        # One price is a leg of several middles, as a rule.
        price = id(leg.market), leg.outcome, leg.bookmaker, leg.side
        if price not in known:
            known[price] = _said(leg)
        said.append(known[price])
    fill(
        body.leg_worths,
        ev=[leg.ev for leg in legs],
        plausible=[leg.plausible for leg in legs],
        band_low=[one.low for one in said],
        band_high=[one.high for one in said],
        refused_s=strings.rows(one.refused for one in said),
    )


def _said(leg: Leg) -> _Said:
    market, lays = leg.market, leg.side is Side.LAY
    if math.isnan(leg.fair) or market.asked is None:
        refused = market.refused_lays if lays else market.refused
        unjudged = refused.get((market.board.outcomes[leg.outcome], leg.key), "reference_missing")
        return _Said(math.nan, math.nan, unjudged)
    judgement, low, high = market.asked(leg.outcome, leg.bookmaker, leg.side)
    if lays:
        low, high = 1.0 - high, 1.0 - low
    return _Said(low, high, "" if judgement.refused == NO_EV else judgement.refused)
