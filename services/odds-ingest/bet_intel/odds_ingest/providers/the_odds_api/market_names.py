"""What a v4 market key says: the market, the part of the match it is about, and the side of the bet."""

import re
from typing import NamedTuple

from bet_intel.odds_ingest.domain.quotes import Side, is_spread

FULL_PERIOD = "full"

_PERIOD = re.compile(r"(?P<base>.+?)_(?P<period>h[12]|q[1-4]|p[1-3]|1st_\d+_innings|set_?[1-5])")


class MarketName(NamedTuple):
    """A v4 market key taken apart. `is_spread` tells that the points of home and away are of opposite sign."""

    market: str
    period: str
    side: Side
    is_spread: bool
    needs_line: bool


def market_name(key: str) -> MarketName:
    """Take a v4 market key apart: `alternate_spreads_h1` is the market `alternate_spreads` of the period `h1`.

    A key ending in `_lay` (`h2h_lay`, `outrights_lay`) is the lay side of the market before it.
    """
    base, period, side = key, FULL_PERIOD, Side.BACK
    base, side = _without_lay(base, side)
    if match := _PERIOD.fullmatch(base):
        base, period = match["base"], match["period"]
        base, side = _without_lay(base, side)
    return MarketName(base, period, side, is_spread(base), needs_line=is_spread(base) or "total" in base)


def _without_lay(key: str, side: Side) -> tuple[str, Side]:
    base = key.removesuffix("_lay")
    return (base, Side.LAY) if base and base != key else (key, side)
