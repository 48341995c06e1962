"""SQL of exports: what is read row by row, in an order that an index gives without sorting."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from bet_intel.api.read_model import Conditions, OpportunityFilter, Record, opportunity_conditions
from bet_intel.shared.postgres import Reader


class Statement(NamedTuple):
    """A query in two parts, so that it can be counted before it is read."""

    select: str
    of: str
    where: Conditions
    order: str


def open_opportunities(which: OpportunityFilter) -> Statement:
    return Statement(
        """select o.*, e.league_title, e.home, e.away, coalesce(b.title, o.bookmaker) as bookmaker_title,
            'open' as state, null::timestamptz as closed_at, null as close_reason""",
        "opportunity o join sporting_event e on e.id = o.event_id left join bookmaker b on b.key = o.bookmaker",
        opportunity_conditions(which),
        "o.first_seen, o.id",
    )


def closed_opportunities(which: OpportunityFilter, since: datetime | None, until: datetime | None) -> Statement:
    where = opportunity_conditions(which)
    where.add_if("o.closed_at >= {}", since)
    where.add_if("o.closed_at < {}", until)
    return Statement(
        "select o.*, coalesce(b.title, o.bookmaker) as bookmaker_title, 'closed' as state",
        "closed_opportunity o left join bookmaker b on b.key = o.bookmaker",
        where,
        "o.closed_at, o.id",
    )


class ExportedHistory(NamedTuple):
    """Which price changes of which events; None and () stand for "any". Times are source times."""

    events: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    bookmakers: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


def history(which: ExportedHistory) -> Statement:
    """Event by event, the oldest change first: the order of the index."""
    where = Conditions("true")
    where.add_if("h.event_id = any({})", which.events)
    where.add_if("h.market = any({})", which.markets)
    where.add_if("h.bookmaker = any({})", which.bookmakers)
    where.add_if("h.outcome = any({})", which.outcomes)
    where.add_if("h.as_of >= {}", which.since)
    where.add_if("h.as_of < {}", which.until)
    return Statement(
        "select h.*, coalesce(b.title, h.bookmaker) as bookmaker_title",
        "price_history h left join bookmaker b on b.key = h.bookmaker",
        where,
        "h.event_id, h.as_of, h.id",
    )


async def exceeds(connection: Reader, statement: Statement, most: int) -> bool:
    """Whether there are more than so many rows; looks at one more than that at most."""
    found: int = await connection.fetchval(
        f"select count(*) from (select from {statement.of} where {statement.where} limit {int(most) + 1}) as found",  # noqa: S608 - words of ours and numbers
        *statement.where.arguments,
    )
    return found > most


async def batches(connection: Reader, statement: Statement, size: int) -> AsyncIterator[list[Record]]:
    """The rows, so many at a time, from a cursor on the server: no more of them is ever in this process."""
    query = f"{statement.select} from {statement.of} where {statement.where} order by {statement.order}"
    rows = await connection.cursor(query, *statement.where.arguments)
    while batch := await rows.fetch(size):
        yield batch
