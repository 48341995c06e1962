"""What each leg of a combination is worth by itself, and its step, as `opportunities.updated` tells it."""

from collections.abc import Sequence

from bet_intel.ev_engine.domain.legs import Leg
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.shared.columns import Strings, fill


def fill_legs(body: OpportunitiesUpdated, legs: Sequence[Leg], strings: Strings) -> None:
    """A row for each of `legs`, which have rows already."""
    fill(body.leg_steps, step_s=strings.rows(str(leg.step) for leg in legs))
    fill(
        body.leg_worths,
        ev=[leg.ev for leg in legs],
        plausible=[leg.plausible for leg in legs],
        band_low=[leg.band_low for leg in legs],
        band_high=[leg.band_high for leg in legs],
        refused_s=strings.rows(leg.refused for leg in legs),
    )
