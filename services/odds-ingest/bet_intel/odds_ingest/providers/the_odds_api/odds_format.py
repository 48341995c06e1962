"""Telling American from decimal odds by the values of a whole response, and reading a price in that format."""

import math
from collections.abc import Iterable
from enum import StrEnum

from bet_intel.odds import american_to_decimal

# Exchanges end at 1,000 and outsiders of large fields at a few thousand.
_HIGHEST_PRICE = 10_000


class OddsFormat(StrEnum):
    """How the prices of a response are written."""

    AMERICAN = "american"
    DECIMAL = "decimal"


class PriceReader:
    """Reads the prices of one response as decimal odds rounded to 4 places.

    A value of −100 or less can only be American; a value from 1 to 100, or a broken number above 1, only decimal; a
    whole number of 100 or more can be either. The format with more such evidence is the response's; without evidence
    (every value a whole number ≥ 100) it is American, because no market of decimal odds is made of long shots alone.
    Where a response holds evidence of both, values that cannot be of its format are refused, and in a decimal one also
    whole numbers ≥ 100: +150 read as 150.0 would be an enormous phantom edge.
    """

    def __init__(self, prices: Iterable[float], odds_format: OddsFormat | None = None) -> None:
        """Tell the format from the values of `prices`; `odds_format` says it where the response was asked for so."""
        american = decimal = 0
        for value in prices:
            if 1 <= value < 100:
                decimal += 1
            elif value <= -100:
                american += value.is_integer()
            elif value > 100 and not math.isinf(value) and not value.is_integer():
                decimal += 1
        told = OddsFormat.DECIMAL if decimal > 0 and decimal >= american else OddsFormat.AMERICAN
        self.odds_format = odds_format or told
        self._ambiguous_from = 100.0 if self.odds_format is OddsFormat.DECIMAL and american else math.inf
        self._known: dict[float, float] = {}

    def decimal(self, value: float) -> float:
        """Decimal odds (> 1, 4 places) of a price.

        Raises:
            ValueError: the value is no price in this format; the text says why.
        """
        known = self._known.get(value)
        if known is None:
            if not math.isfinite(value):
                raise ValueError(f"the price {value} is not finite")
            known = self._american(value) if self.odds_format is OddsFormat.AMERICAN else self._decimal(value)
            if known <= 1:
                raise ValueError(f"the price {value:g} pays nothing: decimal odds must be above 1 (at 4 places)")
            if known > _HIGHEST_PRICE:
                raise ValueError(f"the price {value:g} is above {_HIGHEST_PRICE:,}: nobody offers that")
            self._known[value] = known
        return known

    @staticmethod
    def _american(value: float) -> float:
        if abs(value) < 100 or not value.is_integer():
            raise ValueError(f"the price {value:g} is not American: those are whole numbers ≤ −100 or ≥ 100")
        return round(float(american_to_decimal(int(value))), 4)

    def _decimal(self, value: float) -> float:
        if value >= self._ambiguous_from and value.is_integer():
            raise ValueError(f"the price {value:g} may be American or decimal: the response mixes both formats")
        return round(value, 4)
