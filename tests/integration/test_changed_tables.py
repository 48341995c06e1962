"""A migration adds a column while services run: what they have prepared is for the table as it was."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import asyncpg
import pytest

from bet_intel.shared.inprocess import InProcessBus
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.postgres import Database, PostgresDeadLetters, Reader, TablesChangedError
from fixtures.api_accounts import KEYS, OPERATOR, ask, holder
from fixtures.api_gateway import MIGRATIONS, gateway_on
from fixtures.combination_messages import ARBITRAGE, Engine
from fixtures.engine_boards import H2H
from fixtures.engines import QUICK
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

_CONNECTIONS = 3
_ADD = "alter table note add column more int default 7"


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    """Of a database with a table `note` of one row."""
    made = await make_database(MIGRATIONS)
    await _changed(made, "create table note (id int primary key)", "insert into note values (1)")
    return made


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """Every connection has prepared what the tests ask."""
    async with Database.open(dsn, name="tests", max_size=_CONNECTIONS) as opened:
        async with AsyncExitStack() as lent:
            for _ in range(_CONNECTIONS):
                reader = await lent.enter_async_context(opened.snapshot())
                await _notes(reader)
                await _by_cursor(reader)
        yield opened


async def _notes(reader: Reader) -> list[dict[str, int]]:
    return [dict(row) for row in await reader.fetch("select * from note")]


async def _by_cursor(reader: Reader) -> list[dict[str, int]]:
    return [dict(row) for row in await (await reader.cursor("select *, 0 as of from note")).fetch(9)]


async def _changed(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_reads_are_asked_anew(dsn: str, database: Database) -> None:
    await _changed(dsn, _ADD)
    assert await database.read(_notes) == [{"id": 1, "more": 7}]
    await _changed(dsn, "alter table note drop column more")
    assert await database.read(_notes, at_once=True) == [{"id": 1}]


async def test_a_snapshot_says_so_and_every_connection_has_forgotten(dsn: str, database: Database) -> None:
    await _changed(dsn, _ADD)
    with pytest.raises(TablesChangedError):
        async with database.snapshot() as reader:
            await _notes(reader)
    async with AsyncExitStack() as lent:
        for _ in range(_CONNECTIONS):
            reader = await lent.enter_async_context(database.snapshot())
            assert await _notes(reader) == [{"id": 1, "more": 7}]


async def test_a_cursor_that_met_it_is_made_anew(dsn: str, database: Database) -> None:
    await _changed(dsn, _ADD)
    assert await database.read(_by_cursor) == [{"id": 1, "more": 7, "of": 0}]


async def test_a_write_is_undone_and_may_be_tried_again(dsn: str, database: Database) -> None:
    async def write() -> list[dict[str, int]]:
        async with database.transaction() as connection:
            await connection.execute("insert into note values (2)")
            return [dict(row) for row in await connection.fetch("select * from note")]

    await _changed(dsn, _ADD)
    with pytest.raises(TablesChangedError):
        await write()
    assert await write() == [{"id": 1, "more": 7}, {"id": 2, "more": 7}]


async def test_a_message_that_met_it_is_not_set_aside(dsn: str, database: Database) -> None:
    """It waits as for a lost connection: no try is counted."""
    handled = 0

    async def consume(messages: Sequence[Message]) -> None:
        nonlocal handled
        async with database.transaction() as connection:
            await connection.fetch("select * from note")
        handled += len(messages)

    dead_letters = PostgresDeadLetters(database)
    bus = InProcessBus(random.Random(1), QUICK)
    bus.subscribe(Queue("q", "odds.changed.v1", attempts=1), consume, dead_letters)
    await _changed(dsn, _ADD)
    async with running(bus.run()):
        await bus.publish(Message("1", "odds.changed.v1", "tests", "event 1", datetime(2026, 5, 1, tzinfo=UTC), 7, b""))
        await until(lambda: handled == 1)
    assert await dead_letters.count() == 0


async def test_lists_of_a_running_gateway_are_answered(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    async with gateway_on(dsn) as gateway:
        await gateway.tell(Engine().tells({H2H: ARBITRAGE}))
        for stake in (100, 200):  # what is asked for twice could be kept
            assert len((await gateway.get("/v1/arbitrage", stake=stake))["data"]) == 1
        await gateway.database.execute("alter table combination add column more int")
        assert len((await gateway.get("/v1/arbitrage", stake=300))["data"]) == 1


async def test_a_gateway_goes_on_following_its_keys_and_tiers(make_database: MakeDatabase) -> None:
    async with gateway_on(await make_database(MIGRATIONS), **KEYS) as gateway:
        reader = await holder(gateway, "free")

        async def free(requests_per_minute: int) -> int:
            tier = {"requests_per_minute": requests_per_minute, "categories": ["main"], "delay_seconds": 0}
            rest = {"features": [], "streams": 1, "subscriptions": 10}
            return (await ask(gateway, "PUT", "/v1/admin/tiers/free", OPERATOR, json=tier | rest)).status_code

        async def allowed() -> str:
            answer = await ask(gateway, "GET", "/v1/sports", reader.headers)
            return answer.headers["RateLimit-Policy"]

        assert await free(111) == 200
        await until(lambda: gateway.api.keys.tiers["free"].requests_per_minute == 111)
        for table in ("tier", "account", "api_key"):
            await gateway.database.execute(f"alter table {table} add column more int")
        # Who writes is told to try again, or is not hindered at all.
        answers = [await free(112), await free(112)]
        assert (answers[0], answers[1]) in {(200, 200), (503, 200)}
        await until(lambda: gateway.api.keys.tiers["free"].requests_per_minute == 112)
        assert "112" in await allowed()
