"""Tables in partitions of one day (UTC): made before they are written to, dropped whole.

A table `t` that is partitioned by range over one column of type timestamptz has partitions called t_YYYYMMDD, and
t_default for rows that find none of them. Names of tables and columns are ours, never a user's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import NamedTuple

import asyncpg
import structlog

from bet_intel.shared.postgres import Database, Writer

_log = structlog.get_logger(__name__)

_DAY = timedelta(days=1)
_NOT_NOW = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
_TRIES = 5
_PAUSE = 0.1
_ROWS_AT_ONCE = 5_000


class DailyTable(NamedTuple):
    """A table in partitions of one day of `column`."""

    name: str
    column: str

    def partition(self, day: date) -> str:
        return f"{self.name}_{day:%Y%m%d}"


class DaysOf:
    """A writer's view of a table: which days it has seen to already."""

    def __init__(self, database: Database, table: DailyTable) -> None:
        self._database = database
        self._table = table
        self._known: set[date] = set()

    async def prepare(self, times: Iterable[datetime]) -> None:
        """Make sure of the days that rows of these times belong to, and of the day after each, before the transaction
        that writes them."""
        days = {time.astimezone(UTC).date() for time in times}
        missing = (days | {day + _DAY for day in days if day < date.max}) - self._known
        if missing:
            async with self._database.transaction() as connection:
                await ensure_days(connection, self._table, missing)
            self._known |= missing


async def ensure_days(connection: Writer, table: DailyTable, days: Iterable[date]) -> None:
    """Make the partitions of these days where they are missing.

    A day of which the default partition already holds rows gets none: its rows stay where they are.
    """
    await connection.execute("set local lock_timeout = '5s'")
    await _lock(connection, table)
    for day in sorted(days):
        # By functions of the owner's: the service's role changes no table.
        if not await connection.fetchval("select ensure_day($1, $2)", table.name, day):
            name = table.partition(day)
            _log.warning("a day stays in the default partition, which already holds some of it", partition=name)


async def drop_days(database: Database, table: DailyTable, before: date) -> list[str]:
    """Drop the partitions of days before `before`, and such rows of the default partition; returns the names of those
    that went.

    Each partition goes in a transaction of its own that waits only shortly for its locks, so that readers never queue
    behind it for long. What cannot be had now stays, with a warning: the next call comes back to it.
    """
    async with database.latest() as connection:
        rows = await connection.fetch(
            "select inhrelid::regclass::text as name from pg_inherits where inhparent = to_regclass($1)", table.name
        )
    days = sorted(day for row in rows if (day := _day_of(table, row["name"])) is not None and day < before)
    dropped = [
        table.partition(day)
        for day in days
        if await patiently(partial(_drop, database, table, day), table.partition(day))
    ]
    old = deletion(
        f"""
        delete from {table.name}_default where ctid = any(array(
            select ctid from {table.name}_default where {table.column} < $1 limit {_ROWS_AT_ONCE}
        ))
        """,  # noqa: S608 - names of ours
        datetime.combine(before, time.min, UTC),
    )
    await in_steps(database, old, f"{table.name}_default")
    return dropped


async def in_steps(database: Database, step: Callable[[Writer], Awaitable[int]], what: str) -> int:
    """Repeat a step that deletes a bounded number of rows, each time in a transaction that waits only shortly for its
    locks, until it finds none; returns how many went."""

    async def once() -> int:
        async with database.transaction() as connection:
            await connection.execute("set local lock_timeout = '300ms'")
            return await step(connection)

    total = 0
    while deleted := await patiently(once, what):
        total += deleted
    return total


def deletion(statement: str, *arguments: object) -> Callable[[Writer], Awaitable[int]]:
    """A step that is one DELETE."""

    async def step(connection: Writer) -> int:
        status = await connection.execute(statement, *arguments)
        return int(status.rpartition(" ")[2])

    return step


async def patiently(attempt: Callable[[], Awaitable[int]], what: str) -> int:
    """What `attempt` returns; it is made some times where it cannot have its locks, and then left for later (0)."""
    for number in range(_TRIES):
        try:
            return await attempt()
        except _NOT_NOW as error:
            reason = str(error)
            await asyncio.sleep(_PAUSE * 2**number)
    _log.warning("old data stays for now: its locks are not to be had", what=what, reason=reason)
    return 0


async def _drop(database: Database, table: DailyTable, day: date) -> int:
    async with database.transaction() as connection:
        await connection.execute("set local lock_timeout = '300ms'")
        await _lock(connection, table)
        await connection.execute("select drop_day($1, $2)", table.name, day)
    return 1


async def _lock(connection: Writer, table: DailyTable) -> None:
    """Partitions of a table are made and dropped by one at a time."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('partitions of ' || $1, 0))", table.name)


def _day_of(table: DailyTable, partition: str) -> date | None:
    try:
        return datetime.strptime(partition, f"{table.name}_%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None  # the default partition, or one that is not ours
