"""The outbox on a real PostgreSQL, with the real bus and task queues."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

import bet_intel.shared.outbox
from bet_intel.compose.servers.rabbitmq import Permissions
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import DeadLetters, Handler, Message, Queue, UnavailableError
from bet_intel.shared.outbox import Outbox, Sweeping
from bet_intel.shared.postgres import Database, PostgresDeadLetters, Reader
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.publisher import Patience
from bet_intel.shared.tasks import Task
from fixtures.engines import ODDS_QUEUE, QUICK, KeptInMemory, connector
from fixtures.postgres import MakeDatabase
from fixtures.servers import Vhost
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

SHARED_MIGRATIONS = Path(bet_intel.shared.outbox.__file__).with_name("migrations")
TYPE = "odds.changed.v1"
BRISK = Sweeping(every=0.02, left_behind_after=0.0, rows=500, attempts=3)


@pytest.fixture
async def database(make_database: MakeDatabase) -> AsyncIterator[Database]:
    async with Database.open(await make_database([SHARED_MIGRATIONS]), name="tests") as opened:
        async with opened.transaction() as connection:
            await connection.execute("create table bet (id text primary key)")
        yield opened


def message(id: str, kind: str = TYPE) -> Message:
    return Message(id, kind, "odds-ingest", f"subject of {id}", datetime(2026, 5, 1, tzinfo=UTC), 7, b"\x00\xff")


@dataclass(slots=True)
class Seen:
    """A consumer and an actor that remember what they got."""

    messages: list[Message]
    tasks: list[int]

    async def consume(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    async def act(self, number: int) -> None:
        self.tasks.append(number)

    def ids(self) -> list[str]:
        return sorted(one.id for one in self.messages)


@dataclass(slots=True)
class Process:
    """What one run of a service has: engines and an outbox."""

    bus: InProcessBus
    tasks: InProcessTasks
    outbox: Outbox

    @classmethod
    def start(cls, database: Database, seen: Seen, consume: Handler | None = None) -> "Process":
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
        dead_letters: DeadLetters = PostgresDeadLetters(database)
        bus.subscribe(Queue("api.odds-changed", TYPE), consume or seen.consume, dead_letters)
        tasks.register("notifications", {"act": seen.act}, dead_letters, concurrency=2)
        return cls(bus, tasks, Outbox(database, bus, tasks, BRISK))


@pytest.fixture
def seen() -> Seen:
    return Seen([], [])


async def rows(database: Database) -> int:
    async with database.snapshot() as connection:
        return await count(connection, "outbox")


async def count(connection: Reader, table: str) -> int:
    return int(await connection.fetchval(f"select count(*) from {table}"))  # noqa: S608 - a name from this file


async def test_what_is_committed_is_delivered_and_leaves_the_outbox(database: Database, seen: Seen) -> None:
    process = Process.start(database, seen)
    async with running(process.bus.run(), process.tasks.run(), process.outbox.run()):
        async with process.outbox.transaction() as unit:
            await unit.connection.execute("insert into bet values ('a')")
            unit.append(message("1"), message("2"), Task("act:5", "notifications", "act", {"number": 5}))
        assert await process.outbox.drained(10)
        await until(lambda: seen.ids() == ["1", "2"] and seen.tasks == [5])
        assert seen.messages[0] in (message("1"), message("2"))
        assert await rows(database) == 0
        assert (await process.outbox.backlog()).depth == 0


async def test_what_is_rolled_back_is_not_told(database: Database, seen: Seen) -> None:
    process = Process.start(database, seen)
    async with running(process.bus.run(), process.tasks.run(), process.outbox.run()):
        with pytest.raises(LookupError):
            await _place_bet_and_fail(process.outbox)
        async with process.outbox.transaction() as unit:
            unit.append(message("done"))
        assert await process.outbox.drained(10)
    assert seen.ids() == ["done"]
    async with database.snapshot() as connection:
        assert await count(connection, "bet") == 0
        assert await count(connection, "outbox") == 0


async def _place_bet_and_fail(outbox: Outbox) -> None:
    async with outbox.transaction() as unit:
        await unit.connection.execute("insert into bet values ('a')")
        unit.append(message("undone"))
        raise LookupError


async def test_a_failing_commit_tells_nothing(database: Database, seen: Seen) -> None:
    async with database.transaction() as connection:
        await connection.execute("alter table bet add unique (id) deferrable initially deferred")
        await connection.execute("alter table bet drop constraint bet_pkey")
    process = Process.start(database, seen)

    async def fail_at_the_commit() -> None:
        async with process.outbox.transaction() as unit:
            unit.append(message("1"))
            await unit.connection.execute("insert into bet values ('a'), ('a')")

    with pytest.raises(asyncpg.UniqueViolationError):
        await fail_at_the_commit()
    assert (await process.outbox.backlog()).depth == 0
    assert await rows(database) == 0


async def test_nothing_is_told_before_it_is_committed(database: Database, seen: Seen) -> None:
    """Whoever hears of it finds it."""
    found: list[int] = []

    async def look(messages: Sequence[Message]) -> None:
        async with database.snapshot() as connection:
            found.append(await count(connection, "bet"))

    process = Process.start(database, seen, look)
    async with running(process.bus.run(), process.outbox.run()):
        async with process.outbox.transaction() as unit:
            unit.append(message("1"))
            await unit.connection.execute("insert into bet values ('a')")
            # Time enough for the sweeper and the publisher to look, several times.
            await unit.connection.execute("select pg_sleep(0.1)")
        assert await process.outbox.drained(10)
    assert found == [1]


async def test_a_row_stays_until_every_consumer_is_done(database: Database, seen: Seen) -> None:
    refusing = True

    async def consume(messages: Sequence[Message]) -> None:
        if refusing:
            raise UnavailableError("not yet")
        await seen.consume(messages)

    process = Process.start(database, seen, consume)
    async with running(process.bus.run(), process.outbox.run()):
        async with process.outbox.transaction() as unit:
            unit.append(message("1"))
        assert not await process.outbox.drained(0.05)
        assert await rows(database) == 1
        assert (await process.outbox.backlog()).depth == 1
        refusing = False
        assert await process.outbox.drained(10)
    assert seen.ids() == ["1"]
    assert await rows(database) == 0


async def test_a_crash_between_commit_and_publish_loses_nothing(database: Database, seen: Seen) -> None:
    crashed = Process.start(database, seen)
    for number in range(5):
        async with crashed.outbox.transaction() as unit:
            unit.append(message(str(number)), Task(f"act:{number}", "notifications", "act", {"number": number}))
    assert seen.messages == []
    process = Process.start(database, seen)
    assert await process.outbox.recover() == 10
    async with running(process.bus.run(), process.tasks.run(), process.outbox.run()):
        assert await process.outbox.drained(10)
    assert seen.ids() == ["0", "1", "2", "3", "4"]
    assert sorted(seen.tasks) == [0, 1, 2, 3, 4]
    assert await rows(database) == 0


async def test_recovering_takes_more_rows_than_the_sweeper_reads_at_once(database: Database, seen: Seen) -> None:
    async with Process.start(database, seen).outbox.transaction() as unit:
        unit.append(*(message(f"{number:02}") for number in range(11)))
    process = Process.start(database, seen)
    sweeping = Sweeping(rows=3)
    outbox = Outbox(database, process.bus, process.tasks, sweeping)
    assert await outbox.recover() == 11
    async with running(process.bus.run(), outbox.run()):
        assert await outbox.drained(10)
    assert seen.ids() == [f"{number:02}" for number in range(11)]


async def test_the_sweeper_finds_what_another_process_left_behind(database: Database, seen: Seen) -> None:
    process = Process.start(database, seen)
    async with running(process.bus.run(), process.outbox.run()):
        async with Process.start(database, seen).outbox.transaction() as unit:
            unit.append(message("1"))
        await until(lambda: seen.ids() == ["1"])


async def test_a_crash_between_confirm_and_delete_tells_it_twice(database: Database, seen: Seen) -> None:
    gate = asyncio.Event()

    async def consume(messages: Sequence[Message]) -> None:
        await gate.wait()
        await seen.consume(messages)

    async def deletion_waits() -> bool:
        async with database.snapshot() as connection:
            waiting = await connection.fetchval(
                """
                select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock' and query like 'delete from outbox%'
                """
            )
        return bool(waiting == 1)

    process = Process.start(database, seen, consume)
    async with database.transaction() as holding, running(process.bus.run(), process.outbox.run()):
        async with process.outbox.transaction() as unit:
            unit.append(message("1"))
        # Keeps the row from being deleted once confirmed. The process ends only when the deletion is seen to wait:
        # a request to cancel what has not begun yet is lost, and then nothing would end it.
        await holding.execute("select * from outbox for update")
        gate.set()
        await until(deletion_waits)
        assert seen.ids() == ["1"]
    again = Process.start(database, seen)
    assert await again.outbox.recover() == 1
    async with running(again.bus.run(), again.outbox.run()):
        assert await again.outbox.drained(10)
    assert seen.ids() == ["1", "1"]
    assert await rows(database) == 0


async def test_a_row_that_keeps_failing_is_set_aside_and_blocks_no_other(database: Database, seen: Seen) -> None:
    process = Process.start(database, seen)
    async with running(process.bus.run(), process.outbox.run()):
        async with process.outbox.transaction() as unit:
            unit.append(message("lost", "nobody.listens.v1"), message("1"))
        await until(lambda: seen.ids() == ["1"])

        async def set_aside() -> bool:
            async with database.snapshot() as connection:
                return bool(await connection.fetchval("select count(*) = 1 from outbox where failed_at is not null"))

        await until(set_aside)
        async with process.outbox.transaction() as unit:
            unit.append(message("2"))
        await until(lambda: seen.ids() == ["1", "2"])
        assert await process.outbox.drained(10)
    async with database.snapshot() as connection:
        row = await connection.fetchrow("select message_id, attempts, reason from outbox")
    assert row is not None
    assert (row["message_id"], row["attempts"]) == ("lost", 3)
    assert row["reason"] == "UnroutableError: no queue is bound to nobody.listens.v1"
    assert await Process.start(database, seen).outbox.recover() == 0


async def test_a_row_of_another_version_is_set_aside_and_blocks_no_other(database: Database, seen: Seen) -> None:
    crashed = Process.start(database, seen)
    async with crashed.outbox.transaction() as unit:
        unit.append(message("unreadable"), message("1"))
        body = msgspec.msgpack.encode({"id": "unreadable"})
    async with database.transaction() as connection:
        await connection.execute("update outbox set body = $1 where message_id = 'unreadable'", body)
    process = Process.start(database, seen)
    await process.outbox.recover()
    async with running(process.bus.run(), process.outbox.run()):
        assert await process.outbox.drained(10)
    assert seen.ids() == ["1"]
    async with database.snapshot() as connection:
        reason = await connection.fetchval("select reason from outbox where failed_at is not null")
    assert "missing required field" in reason


class AwayBus(InProcessBus):
    """A bus whose broker cannot be reached while `away`."""

    away = True
    refused = 0

    async def publish(self, message: Message) -> None:
        if self.away:
            self.refused += 1
            raise UnavailableError("no connection to the broker")
        await super().publish(message)


async def test_nothing_is_set_aside_while_the_broker_is_away(database: Database, seen: Seen) -> None:
    bus = AwayBus(random.Random(1), QUICK)
    bus.subscribe(Queue("api.odds-changed", TYPE), seen.consume, PostgresDeadLetters(database))
    outbox = Outbox(database, bus, InProcessTasks(random.Random(1), QUICK), BRISK)
    async with running(bus.run(), outbox.run()):
        async with outbox.transaction() as unit:
            unit.append(message("1"))
        await until(lambda: bus.refused > 2 * BRISK.attempts)
        bus.away = False
        await until(lambda: seen.ids() == ["1"])
        assert await outbox.drained(10)
    assert await rows(database) == 0


async def test_a_broker_that_is_away_for_long_has_no_more_than_so_many_rows_in_memory(
    database: Database, seen: Seen
) -> None:
    class HangingBus(AwayBus):
        """Its publishers wait for the broker, which comes back by and by."""

        away = False
        most = 0
        back = asyncio.Event()

        async def publish(self, message: Message) -> None:
            self.most += not self.back.is_set()
            await self.back.wait()
            await super().publish(message)

    async with Process.start(database, seen).outbox.transaction() as unit:
        unit.append(*(message(f"{number:02}") for number in range(40)))
    bus = HangingBus(random.Random(1), QUICK)
    bus.subscribe(Queue("api.odds-changed", TYPE), seen.consume, PostgresDeadLetters(database))
    sweeping = Sweeping(every=0.001, left_behind_after=0.0, rows=4, under_way=10)
    outbox = Outbox(database, bus, InProcessTasks(random.Random(1), QUICK), sweeping)
    assert await outbox.recover() == 12
    async with running(bus.run(), outbox.run()):
        await until(lambda: bus.most == 12)
        for _ in range(50):  # longer than the seven sweeps that would take the rest
            assert (await outbox.backlog()).depth == 40
        assert bus.most == 12
        bus.back.set()
        await until(lambda: len(seen.ids()) == 40)
        assert await outbox.drained(10)
    assert await rows(database) == 0


async def test_a_login_that_is_refused_for_long_sets_no_row_aside(database: Database, seen: Seen, vhost: Vhost) -> None:
    hearing = RabbitBus(connector(vhost.url), QUICK)
    hearing.subscribe(ODDS_QUEUE, seen.consume, KeptInMemory())
    await hearing.declare()
    user = f"service-of-{vhost.name}"

    async def change_password(password: str) -> None:
        await asyncio.to_thread(vhost.rabbitmq.create_user, user, password, vhost.name, Permissions(".*", ".*", ".*"))

    await change_password("another")
    url = vhost.rabbitmq.urls(vhost.name, user, "ours")[0]
    telling = RabbitBus(connector(url), QUICK, patience=Patience(publish=1.0))
    tasks = InProcessTasks(random.Random(1), QUICK)
    outbox = Outbox(database, telling, tasks, BRISK)
    try:
        with capture_logs() as logs:
            async with running(hearing.run(), outbox.run()):
                async with outbox.transaction() as unit:
                    unit.append(message("1"))

                def refused_for_long() -> bool:
                    # Not each refusal comes before the second is over that a message is published for.
                    said = f"refuses the login of '{user}'"
                    kept = sum(line["event"] == "not published, the row stays" for line in logs)
                    return kept > BRISK.attempts and any(said in line.get("reason", "") for line in logs)

                await until(refused_for_long)
                assert (await outbox.backlog()).set_aside == 0
                await change_password("ours")
                await until(lambda: seen.ids() == ["1"])
    finally:
        await telling.close()
        await asyncio.to_thread(vhost.rabbitmq.delete_user, user)
