"""Decimal odds in the format a reader asked for."""

from bet_intel.odds import decimal_to_american


def rendered(price: float, *, american: bool) -> float:
    """Decimal odds rounded to 4 places, or American odds as an integer."""
    return decimal_to_american(price) if american else round(price, 4)


def rendered_or_none(price: float | None, *, american: bool) -> float | None:
    return None if price is None else rendered(price, american=american)
