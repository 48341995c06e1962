"""What a set tells of prices that were judged by other lines. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.priced import PricedMarket
from bet_intel.events.v1.opportunities_updated_pb2 import OpportunitiesUpdated
from bet_intel.shared.columns import fill


class ToldMarket(NamedTuple):
    """A market whose pool is told: the row of its first outcome, and the rows of the profile's markets."""

    market: PricedMarket
    first_outcome: int
    rows: Mapping[MarketKey, int]


def fill_estimates(body: OpportunitiesUpdated, told: Sequence[ToldMarket], bookmakers: Mapping[str, int]) -> None:
    """The estimates, a row for each outcome, and at the first of these rows the lines they are taken from."""
    rows = [
        (each.first_outcome + o, bookmakers[each.market.board.bookmakers[b]], o, one, each.rows)
        for each in told
        for b, one in each.market.fair.estimates.items()
        for o in range(len(each.market.board.outcomes))
    ]
    fill(
        body.estimates,
        outcome=[outcome for outcome, _, _, _, _ in rows],
        bookmaker=[book for _, book, _, _, _ in rows],
        low=[float(one.lowest[o]) for _, _, o, one, _ in rows],
        high=[float(one.highest[o]) for _, _, o, one, _ in rows],
        half_points=[one.half_points for _, _, _, one, _ in rows],
    )
    lines = [
        (row, market_rows[key], part)
        for row, (_, _, o, one, market_rows) in enumerate(rows)
        if o == 0
        for key, part in one.parts
    ]
    fill(
        body.estimate_lines,
        estimate=[row for row, _, _ in lines],
        market=[market for _, market, _ in lines],
        part=[part for _, _, part in lines],
    )
