"""The SQL of what stood before the closing candidates: kept near the start, and looked into when the start moves."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bet_intel.ev_engine.domain.boards import SportingEvent
from bet_intel.shared.postgres import Writer

NEAR_START = timedelta(hours=2)
"""How long before the start what is replaced is kept: starts are corrected by minutes."""

_KEEP = """
    on conflict (line_id, at) do update set
        since = excluded.since, as_of = excluded.as_of, revision = excluded.revision,
        board = excluded.board, updated = excluded.updated
        where (known.revision, known.as_of) < (excluded.revision, excluded.as_of)
"""
_AT = "date_bin('30 seconds', {}, timestamptz 'epoch')"


_LINE = """
    -- By the whole index in either case, which "is not distinct from" is not.
    cross join lateral (
        select * from line where line.event_id = new.event_id and line.market = new.market
            and line.period = new.period and line.line = new.line and line.subject = new.subject
        union all
        select * from line where line.event_id = new.event_id and line.market = new.market
            and line.period = new.period and line.line is null and line.subject = new.subject and new.line is null
    ) as line
"""


async def keep_replaced(connection: Writer, boards: Sequence[list[object]]) -> None:
    """Keep the candidates that `boards` replace; before these are recorded. `boards`: columns event, market, period,
    line, subject, as_of, revision."""
    await connection.execute(
        f"""
        insert into earlier_line as known (line_id, at, since, as_of, revision, board, updated)
        select line.id, {_AT.format("closing_since")}, closing_since, closing_as_of, closing_revision, closing_board,
            closing_updated
        from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::timestamptz[], $7::bigint[])
            as new (event_id, market, period, line, subject, as_of, revision)
        {_LINE}
        where (closing_as_of, closing_revision) < (new.as_of, new.revision) and closing_revision <> new.revision
        {_KEEP}
        """,  # noqa: S608 - all parts are constants of ours
        *boards,
    )


async def keep_late(connection: Writer, boards: Sequence[list[object]]) -> None:
    """Keep those of `boards` that come behind the candidate which replaced them. `boards`: columns as above, board."""
    await connection.execute(
        f"""
        insert into earlier_line as known (line_id, at, since, as_of, revision, board)
        select line.id, {_AT.format("new.as_of")}, new.as_of, new.as_of, new.revision, new.board
        from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::timestamptz[], $7::bigint[],
            $8::jsonb[]) as new (event_id, market, period, line, subject, as_of, revision, board)
        {_LINE}
        where (closing_as_of, closing_revision) > (new.as_of, new.revision) and closing_revision <> new.revision
        {_KEEP}
        """,  # noqa: S608 - all parts are constants of ours
        *boards,
    )


async def keep_withdrawals(connection: Writer, withdrawals: Sequence[list[object]]) -> None:
    """Keep when markets were withdrawn. `withdrawals`: columns as of boards that replace."""
    await connection.execute(
        f"""
        insert into earlier_line as known (line_id, at, since, as_of, revision)
        select line.id, {_AT.format("new.as_of")}, new.as_of, new.as_of, new.revision
        from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::timestamptz[], $7::bigint[])
            as new (event_id, market, period, line, subject, as_of, revision)
        {_LINE}
        {_KEEP}
        """,  # noqa: S608 - all parts are constants of ours
        *withdrawals,
    )


async def move(connection: Writer, events: Sequence[SportingEvent]) -> None:
    """Hold the candidates of `events` against their new start: the newest board that was there at it is the closing,
    with the withdrawal after it. A board that was confirmed after the start is as of when it was first seen."""
    starts = [event.id for event in events], [event.commence_time for event in events]
    # It may be the closing again: starts are moved back, too.
    await connection.execute(
        f"""
        insert into earlier_line as known (line_id, at, since, as_of, revision, board, updated)
        select id, {_AT.format("closing_since")}, closing_since, closing_as_of, closing_revision, closing_board,
            closing_updated
        from line join unnest($1::text[], $2::timestamptz[]) as moved (event_id, start) using (event_id)
        where closing_as_of > start
        {_KEEP}
        """,  # noqa: S608 - both parts are constants of ours
        *starts,
    )
    await connection.execute(
        """
        with stood as (
            select line.id, start, known.*
            from unnest($1::text[], $2::timestamptz[]) as moved (event_id, start)
            join line using (event_id)
            cross join lateral (
                select since, as_of, revision, board, updated from earlier_line
                where line_id = line.id and since <= start and board is not null
                union all
                select closing_since, closing_as_of, closing_revision, closing_board, closing_updated
                where closing_since <= start
                union all
                select null, null, null, null, null
                order by since desc nulls last, revision desc, as_of desc limit 1
            ) as known
        )
        update line set
            closing_since = since,
            closing_as_of = case when as_of <= start then as_of else since end,
            closing_revision = revision,
            closing_board = board,
            closing_updated = case when as_of <= start then updated end
        from stood
        where line.id = stood.id
            and (closing_revision is distinct from revision or closing_as_of > start or closing_as_of <> as_of)
        """,
        *starts,
    )
    await connection.execute(
        """
        insert into withdrawn_line as known (event_id, market, period, line, subject, as_of, revision)
        select event_id, market, period, line, subject, earlier.as_of, earlier.revision
        from unnest($1::text[], $2::timestamptz[]) as moved (event_id, start)
        join line using (event_id)
        cross join lateral (
            select as_of, revision from earlier_line
            where line_id = line.id and since <= start and board is null
            order by since desc limit 1
        ) as earlier
        on conflict (event_id, market, period, line, subject) do update
            set as_of = excluded.as_of, revision = excluded.revision
            where known.revision < excluded.revision
        """,
        *starts,
    )


async def delete_old(connection: Writer, before: datetime) -> int:
    """Delete some of what stood before `before`: no start is moved to so long ago."""
    deleted: int = await connection.fetchval(
        """
        with old as (
            select line_id, at from earlier_line where since < $1
            order by since limit 500 for update skip locked
        ), gone as (
            delete from earlier_line using old
            where earlier_line.line_id = old.line_id and earlier_line.at = old.at returning 1
        )
        select count(*) from gone
        """,
        before,
    )
    return deleted
