"""Migrations of the api service meet a projector and gateways that run: nobody waits for somebody who waits for him."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from bet_intel.api.retention_store import delete_events
from bet_intel.shared.migrate import migrate, pending
from bet_intel.shared.postgres import Database
from fixtures.api_gateway import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_SHARED, _API = MIGRATIONS
_OF_FILTERS = "1161_filters_of_the_lists.sql"
_CLOSINGS_BY_NAME = "1162_closings_by_name.sql"
_EVENT = """
    insert into sporting_event (id, provider, sport, league, league_title, home, away, commence_time, revision, as_of,
        status)
    values ('event', 'made_up', 'sport', 'league', 'League', 'Home', 'Away', now(), 1, now(), 'open')
    on conflict (id) do update set revision = sporting_event.revision + 1
"""
_READ = "select o.id from opportunity o join sporting_event e on e.id = o.event_id"
_WRITE = ("update opportunity set ev = ev", "update combination set ev = ev")


@pytest.fixture
async def before(make_database: MakeDatabase, tmp_path: Path) -> str:
    """A database as it was before the indexes for filters."""
    return await _database_before(_OF_FILTERS, make_database, tmp_path)


async def _database_before(migration: str, make_database: MakeDatabase, folder: Path) -> str:
    for file in _API.glob("*.sql"):
        if file.name < migration:
            shutil.copy(file, folder)
    return await make_database([_SHARED, folder])


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _waits(dsn: str, pid: int) -> None:
    async with _connected(dsn) as connection:

        async def waits() -> bool:
            return bool(await connection.fetchval("select cardinality(pg_blocking_pids($1)) > 0", pid))

        await until(waits)


async def _waits_for_a_lock(dsn: str) -> None:
    async with _connected(dsn) as connection:

        async def waits() -> bool:
            return bool(
                await connection.fetchval(
                    """
                    select count(*) from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'
                        and application_name = 'bet-intel-migrate'
                    """
                )
            )

        await until(waits)


@pytest.mark.parametrize("first", [(_EVENT,), (_READ,), (_EVENT, _READ)], ids=["writes", "reads", "writes and reads"])
async def test_filters_of_the_lists_wait_for_a_projector(before: str, first: tuple[str, ...]) -> None:
    """Wherever in its transaction the migration meets it."""
    async with _connected(before) as projector, _connected(before) as gateway:
        async with projector.transaction():
            for statement in first:
                await projector.execute(statement)
            migrating = asyncio.create_task(asyncio.to_thread(migrate, before, MIGRATIONS))
            await _waits_for_a_lock(before)
            reading = asyncio.create_task(gateway.fetch(_READ))
            for statement in (_READ, *_WRITE):
                await projector.execute(statement)
        await migrating
        await reading
    assert _OF_FILTERS not in pending(before, MIGRATIONS)


@pytest.mark.parametrize("asked_before", [0, 6], ids=["at first", "with a kept plan"])
async def test_filters_of_the_lists_and_retention_never_wait_for_each_other(before: str, asked_before: int) -> None:
    """Retention meets the migration where it has the first of its locks."""
    up, _, _ = (_API / _OF_FILTERS).read_text("utf-8").partition("-- migrate:down")
    events, lists = re.findall(r"^lock table .*?;$", up, re.MULTILINE)
    yesterday, long_ago = datetime.now(UTC) - timedelta(days=1), datetime(2000, 1, 1, tzinfo=UTC)
    async with Database.open(before, name="retention", max_size=1) as database, _connected(before) as migration:

        async def delete(older_than: datetime) -> int:
            async with database.transaction() as connection:
                return await delete_events(connection, older_than)

        await migration.execute(_EVENT)
        await migration.execute("update sporting_event set status = 'closed', as_of = now() - interval '2 days'")
        for _ in range(asked_before):
            assert await delete(long_ago) == 0
        async with database.latest() as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
        async with migration.transaction():
            await migration.execute(events)
            deleting = asyncio.create_task(delete(yesterday))
            await _waits(before, pid)
            await migration.execute(lists)
        assert await deleting == 1


async def test_closing_lines_of_before_get_the_names_of_events_that_are_known(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    dsn = await _database_before(_CLOSINGS_BY_NAME, make_database, tmp_path)
    async with _connected(dsn) as gateway:
        await gateway.execute(_EVENT)
        await gateway.execute(
            "insert into closing (event_id, revision, voided, as_of, body) "
            "select id, 1, false, now(), '' from unnest(array['event', 'gone']) as id"
        )
        await asyncio.to_thread(migrate, dsn, MIGRATIONS)
        rows = await gateway.fetch(
            "select event_id, provider, sport, league, league_title, home, away, commence_time is not null as starts "
            "from closing order by event_id"
        )
    assert [tuple(row) for row in rows] == [
        ("event", "made_up", "sport", "league", "League", "Home", "Away", True),
        ("gone", None, None, None, None, None, None, False),
    ]
