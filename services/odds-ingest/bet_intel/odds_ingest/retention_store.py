"""The SQL of retention."""

from datetime import datetime, timedelta

from bet_intel.shared.postgres import Reader, Writer

_REFRESHES_KEPT = timedelta(days=1)
_MONTHS_KEPT = timedelta(days=400)


async def newest_source_time(connection: Reader) -> datetime | None:
    newest: datetime | None = await connection.fetchval("select max(as_of) from event")
    return newest


async def delete_events(connection: Writer, before: datetime) -> int:
    """Delete some of the events that are closed since `before`, with their markets."""
    deleted: int = await connection.fetchval(
        """
        with over as (
            select id from event where not open and as_of < $1 order by id limit 100 for update skip locked
        ), deleted as (
            delete from event using over where event.id = over.id returning 1
        )
        select count(*) from deleted
        """,
        before,
    )
    return deleted


async def delete_records(connection: Writer, now: datetime) -> None:
    """Delete answered refreshes of more than a day ago and what was spent more than a year ago."""
    await connection.execute("delete from refresh where answered_at < $1", now - _REFRESHES_KEPT)
    await connection.execute("delete from quota_spent where starts < $1", now - _MONTHS_KEPT)
