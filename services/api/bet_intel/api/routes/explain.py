"""`/v1/events/{id}/explain`: why a price is an opportunity, or is none."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from bet_intel.api import read_model
from bet_intel.api.answers import PriceExplanation
from bet_intel.api.domain.explanation import explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.operation import Operation, Reads
from bet_intel.api.problems import NotFoundError, ParameterError
from bet_intel.api.query import Line, Query, Text
from bet_intel.api.working import SetWorking
from bet_intel.shared.postgres import Reader

_DESCRIPTION = """\
Everything behind one bookmaker's price, as data and as sentences, whether it is an opportunity or not: its age, who \
was asked, their prices without margin, their weights, who was left out and why, the pooled fair price, its band, what \
the price is worth against it, and the gate that refused it. `market`, `outcome` and `bookmaker` are those of \
/v1/events/{id}/odds. Prices are in decimal odds."""


class ExplainQuery(Query, frozen=True):
    market: Annotated[Text, Meta(description="Market: h2h, spreads, totals, …")] = "h2h"
    period: Annotated[Text, Meta(description="Period of the market.")] = "full"
    line: Annotated[Line, Meta(description="Point of a total, the home side's point of a spread.")] | None = None
    subject: Annotated[Text, Meta(description="Player or team the market is about.")] | None = None
    outcome: Annotated[Text, Meta(description="Outcome, as it is named there. Needed.")] | None = None
    bookmaker: Annotated[Text, Meta(description="Key of the bookmaker. Needed.")] | None = None
    profile: Annotated[Profile, Meta(description="Pricing profile.")] = "consensus"

    def check(self) -> None:
        for name in ("outcome", "bookmaker"):
            if getattr(self, name) is None:
                raise ParameterError(name, f"Which price? Say {name}=…, as /v1/events/{{id}}/odds names it.")


def operations(reads: Reads) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/events/{id}/explain",
            "explainPrice",
            "events",
            "Why a price is an opportunity, or is none",
            reads.plain(ExplainQuery, _explain),
            _DESCRIPTION,
            ExplainQuery,
            {"id": "Id of the event."},
            answer=PriceExplanation,
            problems=(400, 404, 503),
        ),
    )


async def _explain(connection: Reader, path: Mapping[str, str], asked: ExplainQuery) -> PriceExplanation:
    stored = await read_model.set_body(connection, path["id"])
    if stored is None:
        raise NotFoundError.of("event", path["id"], "/v1/events lists those that are open.")
    position = await read_model.position(connection)
    key = MarketKey(asked.market, asked.period, asked.line, asked.subject or "")
    working = SetWorking(stored[0]).price(key, asked.outcome or "", asked.bookmaker or "", asked.profile)
    if working is None:
        raise NotFoundError(
            "The event has no such market, line, outcome, bookmaker or profile: /v1/events/{id}/odds has what there is."
        )
    return PriceExplanation(path["id"], explain(working), working, position.as_of)
