"""`/v1/events/{id}/explain`: why a price is an opportunity, or is none."""

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from bet_intel.api import read_model
from bet_intel.api.answers import PriceExplanation
from bet_intel.api.domain.accounts import READING
from bet_intel.api.domain.explanation import explain
from bet_intel.api.domain.model import MarketKey
from bet_intel.api.domain.odds_format import rendered_or_none
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.problems import NotFoundError
from bet_intel.api.query import Line, OddsFormat, ReadQuery, Text
from bet_intel.api.rendering import in_format
from bet_intel.api.working import SetWorking
from bet_intel.shared.postgres import Reader

_DESCRIPTION = """\
Everything behind one bookmaker's price, as data and as sentences, whether it is an opportunity or not: its age, who \
was asked, their prices without margin, their weights, who was left out and why, the pooled fair price, its band, what \
the price is worth against it, and the gate that refused it. `market`, `outcome` and `bookmaker` are those of \
/v1/events/{id}/odds. The sentences have decimal odds."""


class ExplainQuery(ReadQuery, frozen=True, kw_only=True):
    market: Annotated[Text, Meta(description="Market: h2h, spreads, totals, …")] = "h2h"
    period: Annotated[Text, Meta(description="Period of the market.")] = "full"
    line: Annotated[Line, Meta(description="Point of a total, the home side's point of a spread.")] | None = None
    subject: Annotated[Text, Meta(description="Player or team the market is about.")] | None = None
    outcome: Annotated[Text, Meta(description="Outcome, as it is named there.")]
    bookmaker: Annotated[Text, Meta(description="Key of the bookmaker.")]
    side: Annotated[Literal["back", "lay"], Meta(description="A price to back the outcome, or to lay it.")] = "back"
    profile: Annotated[Profile, Meta(description="Pricing profile.")] = "consensus"
    odds_format: Annotated[OddsFormat, Meta(description="Format of every price in the working.")] = "decimal"


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
            need=READING,
        ),
    )


async def _explain(connection: Reader, question: Question, asked: ExplainQuery) -> PriceExplanation:
    stored = await read_model.set_body(connection, question.path["id"])
    if stored is None:
        raise NotFoundError.of("event", question.path["id"], "/v1/events lists those that are open.")
    position = await read_model.position(connection)
    key = MarketKey(asked.market, asked.period, asked.line, asked.subject or "")
    of_set = SetWorking(stored[0])
    working = of_set.price(key, asked.outcome, asked.bookmaker, asked.profile, asked.side)
    if working is None or not await _is_seen(connection, question, key, of_set, asked.profile):
        raise NotFoundError(
            "The event has no such market, line, outcome, bookmaker or profile that your tier sees: "
            "/v1/events/{id}/odds has what there is."
        )
    american = asked.odds_format == "american"
    shown = replace(
        in_format(working, asked.odds_format),
        price=rendered_or_none(working.price, american=american),
        net_price=rendered_or_none(working.net_price, american=american),
    )
    return PriceExplanation(question.path["id"], explain(working), asked.odds_format, shown, position.as_of)


async def _is_seen(
    connection: Reader, question: Question, key: MarketKey, of_set: SetWorking, profile: Profile
) -> bool:
    """Whether the caller sees markets of the category, and this one has had its prices for as long as it takes: the
    working shows all of them."""
    view, category = question.caller.view, of_set.category(key, profile)
    if not view.delay:
        return view.has(category)
    since = await read_model.stands_since(connection, question.path["id"], key, of_set.odds_revision)
    position = await read_model.position(connection)
    return since is not None and view.shows([category], since, position.as_of)
