"""The SQL of closing lines."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bet_intel.api.domain.closing import ClosingLines
from bet_intel.shared.postgres import Reader, Writer


async def lock(connection: Writer, event_ids: Collection[str]) -> None:
    """Let nobody else judge bets of these events by their closing lines: those lines, or a bet, may be under way."""
    await connection.execute(
        """
        select pg_advisory_xact_lock(hashtextextended('closing of ' || id, 0))
        from (select id from unnest($1::text[]) as asked (id) order by id) as ordered
        """,
        list(event_ids),
    )


async def put(connection: Writer, closings: Sequence[ClosingLines]) -> set[str]:
    """Store what is newer, of different events; returns whose were."""
    rows = await connection.fetch(
        """
        insert into closing (event_id, revision, voided, as_of, body, provider, sport, league, league_title, home, away,
            commence_time)
        select * from unnest($1::text[], $2::bigint[], $3::boolean[], $4::timestamptz[], $5::bytea[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[])
        on conflict (event_id) do update set
            revision = excluded.revision, voided = excluded.voided, as_of = excluded.as_of, body = excluded.body,
            provider = excluded.provider, sport = excluded.sport, league = excluded.league,
            league_title = excluded.league_title, home = excluded.home, away = excluded.away,
            commence_time = excluded.commence_time
        where excluded.revision > closing.revision
        returning event_id
        """,
        [each.event.id for each in closings],
        [each.revision for each in closings],
        [each.voided for each in closings],
        [each.as_of for each in closings],
        [each.body for each in closings],
        [each.event.provider for each in closings],
        [each.event.sport for each in closings],
        [each.event.league for each in closings],
        [each.event.league_title for each in closings],
        [each.event.home for each in closings],
        [each.event.away for each in closings],
        [each.event.commence_time for each in closings],
    )
    return {row["event_id"] for row in rows}


async def body(connection: Reader | Writer, event_id: str) -> bytes | None:
    """What was last told of an event's closing lines."""
    found: bytes | None = await connection.fetchval("select body from closing where event_id = $1", event_id)
    return found


async def has_none(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from closing)")
    return empty


async def delete_old(connection: Writer, before: datetime) -> int:
    """Delete some of those that were fixed before `before`."""
    status = await connection.execute(
        """
        delete from closing where event_id = any(array(
            select event_id from closing where as_of < $1 order by as_of limit 100 for update skip locked
        ))
        """,
        before,
    )
    return int(status.rpartition(" ")[2])
