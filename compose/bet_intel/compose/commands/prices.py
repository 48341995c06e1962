"""Reading prices, probabilities and commissions as people write them."""

import re
from collections.abc import Sequence
from typing import Literal

from bet_intel.compose.commands.errors import UsageError
from bet_intel.odds import american_to_decimal

OddsFormat = Literal["auto", "decimal", "american"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_LARGEST = 1e12


def read_prices(texts: Sequence[str], odds_format: OddsFormat) -> tuple[list[float], Literal["decimal", "american"]]:
    """Decimal odds of prices that are all written in one format, and that format.

    A number with a plus, or of −100 or less, is American, one below 100 or with a decimal point decimal; a whole number
    of 100 or more may be either, and is American unless the format is named.

    Raises:
        UsageError: a text is no price, or they are a mix of both.
    """
    written = {text: (odds_format if odds_format != "auto" else _format_of(text)) for text in texts}
    sure = {format_ for format_ in written.values() if format_ != "either"}
    if len(sure) > 1 or (sure == {"decimal"} and "either" in written.values()):
        decimal = next(text for text, format_ in written.items() if format_ == "decimal")
        other = next(text for text, format_ in written.items() if format_ != "decimal")
        raise UsageError(
            f"{decimal} reads as decimal odds and {other} as American: give all prices in one format, or name it with"
            " --odds-format"
        )
    if sure == {"decimal"}:
        return [_decimal(text) for text in texts], "decimal"
    return [_american(text) for text in texts], "american"


def read_probability(text: str, what: str) -> float:
    """A probability strictly between 0 and 1, written as 0.4 or 40%.

    Raises:
        UsageError: it is not one.
    """
    value = _scaled(text, what)
    if not 0 < value < 1:
        raise UsageError(f"{what} is {text}: a probability lies between 0 and 1 (0.4, or 40%)")
    return value


def read_share(text: str, what: str) -> float:
    """A number from 0 to 1, 1 excluded, written as 0.02 or 2%.

    Raises:
        UsageError: it is not one.
    """
    share = _scaled(text, what)
    if not 0 <= share < 1:
        raise UsageError(f"{what} is {text}: give a share from 0 to below 1 (0.02, or 2%)")
    return share


def read_positive_share(text: str, what: str) -> float:
    """A number above 0 and at most 1, written as 0.25 or 25%.

    Raises:
        UsageError: it is not one.
    """
    share = _scaled(text, what)
    if not 0 < share <= 1:
        raise UsageError(f"{what} is {text}: give a share above 0 and at most 1 (0.25, or 25%)")
    return share


def read_ev(text: str, what: str) -> float:
    """An expected value above −1, written as 0.02, 2% or -1%.

    Raises:
        UsageError: it is not one.
    """
    ev = _scaled(text, what)
    if not -1 < ev <= _LARGEST:
        raise UsageError(f"{what} is {text}: an expected value is above -1 (0.02, or 2%)")
    return ev


def _scaled(text: str, what: str) -> float:
    return number(text.removesuffix("%"), what) / (100 if text.endswith("%") else 1)


def number(text: str, what: str) -> float:
    """A plain decimal number, without exponent or digit separators.

    Raises:
        UsageError: it is not one.
    """
    if not _NUMBER.fullmatch(text):
        comma = ", with a decimal point" if "," in text else ""
        raise UsageError(f"{what} is {text!r}: give a number{comma}, such as 2.6 or -110")
    return float(text)


def _format_of(text: str) -> Literal["decimal", "american", "either"]:
    value = number(text, "a price")
    if text.startswith("+") or value <= -100:
        return "american"
    if value < 100:
        _check_decimal(value, text)
        return "decimal"
    return "decimal" if "." in text else "either"


def _decimal(text: str) -> float:
    value = number(text, "a price")
    _check_decimal(value, text)
    return value


def _check_decimal(value: float, text: str) -> None:
    if not 1 < value <= _LARGEST:
        raise UsageError(
            f"{text} is no price: decimal odds are above 1, and American odds are -100 or less, or +100 or more"
        )


def _american(text: str) -> float:
    value = number(text, "a price")
    if not (100 <= abs(value) <= _LARGEST and value.is_integer()):
        raise UsageError(f"{text} is no American price: those are whole numbers of -100 or less, or +100 or more")
    return american_to_decimal(value)
