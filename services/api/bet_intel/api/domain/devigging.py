"""One bookmaker's prices of a market without their margin, by every method. Pure."""

import math
from itertools import zip_longest
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.domain.calculator import CalculationError, Format, Written, decimal_odds, fair_price, shown_odds
from bet_intel.api.domain.working import Band
from bet_intel.odds import (
    DISTINCT_MODELS,
    PARAMETER_NAMES,
    DeviggedMarket,
    DevigStatus,
    Method,
    bands,
    devig_market,
)

_MOST_OUTCOMES = 100


class DevigBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One bookmaker's prices of all outcomes of a market."""

    prices: Annotated[
        tuple[Written, ...], Meta(min_length=2, max_length=_MOST_OUTCOMES, description="Of every outcome.")
    ]
    outcomes: Annotated[
        tuple[Annotated[str, Meta(max_length=200)], ...],
        Meta(max_length=_MOST_OUTCOMES, description="Their names, in the order of the prices; by default 1, 2, …"),
    ] = ()
    odds_format: Format = "decimal"
    methods: Annotated[
        tuple[Method, ...], Meta(min_length=1, max_length=len(Method), description="By default all of them.")
    ] = tuple(Method)
    winners: Annotated[
        int, Meta(ge=1, lt=_MOST_OUTCOMES, description="How many of the outcomes win: 2 where two reach the final.")
    ] = 1


class DevigOutcome(msgspec.Struct, frozen=True):
    """An outcome as it is priced. `band` is over the methods that have an answer for this market, whichever are asked
    for; null where none has."""

    outcome: str
    price: float | None
    implied_probability: Annotated[float, Meta(description="1 / price, margin included.")]
    band: Band | None


class FairProbability(msgspec.Struct, frozen=True):
    outcome: str
    fair_probability: Annotated[float | None, Meta(description="Null where the method has no answer.")]
    fair_odds: Annotated[float | None, Meta(description="1 / fair_probability in the format asked for.")]


class MarginParameter(msgspec.Struct, frozen=True):
    """What the method found the margin to be, in its own terms."""

    name: str
    value: float


class MethodAnswer(msgspec.Struct, frozen=True):
    """What one method makes of the market."""

    method: str
    status: Annotated[
        str,
        Meta(
            description="ok; negative: it left the range of probabilities, and its numbers are shown as they are; "
            "not_converged: its equation has no root for these prices."
        ),
    ]
    parameter: MarginParameter | None
    outcomes: list[FairProbability]


class DevigAnswer(msgspec.Struct, frozen=True):
    """A market without its margin."""

    odds_format: str
    winners: int
    overround: Annotated[float, Meta(description="Sum of the implied probabilities minus `winners`.")]
    hold: Annotated[float, Meta(description="Share of all stakes that the margin keeps: 1 − winners / sum.")]
    outcomes: list[DevigOutcome]
    methods: list[MethodAnswer]


def devigged(asked: DevigBody) -> DevigAnswer:
    """
    Raises:
        CalculationError: a price that is none, names that do not fit, too many winners, or no margin to remove.
    """
    names = asked.outcomes or tuple(str(number) for number, _ in enumerate(asked.prices, 1))
    if len(names) != len(asked.prices):
        raise CalculationError(f"there are {len(asked.prices)} prices and {len(names)} outcomes: give a name for each")
    if asked.winners >= len(asked.prices):
        raise CalculationError(f"winners is {asked.winners}, and must be below the {len(asked.prices)} outcomes")
    decimal = decimal_odds(asked.prices, asked.odds_format)
    implied = [1.0 / price for price in decimal]
    total = sum(implied)
    found = {method: devig_market(implied, method, asked.winners) for method in {*asked.methods, *DISTINCT_MODELS}}
    if found[Method.POWER].status is DevigStatus.NO_OVERROUND:
        raise CalculationError(
            f"the implied probabilities add up to {total:.4f}, below {asked.winners}: there is no margin to remove "
            "(prices of several bookmakers, an outcome missing, or winners too high)"
        )
    between = bands(found[method] for method in DISTINCT_MODELS)
    return DevigAnswer(
        asked.odds_format,
        asked.winners,
        total - asked.winners,
        1.0 - asked.winners / total,
        [
            DevigOutcome(name, shown_odds(price, asked.odds_format), r, band and Band(band.lowest, band.highest))
            for name, price, r, band in zip_longest(names, decimal, implied, between)
        ],
        [_method(found[method], names, asked.odds_format) for method in dict.fromkeys(asked.methods)],
    )


def _method(found: DeviggedMarket, names: tuple[str, ...], odds_format: str) -> MethodAnswer:
    value = found.parameter
    return MethodAnswer(
        found.method.value,
        found.status.name.lower(),
        MarginParameter(PARAMETER_NAMES[found.method], value) if math.isfinite(value) else None,
        [
            FairProbability(name, None if math.isnan(p) else p, shown_odds(fair_price(p), odds_format))
            for name, p in zip(names, found.probability, strict=True)
        ],
    )
