"""Tables in partitions of a day: made when they are needed, dropped whole, by anybody at any time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.partitions import DailyTable, DaysOf, drop_days, ensure_days
from bet_intel.shared.postgres import Database
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

LOG = DailyTable("log", "at")
FIRST = datetime(2026, 2, 27, 12, tzinfo=UTC)


class World:
    """A table with one row for each of some days, and a connection of somebody else."""

    def __init__(self, database: Database, other: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.database = database
        self.other = other

    async def write(self, days: int) -> None:
        times = [FIRST + timedelta(days=day) for day in range(days)]
        await DaysOf(self.database, LOG).prepare(times)
        await self.insert(*times)

    async def insert(self, *times: datetime) -> None:
        await self.other.executemany("insert into log (at) values ($1)", [(time,) for time in times])

    async def rows(self) -> list[str]:
        rows = await self.other.fetch("select tableoid::regclass::text as name from log order by at")
        return [row["name"] for row in rows]

    async def partitions(self) -> set[str]:
        rows = await self.other.fetch(
            "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'log'::regclass"
        )
        return {row["name"] for row in rows}


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    dsn = await make_database(migrations_of("bet_intel.shared")[:1])
    other = await asyncpg.connect(dsn)
    await other.execute("create table log (id bigserial, at timestamptz not null) partition by range (at)")
    await other.execute("create table log_default partition of log default")
    async with Database.open(dsn, name="test") as database:
        yield World(database, other)
    await other.close()


async def test_each_day_has_a_partition_and_old_ones_go_whole(world: World) -> None:
    await world.write(3)
    assert await world.rows() == ["log_20260227", "log_20260228", "log_20260301"]
    assert await drop_days(world.database, LOG, date(2026, 3, 1)) == ["log_20260227", "log_20260228"]
    assert await world.partitions() == {"log_20260301", "log_20260302", "log_default"}
    assert await world.rows() == ["log_20260301"]
    assert await drop_days(world.database, LOG, date(2026, 3, 1)) == []


async def test_what_found_no_partition_goes_by_row_and_the_rest_of_its_day_stays(world: World) -> None:
    await world.insert(FIRST, FIRST + timedelta(days=1))
    with capture_logs() as logs:
        await world.write(1)
    assert [log["event"] for log in logs] == [
        "a day stays in the default partition, which already holds some of it"
    ] * 2
    assert await world.rows() == ["log_default"] * 3
    await drop_days(world.database, LOG, date(2026, 2, 28))
    assert await world.rows() == ["log_default"]


async def test_what_comes_late_to_a_day_that_is_gone_has_a_place(world: World) -> None:
    writer = DaysOf(world.database, LOG)
    await writer.prepare([FIRST])
    await drop_days(world.database, LOG, date(2026, 3, 1))
    await writer.prepare([FIRST])
    await world.insert(FIRST)
    assert await world.rows() == ["log_default"], "this writer does not know that its day is gone"
    await drop_days(world.database, LOG, date(2026, 3, 1))
    assert await world.rows() == []


async def test_tables_of_others_stay(world: World) -> None:
    await world.write(1)
    await world.other.execute(
        "create table log_archive partition of log for values from ('2020-01-01') to ('2021-01-01')"
    )
    await world.other.execute("create table log_20200101 (id bigint)")
    await drop_days(world.database, LOG, date(2026, 3, 1))
    assert "log_archive" in await world.partitions()
    assert await world.other.fetchval("select to_regclass('log_20200101') is not null"), "it is no partition"


async def test_a_long_reader_is_not_waited_for_and_holds_nobody_up(world: World) -> None:
    await world.write(2)
    async with world.other.transaction():
        await world.rows()
        with capture_logs() as logs:
            dropping = asyncio.create_task(drop_days(world.database, LOG, date(2026, 2, 28)))
            async with world.database.snapshot() as reader:
                async with asyncio.timeout(5):
                    assert await reader.fetchval("select count(*) from log") == 2
            assert await dropping == []
        assert [log["what"] for log in logs] == ["log_20260227"]
    assert await drop_days(world.database, LOG, date(2026, 2, 28)) == ["log_20260227"]


async def test_many_at_once_do_what_one_does(world: World) -> None:
    await world.write(4)
    dropped = await asyncio.gather(*(drop_days(world.database, LOG, date(2026, 3, 2)) for _ in range(4)))
    assert {name for names in dropped for name in names} == {"log_20260227", "log_20260228", "log_20260301"}
    assert await world.rows() == ["log_20260302"]


async def test_made_and_dropped_at_once_while_others_write(world: World) -> None:
    async def write(number: int) -> None:
        for day in range(6):
            at = FIRST + timedelta(days=day)
            for _ in range(10):
                try:
                    await keep(at, at + timedelta(seconds=number))
                except asyncpg.CheckViolationError:
                    # Its day was dropped, and made again by another writer while the row was on its way to the default
                    # partition: whoever writes what was told does so again, as with any message that is not taken.
                    continue
                break
            else:
                pytest.fail(f"the row of {at:%d %B} found no partition")

    async def keep(day: datetime, at: datetime) -> None:
        await DaysOf(world.database, LOG).prepare([day])
        async with world.database.transaction() as connection:
            await connection.execute("insert into log (at) values ($1)", at)

    async def drop() -> None:
        for day in range(6):
            await drop_days(world.database, LOG, FIRST.date() + timedelta(days=day))

    await asyncio.gather(*(write(number) for number in range(3)), drop())
    await drop_days(world.database, LOG, FIRST.date() + timedelta(days=5))
    assert len(await world.rows()) == 3, "what is of the last day is there, whatever was dropped meanwhile"


async def test_the_last_day_there_is_can_be_written(world: World) -> None:
    async with world.database.transaction() as connection:
        await ensure_days(connection, LOG, [date.max])
    assert "log_99991231" in await world.partitions()
