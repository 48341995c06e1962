"""Everything ev-engine asks of its database."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, NamedTuple

import asyncpg

from bet_intel.ev_engine import line_store
from bet_intel.ev_engine.domain.boards import BoardUpdate, EventBoards
from bet_intel.ev_engine.domain.lives import Change, Life
from bet_intel.ev_engine.wire import decode_boards, encode_boards
from bet_intel.shared.partitions import DailyTable
from bet_intel.shared.postgres import Reader, Writer

_ENDED = ["closed", "close_reason"]
_COLUMNS = [field.name for field in fields(Life)]
_OPEN_COLUMNS = [column for column in _COLUMNS if column not in _ENDED]
_LIFE = ", ".join(_COLUMNS)
_OPEN = ", ".join(_OPEN_COLUMNS)
CLOSED = DailyTable("closed_opportunity", "closed")
"""Lives that have ended, by the source time of their end."""

_OPEN_ARRAYS = """$1::text[], $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::timestamptz[],
        $7::timestamptz[], $8::float8[], $9::float8[], $10::timestamptz[]"""


class PassedSet(NamedTuple):
    """An event after a pass: its boards, the revision of its set, what became of its opportunities, and what told of
    it, where something did."""

    boards: EventBoards
    revision: int
    change: Change
    told: BoardUpdate | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the engine knows of one event: its boards (None before the first), its set's revision, and by key the lives
    that a pass may have to do with."""

    boards: EventBoards | None
    revision: int
    lives: Mapping[str, Life]


@dataclass(frozen=True, slots=True)
class Totals:
    """Openings and closings of opportunities since the data began (each re-opening counts), and how many are open."""

    opened: int
    closed: int
    open: int


class Store:
    """Boards, lives and lines. Keeps the boards it last wrote or read, and trusts them only where the locked row's
    revision agrees."""

    def __init__(self) -> None:
        self._cache: dict[str, tuple[int, EventBoards]] = {}

    async def lock(self, connection: Writer, ids: Collection[str]) -> list[asyncpg.Record]:
        """Lock the events `ids` in their order, those never seen included."""
        ordered = sorted(ids)
        # All of them: that the cache knows one does not mean that its first transaction was committed.
        await connection.execute(
            "insert into event (id) select * from unnest($1::text[]) on conflict do nothing", ordered
        )
        return await connection.fetch(
            "select id, revision, as_of from event where id = any($1::text[]) order by id for update", ordered
        )

    async def known(
        self, connection: Writer, rows: Sequence[asyncpg.Record], reopen_seconds: float
    ) -> dict[str, Known]:
        """What is known of the events that were locked."""
        missing = [row["id"] for row in rows if self._cached(row["id"], row["revision"]) is None]
        await self._read_boards(connection, missing)
        lives = await self._read_lives(connection, rows, reopen_seconds)
        return {
            row["id"]: Known(self._cached(row["id"], row["revision"]), row["revision"], lives[row["id"]])
            for row in rows
        }

    def _cached(self, id: str, revision: int) -> EventBoards | None:
        cached = self._cache.get(id)
        return cached[1] if cached and cached[0] == revision else None

    async def _read_boards(self, connection: Writer, ids: list[str]) -> None:
        if not ids:
            return
        rows = await connection.fetch(
            "select id, revision, boards from event where id = any($1::text[]) and boards is not null", ids
        )
        for row in rows:
            self._cache[row["id"]] = (row["revision"], decode_boards(row["boards"]))

    async def _read_lives(
        self, connection: Writer, events: Sequence[asyncpg.Record], reopen_seconds: float
    ) -> defaultdict[str, dict[str, Life]]:
        lives: defaultdict[str, dict[str, Life]] = defaultdict(dict)
        # A set's time only grows, so whatever closed before the last one by more than that cannot re-open.
        since = [row["as_of"] and row["as_of"] - timedelta(seconds=reopen_seconds) for row in events]
        rows = await connection.fetch(
            f"""
            select {_OPEN}, null as closed, null as close_reason from opportunity where event_id = any($1::text[])
            union all
            select {_LIFE} from closed_opportunity
            join unnest($1::text[], $2::timestamptz[]) as known (event, since) on event_id = known.event
            -- The second condition for all of them, so that earlier days are not looked into.
            where closed >= known.since and closed >= $3
            order by closed nulls last, opened
            """,  # noqa: S608 - the column names are those of a dataclass of ours
            [row["id"] for row in events],
            since,
            min((time for time in since if time is not None), default=None),
        )
        for row in rows:
            life = Life(**row)
            known = lives[life.event_id].get(life.key)
            if known is None or (known.closed and (life.open or (life.closed and life.closed > known.closed))):
                lives[life.event_id][life.key] = life
        return lives

    async def totals(self, connection: Reader) -> Totals:
        [row] = await connection.fetch(
            """
            select (select openings from forgotten) + (select coalesce(sum(openings), 0) from event) as opened,
                (select count(*) from opportunity) as open
            """
        )
        opened = int(row["opened"])
        return Totals(opened=opened, closed=opened - row["open"], open=row["open"])

    async def save_sets(self, connection: Writer, sets: Sequence[PassedSet], pricing_revision: int) -> None:
        """Write what a pass made of each event, with pricing settings whose revisions add up to `pricing_revision`."""
        await connection.execute(
            """
            update event set as_of = new.as_of, odds_revision = new.odds_revision, revision = new.revision,
                boards = new.boards, open = new.open, openings = openings + new.opened,
                commence_time = new.commence_time, pricing_revision = $9,
                told_as_of = greatest(event.told_as_of, new.told_as_of), live = coalesce(new.live, event.live)
            from unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bytea[], $6::boolean[],
                $7::bigint[], $8::timestamptz[], $10::timestamptz[], $11::boolean[])
                as new (id, as_of, odds_revision, revision, boards, open, opened, commence_time, told_as_of, live)
            where event.id = new.id
            """,
            [one.boards.event.id for one in sets],
            [one.boards.as_of for one in sets],
            [one.boards.odds_revision for one in sets],
            [one.revision for one in sets],
            [encode_boards(one.boards) for one in sets],
            [one.boards.open for one in sets],
            [len(one.change.opened) for one in sets],
            [one.boards.event.commence_time for one in sets],
            pricing_revision,
            [one.told and one.told.as_of for one in sets],
            [one.told and one.told.live for one in sets],
        )
        await _save_open(connection, [life for one in sets for life in one.change.living])
        await _forget_closed(connection, [life for one in sets for life in one.change.opened if life.opening > 1])
        await _close(connection, [life for one in sets for life in one.change.closed])
        for one in sets:
            if one.boards.open:
                self._cache[one.boards.event.id] = (one.revision, one.boards)
            else:
                self._cache.pop(one.boards.event.id, None)

    async def record_lines(
        self, connection: Writer, updates: Sequence[BoardUpdate], known: Mapping[str, Known]
    ) -> None:
        """Offer every board as opening and as closing line (`line_store`). `known` is from before `updates`."""
        await line_store.record_lines(connection, updates, {id: one.boards for id, one in known.items()})


