"""`/v1/devig` and `/v1/price`: the mathematics behind the opportunities, for prices of the caller's own."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api.bodies import check_json, decoded, received
from bet_intel.api.domain.accounts import READING
from bet_intel.api.domain.calculator import CalculationError
from bet_intel.api.domain.devigging import DevigAnswer, DevigBody, devigged
from bet_intel.api.domain.worth import PriceAnswer, PriceBody, worth
from bet_intel.api.operation import JSON, NoParameters, Operation
from bet_intel.api.problems import BodyError
from bet_intel.api.query import parse

Body = TypeVar("Body", bound=msgspec.Struct)
_DEVIG_EXAMPLE = '{"prices": [1.87, 2.05]}'
_PRICE_EXAMPLE = '{"price": 2.2, "fair_probability": 0.48}'
_LONGEST = 65_536


def operations() -> tuple[Operation, ...]:
    problems = (400, 413, 415)
    return (
        Operation(
            "/v1/devig",
            "devig",
            "calculators",
            "Prices without their margin",
            _calculator(DevigBody, _DEVIG_EXAMPLE, devigged),
            "Fair probabilities and odds of a market from one bookmaker's prices, by every method or those asked for, "
            "with the band over all methods. Nothing is stored.",
            answer=DevigAnswer,
            problems=problems,
            method="POST",
            need=READING,
            body=DevigBody,
        ),
        Operation(
            "/v1/price",
            "price",
            "calculators",
            "What a price is worth",
            _calculator(PriceBody, _PRICE_EXAMPLE, worth),
            "EV, Kelly stake, break-even and odds to offer, against a fair probability, fair odds, or the prices of "
            "other bookmakers, which are devigged and pooled as those of opportunities are. Nothing is stored.",
            answer=PriceAnswer,
            problems=problems,
            method="POST",
            need=READING,
            body=PriceBody,
        ),
    )


def _calculator(
    structure: type[Body], example: str, calculate: Callable[[Body], msgspec.Struct]
) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        check_json(request)
        asked = decoded(await received(request, _LONGEST), structure, example)
        try:
            answer = calculate(asked)
        except CalculationError as error:
            raise BodyError(f"The body cannot be used: {error}.") from error
        return Response(msgspec.json.encode(answer), media_type=JSON)

    return respond
