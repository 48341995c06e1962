"""How the drills ask databases."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from bet_intel.compose.servers.processes import ServerError
from drills.asking import Asker
from fixtures.postgres import MakeDatabase
from fixtures.waiting import until

pytestmark = pytest.mark.integration


async def test_nothing_is_left_open_when_nothing_is_asked_any_more(make_database: MakeDatabase) -> None:
    dsn = await make_database()
    before = _open()
    asker = Asker()
    assert await asyncio.to_thread(asker.number, dsn, "select 6 * 7") == 42
    await asyncio.to_thread(asker.close)
    assert _open() == before


async def test_who_waits_for_an_answer_when_nothing_is_asked_any_more_is_told(make_database: MakeDatabase) -> None:
    dsn = await make_database()
    asker = Asker()
    assert await asyncio.to_thread(asker.number, dsn, "select 1") == 1
    waiting = asyncio.create_task(asyncio.to_thread(asker.number, dsn, "select 1 from pg_sleep(3600)"))
    connection = await asyncpg.connect(dsn)
    try:
        await until(lambda: _sleeps(connection))
    finally:
        await connection.close()
    await asyncio.to_thread(asker.close)
    for asked in (waiting, asyncio.to_thread(asker.number, dsn, "select 1")):
        with pytest.raises(ServerError, match="not asked any more"):
            await asked


async def _sleeps(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    found = await connection.fetchval("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
    return bool(found)


def _open() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())
