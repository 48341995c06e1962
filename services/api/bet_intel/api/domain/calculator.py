"""What the calculators share: prices as they are written, read and shown. Pure."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from bet_intel.api.domain.odds_format import rendered
from bet_intel.odds import american_to_decimal

Format = Annotated[
    Literal["decimal", "american"], Meta(description="Of every price and of all odds, in the question and the answer.")
]
Written = Annotated[
    float, Meta(ge=-1_000_000, le=1_000_000, description="Decimal odds from 1.0001, or American odds from ±100.")
]
LOWEST = 1.0001
"""Below it decimal odds in 4 places are 1."""
_HIGHEST = 1e12
_FEWEST = 100.0


class CalculationError(Exception):
    """The numbers make no sense together; the message says which, and what would."""


def decimal_odds(prices: Sequence[float], odds_format: str) -> list[float]:
    """The prices as decimal odds.

    Raises:
        CalculationError: one of them is no price in this format.
    """
    if odds_format == "american":
        for price in prices:
            if abs(price) < _FEWEST:
                raise CalculationError(
                    f"{price:g} is no American price, which is +100 or more, or -100 or less: is it decimal?"
                )
        return [american_to_decimal(price) for price in prices]
    for price in prices:
        if price < LOWEST:
            raise CalculationError(
                f"{price:g} is no decimal price, which is {LOWEST} or more: American ones need odds_format american"
            )
    return list(prices)


def shown_odds(price: float | None, odds_format: str) -> float | None:
    """A price in 4 places or as a whole American number; None where it is too close to 1 or too high to be one."""
    if price is None or not LOWEST <= price <= _HIGHEST:
        return None
    return rendered(price, american=odds_format == "american")


def fair_price(probability: float | None) -> float | None:
    """1/p, None where the probability is none, or none that has a price."""
    return 1.0 / probability if probability is not None and 0.0 < probability < 1.0 else None
