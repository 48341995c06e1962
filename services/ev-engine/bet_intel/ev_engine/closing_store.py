"""The SQL of closing lines."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from bet_intel.ev_engine.domain.boards import MarketKey
from bet_intel.ev_engine.domain.closing import BookPrices, Candidate
from bet_intel.shared.postgres import Reader, Writer


class Told(NamedTuple):
    """What was last told of an event's closing lines. `swept_of`: the revision of the newest update it was told with,
    where the sweep told it and no update of after the start has come since."""

    event_id: str
    revision: int
    starts: datetime
    voided: bool
    digest: bytes
    as_of: datetime
    body: bytes
    swept_of: int | None = None


class _Book(msgspec.Struct):
    updated_us: int
    back: dict[str, float]
    lay: dict[str, float]
    limit: dict[str, float] = {}


async def last_told(connection: Writer, ids: Collection[str]) -> dict[str, Told]:
    """By event; the caller holds the events' locks."""
    rows = await connection.fetch(
        """
        select closing.*, swept_closing.odds_revision as swept_of
        from closing left join swept_closing using (event_id) where event_id = any($1::text[])
        """,
        list(ids),
    )
    return {row["event_id"]: Told(**row) for row in rows}


async def put(connection: Writer, closings: Sequence[Told]) -> None:
    """`swept_of` apart, which `note_swept` writes."""
    await connection.execute(
        """
        insert into closing (event_id, revision, starts, voided, digest, as_of, body)
        select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::boolean[], $5::bytea[],
            $6::timestamptz[], $7::bytea[])
        on conflict (event_id) do update set
            revision = excluded.revision, starts = excluded.starts, voided = excluded.voided,
            digest = excluded.digest, as_of = excluded.as_of, body = excluded.body
        """,
        *map(list, zip(*(one[:7] for one in closings), strict=True)),
    )


async def note_swept(connection: Writer, odds_revisions: Mapping[str, int]) -> None:
    """Note the newest update that the sweep has told of, by event. They have closing lines."""
    await connection.execute(
        """
        insert into swept_closing (event_id, odds_revision) select * from unnest($1::text[], $2::bigint[])
        on conflict (event_id) do update set odds_revision = excluded.odds_revision
        """,
        list(odds_revisions),
        list(odds_revisions.values()),
    )


async def leave_to_passes(connection: Writer, ids: Sequence[str]) -> None:
    """Forget that the sweep told of these events: updates of after their start have come."""
    await connection.execute("delete from swept_closing where event_id = any($1::text[])", ids)


async def candidates(connection: Writer, ids: Collection[str]) -> dict[str, list[Candidate]]:
    """What may have closed of each event, by event; without prices where it is not known what stood at the start."""
    rows = await connection.fetch(
        """
        select line.event_id, line.market, line.period, line.line, line.subject,
            coalesce(closing_as_of, opening_as_of) as as_of, closing_board, closing_updated,
            withdrawn_line.as_of as withdrawn
        from line
        join event on event.id = line.event_id
        -- One of after the start withdrew nothing that closes: earlier releases note them too, beside this one.
        left join withdrawn_line on withdrawn_line.event_id = line.event_id and withdrawn_line.market = line.market
            and withdrawn_line.period = line.period and withdrawn_line.line is not distinct from line.line
            and withdrawn_line.subject = line.subject and withdrawn_line.revision > line.closing_revision
            and withdrawn_line.as_of <= event.commence_time
        -- What was first offered after the start does not close; it may, when the start moves.
        where line.event_id = any($1::text[]) and (opening_as_of > commence_time) is not true
        order by line.event_id, line.market, line.period, line.subject, line.line
        """,
        list(ids),
    )
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for row in rows:
        board = msgspec.json.decode(row["closing_board"] or "{}", type=dict[str, _Book])
        confirmed = msgspec.json.decode(row["closing_updated"] or "{}", type=dict[str, int])
        books = {
            key: BookPrices(confirmed.get(key, one.updated_us), one.back, one.lay, one.limit)
            for key, one in board.items()
        }
        key = MarketKey(row["market"], row["period"], row["line"], row["subject"])
        found[row["event_id"]].append(Candidate(key, row["as_of"], books, row["withdrawn"]))
    return found


async def started(connection: Reader, after: str, limit: int) -> dict[str, datetime]:
    """Events behind `after`, in the order of their ids, that have started by the newest source time there is and have
    no closing lines, or have been told of since the sweep told theirs; with that time."""
    rows = await connection.fetch(
        """
        select id, newest.as_of from event, (select max(as_of) as as_of from event) as newest
        where id > $1 and commence_time < newest.as_of
            and not exists (
                select from closing left join swept_closing using (event_id)
                where event_id = event.id and not voided
                    and (swept_closing.odds_revision is null or swept_closing.odds_revision >= event.odds_revision)
            )
        order by id limit $2
        """,
        after,
        limit,
    )
    return {row["id"]: row["as_of"] for row in rows}


async def page(connection: Writer, after: str, limit: int) -> list[Told]:
    """What was told, in the order of event ids."""
    rows = await connection.fetch("select * from closing where event_id > $1 order by event_id limit $2", after, limit)
    return [Told(**row) for row in rows]
