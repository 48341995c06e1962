"""The SQL of retention."""

from datetime import datetime

from bet_intel.shared.postgres import Reader, Writer


async def newest_source_time(connection: Reader) -> datetime | None:
    newest: datetime | None = await connection.fetchval("select max(as_of) from event")
    return newest


async def delete_events(connection: Writer, before: datetime) -> int:
    """Delete some of the events that have neither prices nor opportunities since `before`, with their lines."""
    deleted: int = await connection.fetchval(
        """
        with over as (
            select id from event
            where not open and as_of < $1 and not exists (select from opportunity where event_id = event.id)
            order by id limit 100 for update skip locked
        ), lines as (
            delete from line using over where line.event_id = over.id
        ), events as (
            delete from event using over where event.id = over.id returning openings
        ), told as (
            select coalesce(sum(openings), 0)::bigint as openings, count(*) as events from events
        )
        update forgotten set openings = forgotten.openings + told.openings from told returning told.events
        """,
        before,
    )
    return deleted
