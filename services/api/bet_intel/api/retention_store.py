"""The SQL of retention."""

from datetime import UTC, date, datetime, time

from bet_intel.api.closed_store import CLOSED
from bet_intel.shared.postgres import Writer


async def delete_events(connection: Writer, before: datetime) -> int:
    """Delete some of the events that are closed since `before`, or of which nothing but opportunities was ever told,
    with their boards and sets; those with open opportunities stay."""
    # What is deleted from is named first, so that it is locked before opportunities, as the projector and migrations
    # lock them: the other way round each of two could have what the other waits for.
    deleted: int = await connection.fetchval(
        """
        with deleted as (
            delete from sporting_event where id = any(array(
                select id from sporting_event
                where (status = 'closed' or revision = 0) and as_of < $1
                    and not exists (select from opportunity where event_id = sporting_event.id)
                order by id limit 100 for update skip locked
            ))
            returning 1
        )
        select count(*) from deleted
        """,
        before,
    )
    if deleted:
        await connection.execute("update feed_position set generation = generation + 1")
    return deleted


async def forget_counts(connection: Writer, before: date) -> None:
    """Forget how many closed on days that are gone."""
    await connection.execute(
        """
        delete from closed_count
        where day < $1 and to_regclass($2 || '_' || to_char(day, 'YYYYMMDD')) is null
        """,
        before,
        CLOSED.name,
    )


async def move_feed_start(connection: Writer, first_day: date) -> None:
    """Entries that were told before `first_day` are not promised any more."""
    await connection.execute(
        """
        update feed_position set kept_from = old.seq + 1
        from (select max(seq) as seq from feed where told_at < $1) as old
        where old.seq >= kept_from
        """,
        datetime.combine(first_day, time.min, UTC),
    )
