"""SQL that reads the history of prices."""

from datetime import datetime
from typing import NamedTuple

from bet_intel.api.read_model import Conditions, Order, Record, page
from bet_intel.shared.postgres import Reader


class HistoryFilter(NamedTuple):
    """Which price changes of an event; None and () stand for "any". Times are source times."""

    event: str
    markets: tuple[str, ...] = ()
    period: str | None = None
    line: float | None = None
    subject: str | None = None
    bookmakers: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


async def price_changes(
    connection: Reader, which: HistoryFilter, after: tuple[datetime, int] | None, limit: int
) -> list[Record]:
    """Price changes, the oldest first; `after` is the source time and the id of the last one seen."""
    where = Conditions()
    where.add("event_id = {}", which.event)
    where.add_if("market = any({})", which.markets)
    where.add_if("period = {}", which.period)
    where.add_if("line = {}", which.line)
    where.add_if("subject = {}", which.subject)
    where.add_if("bookmaker = any({})", which.bookmakers)
    where.add_if("outcome = any({})", which.outcomes)
    where.add_if("as_of >= {}", which.since)
    where.add_if("as_of < {}", which.until)
    return await page(connection, "select * from price_history", where, Order("as_of"), after, limit)


async def has_history(connection: Reader, event_id: str) -> bool:
    """Whether any price of the event is in the history."""
    known: bool = await connection.fetchval("select exists (select from price_history where event_id = $1)", event_id)
    return known
