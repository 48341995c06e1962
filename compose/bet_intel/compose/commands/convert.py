"""`bet-intel convert`: odds and implied probabilities into each other."""

from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from bet_intel.compose.commands.errors import UsageError
from bet_intel.compose.commands.output import print_json, print_table, probability
from bet_intel.compose.commands.prices import number, read_prices, read_probability
from bet_intel.odds import decimal_price, decimal_to_american, implied_probability

ReadAs = Literal["decimal", "american", "probability"]


class Converted(msgspec.Struct, frozen=True):
    """One value in every notation. `decimal` and `implied_probability` are not rounded, `american` is the nearest."""

    value: str
    read_as: ReadAs
    decimal: float
    american: int
    implied_probability: float


def convert_command(
    *values: str,
    from_: Annotated[ReadAs | None, Parameter(name="--from")] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Decimal odds, American odds and implied probabilities into each other.

    Parameters
    ----------
    values:
        Decimal odds (2.5), American odds (-110, +150) or implied probabilities (0.4, 40%); each is read by itself.
    from_:
        How to read all values, in place of telling by each: 151 is American unless --from decimal.
    json:
        Print the answer as JSON.
    """
    if not values:
        raise UsageError("give at least one value, such as 2.5, -110 or 40%")
    converted = [_converted(value, from_ or _notation(value)) for value in values]
    if json:
        print_json({"values": converted})
        return 0
    print_table(
        ("value", "read as", "decimal", "American", "implied probability"),
        (
            (one.value, one.read_as, f"{one.decimal:.4f}", f"{one.american:+d}", probability(one.implied_probability))
            for one in converted
        ),
        right=("value", "decimal", "American", "implied probability"),
    )
    return 0


def _notation(text: str) -> ReadAs:
    if text.endswith("%") or (not text.startswith("+") and 0 < number(text, "a value") < 1):
        return "probability"
    return read_prices([text], "auto")[1]


def _converted(text: str, read_as: ReadAs) -> Converted:
    if read_as == "probability":
        decimal = decimal_price(read_probability(text, "a probability"))
    else:
        (decimal,), _ = read_prices([text], read_as)
    return Converted(text, read_as, decimal, decimal_to_american(decimal), implied_probability(decimal))
