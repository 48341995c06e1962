"""A service's database: what counts as away, and what a consumer does meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

import bet_intel.shared.migrate
from bet_intel.compose.embedded_postgres import EmbeddedPostgres, open_data_folder
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import DeadLetter, Message, Queue, TerminalError
from bet_intel.shared.migrate import migrate
from bet_intel.shared.outbox import Outbox, Sweeping
from bet_intel.shared.postgres import Database, DatabaseError, DatabaseUnavailableError, PostgresDeadLetters
from fixtures.engines import QUICK
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

SHARED_MIGRATIONS = Path(bet_intel.shared.migrate.__file__).with_name("migrations")


@pytest.fixture
async def database(make_database: MakeDatabase) -> AsyncIterator[Database]:
    async with Database.open(await make_database([SHARED_MIGRATIONS]), name="tests") as opened:
        yield opened


async def test_a_database_that_nobody_serves_is_named(open_folder: Path) -> None:
    with pytest.raises(DatabaseError, match="ev-engine: no connection to its database"):
        async with Database.open(f"postgresql://tester@/odds?host={open_folder}", name="ev-engine"):
            pass


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(database: Database) -> None:
    async def lose_it() -> None:
        async with database.transaction() as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
            async with database.transaction() as other:
                await other.execute("select pg_terminate_backend($1)", pid)
            await connection.fetchval("select 1 from pg_sleep(5)")

    with pytest.raises(DatabaseUnavailableError):
        await lose_it()
    async with database.transaction() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_who_is_cancelled_ends_although_the_connection_broke_meanwhile(database: Database) -> None:
    """Else it would be taken for an absence of the server, and waited for by whoever is asked to end."""
    begun = asyncio.Event()

    async def held() -> None:
        async with database.transaction() as connection:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await connection.execute("select pg_terminate_backend(pg_backend_pid())")

    task = asyncio.ensure_future(held())
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_errors_of_the_statement_are_not_taken_for_absence(database: Database) -> None:
    """Else a message that PostgreSQL refuses would be tried for ever."""
    with pytest.raises(asyncpg.InterfaceError):
        async with database.transaction() as connection:
            await connection.execute("select $1::integer", 1, 2)
    with pytest.raises(asyncpg.DataError):
        async with database.transaction() as connection:
            await connection.execute("select $1::integer", 2**40)
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.snapshot() as connection:
            await connection.execute("select * from no_such_table")


async def test_a_server_that_hangs_is_away(database: Database) -> None:
    """Nothing is said against what it was asked: that is tried again, and counted against nobody."""
    with pytest.raises(DatabaseUnavailableError):
        async with database.transaction() as connection:
            await connection.execute("select pg_sleep(5)", timeout=0.01)


async def test_a_full_disk_is_waited_for(database: Database) -> None:
    """As PostgreSQL says it; `make drills ONLY=disk` fills a real one."""
    full = "do $$ begin raise exception using errcode = 'disk_full', message = 'could not extend file'; end $$"
    with pytest.raises(DatabaseUnavailableError, match="no room"):
        async with database.transaction() as connection:
            await connection.execute(full)


async def test_a_snapshot_refuses_to_write(database: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.snapshot() as connection:
            await connection.execute("delete from dead_letter")


async def test_dead_letters_are_kept_once_and_given_back(database: Database) -> None:
    dead_letters = PostgresDeadLetters(database)
    first = DeadLetter("api.odds-changed", "1", "odds.changed.v1", "event 1", b"\x00\xff", "ValueError: no", 20)
    again = DeadLetter("api.odds-changed", "1", "odds.changed.v1", "event 1", b"\x00\xff", "KeyError: no", 40)
    elsewhere = DeadLetter("ev-engine.odds-changed", "1", "odds.changed.v1", "event 1", b"", "ValueError: no", 20)
    for letter in (first, again, elsewhere):
        await dead_letters.keep(letter)
    assert await dead_letters.kept("api.odds-changed") == [again]
    assert await dead_letters.count() == 2
    async with dead_letters.removing("api.odds-changed", "1"):
        pass
    assert await dead_letters.kept("api.odds-changed") == []
    assert await dead_letters.kept("ev-engine.odds-changed") == [elsewhere]


async def test_an_error_that_text_cannot_hold_is_kept_all_the_same(database: Database) -> None:
    async def consume(messages: Sequence[Message]) -> None:
        raise TerminalError("the team \0 \udc80 has no name")

    dead_letters = PostgresDeadLetters(database)
    bus = InProcessBus(random.Random(1), QUICK)
    bus.subscribe(Queue("q", "odds.changed.v1"), consume, dead_letters)
    async with running(bus.run()):
        await bus.publish(_message("1"))
    [letter] = await dead_letters.kept("q")
    assert letter.reason == r"TerminalError: the team \0 \udc80 has no name"


def _message(id: str) -> Message:
    return Message(id, "odds.changed.v1", "odds-ingest", "event 1", datetime(2026, 5, 1, tzinfo=UTC), 7, b"")


@pytest.fixture
async def server(open_folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server that the test may stop and start."""
    with open_data_folder(open_folder / "postgres", "tests") as folder:
        postgres = EmbeddedPostgres(folder, fsync=False)
        try:
            await asyncio.to_thread(postgres.start)
            await postgres.ensure_databases(["api"])
            await asyncio.to_thread(migrate, postgres.dsn("api"), [SHARED_MIGRATIONS])
            yield postgres
        finally:
            await asyncio.to_thread(postgres.stop)


async def test_a_stopped_database_loses_nothing_and_sets_nothing_aside(server: EmbeddedPostgres) -> None:
    """A consumer and an outbox whose server goes away, and comes back after more tries than a message has."""
    tries = 0
    async with Database.open(server.dsn("api"), name="api") as database:

        async def consume(messages: Sequence[Message]) -> None:
            nonlocal tries
            tries += 1
            async with database.transaction() as connection:
                await connection.executemany("insert into heard values ($1)", [(one.id,) for one in messages])

        async with database.transaction() as connection:
            await connection.execute("create table heard (id text primary key)")
        dead_letters = PostgresDeadLetters(database)
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
        bus.subscribe(Queue("api.odds-changed", "odds.changed.v1", attempts=3), consume, dead_letters)
        outbox = Outbox(database, bus, tasks, Sweeping(every=0.02, left_behind_after=0.0, attempts=3))

        async def nothing_left() -> bool:
            return (await outbox.backlog()).depth == 0

        async with outbox.transaction() as unit:
            unit.append(_message("1"), _message("2"))
        await asyncio.to_thread(server.stop)
        async with running(bus.run(), outbox.run()):
            await until(lambda: tries > 20)
            with pytest.raises(DatabaseUnavailableError):
                async with outbox.transaction():
                    pass
            await asyncio.to_thread(server.start)
            await until(nothing_left, timeout=30)
        async with database.snapshot() as reader:
            assert [row["id"] for row in await reader.fetch("select id from heard order by id")] == ["1", "2"]
            assert await reader.fetchval("select count(*) from outbox") == 0
        assert await dead_letters.count() == 0
