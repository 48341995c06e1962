"""SQL that writes opportunities which are over, and how many there are of each day."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from bet_intel.api.domain.model import Closing, OpenOpportunity
from bet_intel.shared.partitions import DailyTable
from bet_intel.shared.postgres import Writer

CLOSED = DailyTable("closed_opportunity", "closed_at")
"""By source time."""

_COLUMNS = ", ".join("class" if field == "class_" else field for field in OpenOpportunity._fields)


async def close(connection: Writer, closings: Sequence[Closing]) -> Counter[date]:
    """Move what has closed; returns how many more there are of each day."""
    if not closings:
        return Counter()
    rows = await connection.fetch(
        f"""
        with closing as (
            select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::jsonb[])
                as closing (id, closed_at, close_reason, detail)
        ), over as (
            delete from opportunity using closing where opportunity.id = closing.id
            returning opportunity.*, closing.closed_at, closing.close_reason, closing.detail
        )
        insert into closed_opportunity ({_COLUMNS}, league_title, home, away, closed_at, close_reason, detail)
        select {", ".join(f"over.{column}" for column in _COLUMNS.split(", "))},
            event.league_title, event.home, event.away, over.closed_at, over.close_reason, over.detail
        from over join sporting_event event on event.id = over.event_id
        returning (closed_at at time zone 'UTC')::date as day
        """,  # noqa: S608 - the column names are those of a tuple of ours
        [closing.id for closing in closings],
        [closing.closed_at for closing in closings],
        [closing.reason for closing in closings],
        [closing.detail.decode() for closing in closings],
    )
    return Counter(row["day"] for row in rows)


async def reopen(connection: Writer, ids: Collection[str]) -> Counter[date]:
    """Forget that these have closed; returns how many fewer there are of each day."""
    if not ids:
        return Counter()
    rows = await connection.fetch(
        """
        delete from closed_opportunity where id = any($1::text[])
        returning (closed_at at time zone 'UTC')::date as day
        """,
        list(ids),
    )
    return Counter(row["day"] for row in rows)


async def count(connection: Writer, more: Mapping[date, int]) -> None:
    """Add to the counts of days."""
    days = sorted(day for day, number in more.items() if number)
    if days:
        await connection.execute(
            """
            insert into closed_count (day, opportunities) select day, 0 from unnest($1::date[]) as day
            on conflict (day) do nothing
            """,
            days,
        )
        # Never below 0: retention may have forgotten a day to which something came late.
        await connection.execute(
            """
            update closed_count set opportunities = greatest(0, closed_count.opportunities + more.opportunities)
            from unnest($1::date[], $2::bigint[]) as more (day, opportunities) where closed_count.day = more.day
            """,
            days,
            [more[day] for day in days],
        )
