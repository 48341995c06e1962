"""`bet-intel devig`: one bookmaker's prices without their margin."""

from itertools import zip_longest
from typing import Annotated

import msgspec
from cyclopts import Parameter

from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.compose.commands.output import complain, odds, percent, print_json, print_table, probability
from bet_intel.compose.commands.prices import OddsFormat, read_prices
from bet_intel.odds import (
    DISTINCT_MODELS,
    PARAMETER_NAMES,
    DevigStatus,
    Method,
    bands,
    decimal_to_american,
    devig_market,
)


class MarginParameter(msgspec.Struct, frozen=True):
    name: str
    value: float


class Band(msgspec.Struct, frozen=True):
    """Lowest and highest fair probability over the methods that give one for this market."""

    low: float
    high: float


class FairOutcome(msgspec.Struct, frozen=True):
    """`fair_odds` and `fair_american` are null where the probability is not between 0 and 1."""

    price: float
    implied_probability: float
    fair_probability: float
    fair_odds: float | None
    fair_american: int | None
    band: Band | None


class Fair(msgspec.Struct, frozen=True):
    """`status` is `ok` or `negative`: the method left (0, 1) for these prices, and its numbers are no probabilities."""

    method: str
    odds_format: str
    winners: float
    overround: float
    parameter: MarginParameter | None
    status: str
    outcomes: list[FairOutcome]


def devig_command(
    *prices: str,
    method: Method = Method.POWER,
    winners: float = 1.0,
    odds_format: OddsFormat = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Remove the margin from one bookmaker's prices of a market.

    Parameters
    ----------
    prices:
        The prices of all outcomes, decimal (2.6) or American (-110, +150), not mixed.
    method:
        How the bookmaker is taken to have spread its margin.
    winners:
        How many of the outcomes win: 2 where two reach the final.
    odds_format:
        How to read the prices; auto takes whole numbers of 100 or more for American.
    json:
        Print the answer as JSON.
    """
    if len(prices) < 2:
        raise UsageError(
            f"give the prices of all outcomes of the market, at least two: {len(prices)} says nothing of the margin"
        )
    if not 0 < winners < len(prices):
        raise UsageError(f"--winners is {winners:g}, and it must lie between 0 and the {len(prices)} outcomes")
    decimal, read_as = read_prices(prices, odds_format)
    fair = _fair(method, winners, decimal, read_as)
    if json:
        print_json(fair)
    else:
        _show(fair)
    if fair.status != "ok":
        complain(
            f"{method.value} leaves the range of probabilities for these prices: choose another --method, as power"
        )
        return 1
    return 0


def _fair(method: Method, winners: float, decimal: list[float], read_as: str) -> Fair:
    implied = [1.0 / price for price in decimal]
    found = devig_market(implied, method, winners)
    if found.status is DevigStatus.NO_OVERROUND:
        raise CommandError(
            f"the implied probabilities add up to {found.overround + winners:.4f}, below {winners:g}: there is no"
            " margin to remove (prices of several bookmakers, an outcome missing, or --winners too high)"
        )
    if found.status in (DevigStatus.INCOMPLETE, DevigStatus.NOT_CONVERGED):
        raise CommandError(f"{method.value} has no solution for these prices: choose another --method")
    between = bands(devig_market(implied, each, winners) for each in DISTINCT_MODELS)
    return Fair(
        method.value,
        read_as,
        winners,
        found.overround,
        MarginParameter(PARAMETER_NAMES[method], found.parameter) if method in PARAMETER_NAMES else None,
        found.status.name.lower(),
        [
            _outcome(price, r, p, band and Band(band.lowest, band.highest))
            for price, r, p, band in zip_longest(decimal, implied, found.probability, between)
        ],
    )


def _outcome(price: float, implied: float, p: float, band: Band | None) -> FairOutcome:
    fair = 1.0 / p if 0 < p < 1 else None
    american = None if fair is None else decimal_to_american(fair)
    return FairOutcome(round(price, 4), implied, p, None if fair is None else round(fair, 4), american, band)


def _show(fair: Fair) -> None:
    print_table(
        ("price", "implied", "fair probability", "fair odds", "American", "over all methods"),
        (
            (
                odds(one.price),
                probability(one.implied_probability),
                probability(one.fair_probability),
                odds(one.fair_odds),
                "" if one.fair_american is None else f"{one.fair_american:+d}",
                "" if one.band is None else f"{probability(one.band.low)}–{probability(one.band.high)}",
            )
            for one in fair.outcomes
        ),
        right=("price", "implied", "fair probability", "fair odds", "American"),
    )
    parameter = "" if fair.parameter is None else f", {fair.parameter.name} = {fair.parameter.value:.7f}"
    print(f"{fair.method}{parameter}; overround {percent(fair.overround)}")
