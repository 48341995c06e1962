"""`/v1/markets`."""

from typing import Annotated

from msgspec import Meta

from bet_intel.api import market_reads, read_model
from bet_intel.api.answers import MarketList, MarketState
from bet_intel.api.domain.accounts import READING
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.operation import Operation, Question, Reads
from bet_intel.api.paging import ShortListQuery, page_of
from bet_intel.api.query import TextList
from bet_intel.shared.postgres import Reader


class MarketQuery(ShortListQuery, frozen=True):
    sport: Annotated[TextList, Meta(description="Sports, separated by commas.")] = ()
    league: Annotated[TextList, Meta(description="Leagues, separated by commas.")] = ()
    profile: Annotated[Profile, Meta(description="Pricing profile of the opportunities.")] = "consensus"


def operations(reads: Reads) -> tuple[Operation, ...]:
    return (
        Operation(
            "/v1/markets",
            "listMarkets",
            "events",
            "Markets with what is open in each",
            reads.cached(MarketQuery, _list),
            "Every market and period that an open event has, by name: of how many events, how many lines, and the open "
            "opportunities of one pricing profile, whatever their EV.",
            MarketQuery,
            answer=MarketList,
            conditional=True,
            need=READING,
        ),
    )


async def _list(connection: Reader, question: Question, asked: MarketQuery) -> MarketList:
    rows = await market_reads.markets(connection, asked.sport, asked.league)
    counts = await market_reads.opportunities(
        connection, asked.profile, asked.sport, asked.league, question.caller.view
    )
    position = await read_model.position(connection)
    states = {
        (row["market"], row["period"]): MarketState(
            row["market"], row["period"], row["events"], row["lines"], row["suspended"], {}, row["changed_at"]
        )
        for row in rows
    }
    for row in counts:
        key = (row["market"], row["period"])
        # An opportunity stays for a moment after its market: it is of one all the same.
        state = states.setdefault(key, MarketState(*key, 0, 0, 0, {}, None))
        state.open_opportunities[row["class"]] = row["opportunities"]
    names = {f"{market} {period}": key for key in sorted(states) for market, period in [key]}
    page, more = page_of(sorted(names), str, asked, asked.limit, asked.cursor)
    return MarketList([states[names[name]] for name in page], more, position.as_of)
