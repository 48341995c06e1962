"""What is too old goes: the parts that every service's retention is made of.

Two clocks tell how old something is. What was told of the world is as old as source time says; what this system did (a
message set aside, an entry of a log) as the clock says.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol

import structlog

from bet_intel.shared.messaging import UnavailableError
from bet_intel.shared.partitions import DailyTable, deletion, drop_days, ensure_days, in_steps, patiently
from bet_intel.shared.postgres import Database, Writer
from bet_intel.shared.runtime import every
from bet_intel.shared.times import Clock

_log = structlog.get_logger(__name__)

_EVERY = 600.0
_AHEAD = 2
_ROWS_AT_ONCE = 1_000
_MOST_DEAD_LETTERS = 100_000


class Retention(Protocol):
    """What a service keeps, and for how long."""

    async def run_once(self, now: datetime) -> None:
        """Drop what is too old at `now` and make the partitions of the days that come.

        May be called at any time, by any number of processes at once; what a crash left undone the next call does.
        """


class Kept(NamedTuple):
    """A table in partitions, and for how many days its rows are kept."""

    table: DailyTable
    days: int


def check_retention(*, events: int, dead_letters: int) -> None:
    """Refuse settings under which a dead letter could outlive what guards against it.

    A message that is delivered again after its event was forgotten would be taken for news of a new one.

    Raises:
        ValueError: dead letters are kept for longer than the events they may speak of.
    """
    if dead_letters > events:
        raise ValueError(
            f"DEAD_LETTERS_RETENTION ({dead_letters} days) is longer than EVENTS_RETENTION ({events} days): a message "
            "tried again would be taken for news of an event that is forgotten; give events at least as many days"
        )


async def keep(retention: Retention, clock: Clock) -> None:
    """Run a service's retention every ten minutes until cancelled."""

    async def once() -> None:
        try:
            await retention.run_once(clock())
        except UnavailableError as error:
            _log.warning("retention waits for the database", reason=str(error))

    await every(_EVERY, once)


async def source_time(database: Database, now: datetime, newest: datetime | None) -> datetime | None:
    """The source time at `now`, given the newest one that was told; None where none ever was.

    It is the newest one plus the time that has passed since that was first seen, and never after `now`: a recording of
    last spring grows old as everything does, from the day it ends at, and a provider's clock that is ahead ages
    nothing.
    """
    async with database.transaction() as connection:
        await connection.execute(
            """
            insert into retention_clock as known (as_of, noted_at) select $1, $2 where $1::timestamptz is not null
            on conflict (only_row) do update set as_of = excluded.as_of, noted_at = excluded.noted_at
            where excluded.as_of > known.as_of
            """,
            None if newest is None else min(newest, now),
            now,
        )
        row = await connection.fetchrow("select as_of, noted_at from retention_clock")
    if row is None:
        return None
    as_of: datetime = row["as_of"]
    noted_at: datetime = row["noted_at"]
    return min(now, as_of + max(timedelta(0), now - noted_at))


def first_day_kept(at: datetime, days: int) -> date:
    """The oldest day that holds anything younger than `days` days at `at`."""
    return (at.astimezone(UTC) - timedelta(days=days)).date()


async def turn_over(database: Database, kept: Kept, at: datetime) -> None:
    """Drop the partitions that are too old at `at`, and make those of that day and the next two."""
    ahead = [at.astimezone(UTC).date() + timedelta(days=days) for days in range(_AHEAD + 1)]
    await patiently(partial(_ensure, database, kept.table, ahead), kept.table.name)
    if dropped := await drop_days(database, kept.table, first_day_kept(at, kept.days)):
        _log.info("partitions dropped", table=kept.table.name, days=len(dropped), newest=dropped[-1])


async def _ensure(database: Database, table: DailyTable, days: list[date]) -> int:
    async with database.transaction() as connection:
        await ensure_days(connection, table, days)
    return len(days)


async def forget_dead_letters(database: Database, now: datetime, days: int, most: int = _MOST_DEAD_LETTERS) -> None:
    """Forget dead letters and outbox rows set aside that are older than `days` days, and the oldest beyond `most`."""
    before = now - timedelta(days=days)
    for table, time in (("dead_letter", "died_at"), ("outbox", "failed_at")):
        too_old = deletion(
            f"""
            delete from {table} where ctid = any(array(
                select ctid from {table} where {time} < $1 limit {_ROWS_AT_ONCE}
            ))
            """,  # noqa: S608 - names of ours
            before,
        )
        too_many = deletion(
            f"""
            delete from {table} where ctid = any(array(
                select ctid from {table} where {time} is not null order by {time} desc offset $1 limit {_ROWS_AT_ONCE}
            ))
            """,  # noqa: S608 - names of ours
            most,
        )
        old, beyond = await in_steps(database, too_old, table), await in_steps(database, too_many, table)
        if old or beyond:
            _log.warning("dead letters forgotten", table=table, too_old=old, too_many=beyond)


async def delete_old(database: Database, step: Callable[[Writer], Awaitable[int]], what: str) -> None:
    """Repeat a step that deletes a bounded number of rows until it finds none."""
    if deleted := await in_steps(database, step, what):
        _log.info("old rows deleted", what=what, rows=deleted)
