"""Decimal odds in the format a reader asked for."""

import numpy as np

from bet_intel.odds import decimal_to_american


def rendered(price: float, *, american: bool) -> float | int:
    """Decimal odds rounded to 4 places, or American odds as an integer."""
    if not american:
        return round(price, 4)
    return int(decimal_to_american(np.asarray([price]))[0])


def rendered_or_none(price: float | None, *, american: bool) -> float | int | None:
    return None if price is None else rendered(price, american=american)
