"""The SQL of what was told of events shortly after their start: looked into when the start moves to a later time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bet_intel.ev_engine.domain.boards import BoardUpdate, SportingEvent
from bet_intel.ev_engine.wire import stored_update
from bet_intel.shared.postgres import Writer

SHORTLY_AFTER = timedelta(minutes=10)
"""How long after the start what is told is kept: starts are corrected by minutes."""


async def keep(connection: Writer, updates: Sequence[BoardUpdate]) -> None:
    await connection.execute(
        """
        insert into later_update (event_id, revision, as_of, body)
        select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bytea[]) on conflict do nothing
        """,
        [update.event.id for update in updates],
        [update.revision for update in updates],
        [update.as_of for update in updates],
        [update.body for update in updates],
    )


async def kept(connection: Writer, events: Sequence[SportingEvent]) -> list[BoardUpdate]:
    """What was kept of `events` and is not after their start any more, each event's in the order of revisions; as it
    was told, but for the start, which is that of `events`."""
    rows = await connection.fetch(
        """
        select place, body from later_update
        join unnest($1::text[], $2::timestamptz[]) with ordinality as moved (event_id, start, place) using (event_id)
        where as_of <= start order by place, revision
        """,
        [event.id for event in events],
        [event.commence_time for event in events],
    )
    return [stored_update(row["body"], events[row["place"] - 1].commence_time) for row in rows]


async def delete_old(connection: Writer, before: datetime) -> int:
    """Delete some of what is from before `before`: no start is moved to so long ago."""
    deleted: int = await connection.fetchval(
        """
        with old as (
            select event_id, revision from later_update where as_of < $1
            order by as_of limit 500 for update skip locked
        ), gone as (
            delete from later_update using old
            where later_update.event_id = old.event_id and later_update.revision = old.revision returning 1
        )
        select count(*) from gone
        """,
        before,
    )
    return deleted