async def _save_open(connection: Writer, lives: Sequence[Life]) -> None:
    if not lives:
        return
    await connection.execute(
        f"""
        insert into opportunity ({_OPEN}) select * from unnest({_OPEN_ARRAYS})
        on conflict (id) do update set opening = excluded.opening, opened = excluded.opened,
            last_seen = excluded.last_seen, ev = excluded.ev, peak_ev = excluded.peak_ev, peak_at = excluded.peak_at
        """,  # noqa: S608 - the column names are those of a dataclass of ours
        *_columns(lives, _OPEN_COLUMNS),
    )


async def _forget_closed(connection: Writer, reopened: Sequence[Life]) -> None:
    if not reopened:
        return
    await connection.execute(
        """
        delete from closed_opportunity using unnest($1::text[], $2::text[]) as again (event_id, id)
        where closed_opportunity.event_id = again.event_id and closed_opportunity.id = again.id
            -- It closed after it was first seen; earlier days are not looked into.
            and closed >= $3
        """,
        [life.event_id for life in reopened],
        [life.id for life in reopened],
        min(life.first_seen for life in reopened),
    )


async def _close(connection: Writer, lives: Sequence[Life]) -> None:
    if not lives:
        return
    await connection.execute("delete from opportunity where id = any($1::text[])", [life.id for life in lives])
    await connection.execute(
        f"""
        insert into closed_opportunity ({_LIFE})
        select * from unnest({_OPEN_ARRAYS}, $11::timestamptz[], $12::text[])
        """,  # noqa: S608 - the column names are those of a dataclass of ours
        *_columns(lives, _COLUMNS),
    )


def _columns(lives: Sequence[Life], columns: Sequence[str]) -> Iterable[list[Any]]:
    return ([getattr(life, column) for life in lives] for column in columns)
