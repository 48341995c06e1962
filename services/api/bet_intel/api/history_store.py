"""SQL that writes the line history, and what it is compared with."""

import math
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from bet_intel.api.domain.history import KnownMarket, Offer, PriceChange, offers
from bet_intel.api.domain.model import Board, MarketKey, Quote
from bet_intel.shared.partitions import DailyTable
from bet_intel.shared.postgres import Writer

MarketOf = tuple[str, MarketKey]
"""A market of an event."""


class Came(NamedTuple):
    """A board of a market: its revision, and the source time of it."""

    market: MarketOf
    revision: int
    as_of: datetime


HISTORY = DailyTable("price_history", "as_of")
"""By source time."""


async def revisions(connection: Writer, markets: Collection[MarketOf]) -> dict[MarketOf, int]:
    """The revisions of the boards that the read model holds; the caller holds the locks of their events."""
    rows = await connection.fetch(
        """
        select event_id, market, period, line, subject, revision
        from market join unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
            as asked (event_id, market, period, line, subject) using (event_id, market, period, line, subject)
        """,
        *_keys(markets),
    )
    return {_market(row): row["revision"] for row in rows}


async def boards(connection: Writer, markets: Collection[MarketOf]) -> dict[MarketOf, KnownMarket]:
    """The boards of these markets that the read model holds; the caller holds the locks of their events."""
    rows = await connection.fetch(
        """
        select event_id, market, period, line, subject, revision, as_of, board
        from market join unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
            as asked (event_id, market, period, line, subject) using (event_id, market, period, line, subject)
        """,
        *_keys(markets),
    )
    decode = msgspec.json.Decoder(Board).decode
    return {
        _market(row): KnownMarket(row["revision"], row["as_of"], offers(decode(row["board"]).quotes)) for row in rows
    }


async def last_known(
    connection: Writer, markets: Collection[MarketOf], before: int | None = None
) -> dict[MarketOf, KnownMarket]:
    """What the history itself knows of these markets, as of their newest revision (below `before`, if given)."""
    rows = await connection.fetch(
        """
        select distinct on (event_id, market, period, line, subject, bookmaker, outcome, side) *
        from price_history join unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
            as asked (event_id, market, period, line, subject) using (event_id, market, period, line, subject)
        where event_id = any($1) and ($6::bigint is null or revision < $6)
        order by event_id, market, period, line, subject, bookmaker, outcome, side, revision desc, id desc
        """,
        *_keys(markets),
        before,
    )
    of_market: dict[MarketOf, list[asyncpg.Record]] = {}
    for row in rows:
        of_market.setdefault(_market(row), []).append(row)
    return {
        market: KnownMarket(
            *max((row["revision"], row["as_of"]) for row in its_rows),
            {
                _offer(row): Quote(*_offer(row), row["price"], row["stake_limit"])
                for row in its_rows
                if row["price"] is not None
            },
        )
        for market, its_rows in of_market.items()
    }


class Around(NamedTuple):
    """Whether the history has a revision of a market, and the next revision it has: when it was, what it changed."""

    is_known: bool
    following: tuple[datetime, int] | None
    changed: frozenset[Offer]


async def around(connection: Writer, market: MarketOf, revision: int) -> Around:
    rows = await connection.fetch(
        """
        select revision, as_of, bookmaker, outcome, side from price_history
        where event_id = $1 and market = $2 and period = $3 and line = $4 and subject = $5 and revision >= $6
        order by revision
        """,
        *(column[0] for column in _keys([market])),
        revision,
    )
    later = [row for row in rows if row["revision"] > revision]
    of_next = [row for row in later if row["revision"] == later[0]["revision"]]
    following = (of_next[0]["as_of"], of_next[0]["revision"]) if of_next else None
    return Around(len(later) < len(rows), following, frozenset(_offer(row) for row in of_next))


async def append(connection: Writer, changes: Sequence[PriceChange]) -> None:
    """Append changes in their order. One call of the sequence gives the ids of all: for each row it would cost a sixth
    of the statement."""
    if changes:
        first = await connection.fetchval("select nextval('price_history_id')")
        await connection.copy_records_to_table(
            "price_history",
            records=[(id, *change) for id, change in enumerate(changes, first)],
            columns=["id", *PriceChange._fields],
            timeout=30,
        )


async def note_quiet(connection: Writer, boards: Sequence[Came]) -> None:
    """Keep that boards came which changed no price."""
    if boards:
        await connection.execute(
            """
            insert into quiet_board (event_id, market, period, line, subject, revision, as_of)
            select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::bigint[],
                $7::timestamptz[])
            on conflict (event_id, market, period, line, subject, revision)
                do update set as_of = least(quiet_board.as_of, excluded.as_of)
            """,
            *_keys([board.market for board in boards]),
            [board.revision for board in boards],
            [board.as_of for board in boards],
        )


async def quiet_after(connection: Writer, market: MarketOf, revision: int) -> tuple[int, datetime] | None:
    """The first board behind `revision` that changed nothing, and when it was."""
    row = await connection.fetchrow(
        """
        select revision, as_of from quiet_board
        where event_id = $1 and market = $2 and period = $3 and line = $4 and subject = $5 and revision > $6
        order by revision limit 1
        """,
        *(column[0] for column in _keys([market])),
        revision,
    )
    return None if row is None else (row["revision"], row["as_of"])


async def delete_quiet(connection: Writer, before: datetime) -> int:
    """Delete some of the boards that changed no price and came before; returns how many."""
    deleted: int = await connection.fetchval(
        """
        with deleted as (
            delete from quiet_board where ctid = any(array(
                select ctid from quiet_board where as_of < $1 limit 5000
            )) returning 1
        )
        select count(*) from deleted
        """,
        before,
    )
    return deleted


async def date_back(connection: Writer, board: Came) -> None:
    """What a board changed was so at its `as_of` already."""
    await connection.execute(
        """
        with dated as (
            update price_history set as_of = $7, late = true
            where event_id = $1 and market = $2 and period = $3 and line = $4 and subject = $5 and revision = $6
                and as_of > $7
        ), quiet as (
            update quiet_board set as_of = $7
            where event_id = $1 and market = $2 and period = $3 and line = $4 and subject = $5 and revision = $6
                and as_of > $7
        )
        update market set as_of = $7
        where event_id = $1 and market = $2 and period = $3 and line = $4 and subject = $5 and revision = $6
            and as_of > $7
        """,
        *(column[0] for column in _keys([board.market])),
        board.revision,
        board.as_of,
    )


def _keys(markets: Collection[MarketOf]) -> tuple[list[str], list[str], list[str], list[float], list[str]]:
    return (
        [event_id for event_id, _ in markets],
        [key.market for _, key in markets],
        [key.period for _, key in markets],
        [math.nan if key.line is None else key.line for _, key in markets],
        [key.subject for _, key in markets],
    )


def _market(row: asyncpg.Record) -> MarketOf:
    line = None if math.isnan(row["line"]) else row["line"]
    return row["event_id"], MarketKey(row["market"], row["period"], line, row["subject"])


def _offer(row: asyncpg.Record) -> Offer:
    return row["bookmaker"], row["outcome"], row["side"]
