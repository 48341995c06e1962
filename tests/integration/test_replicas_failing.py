"""Pools over a real primary and two streaming replicas: what happens when one is killed, hangs or is replaced."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from structlog.testing import capture_logs

from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database, DatabaseError, PrimaryUnavailableError
from bet_intel.shared.postgres.opening import until_primary
from fixtures.replicas import QUICK, asked, kill, name_of, notes, opened, service_dsn, until_roles, write
from fixtures.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.chaos]


@pytest.fixture
async def database(group: PostgresGroup) -> AsyncIterator[Database]:
    async with opened(group) as pools:
        yield pools


async def test_a_killed_replica_costs_no_read(group: PostgresGroup, database: Database) -> None:
    dead, alive = group.replicas
    answered = 0
    stop = asyncio.Event()

    async def reads() -> None:
        nonlocal answered
        while not stop.is_set():
            await database.read(lambda connection: connection.fetchval("select count(*) from note"))
            answered += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(reads())
        await until(lambda: answered > 50)
        await kill(group, dead)
        await until_roles(database, {"primary": 1, "replica": 1, "unknown": 1})
        await until(lambda at=answered: answered > at + 50)  # type: ignore[misc]  # a default keeps the count of now
        stop.set()
    assert {await asked(database) for _ in range(10)} == {name_of(alive)}
    await asyncio.to_thread(group.start_host, dead)
    await until_roles(database, {"primary": 1, "replica": 2})


async def test_a_replica_that_hangs_costs_no_read(group: PostgresGroup, database: Database) -> None:
    hung, alive = group.replicas
    await asyncio.to_thread(group.suspend, hung)
    try:
        async with asyncio.timeout(10):
            for _ in range(20):
                await database.read(lambda connection: connection.fetchval("select 1"))
        await until_roles(database, {"primary": 1, "replica": 1, "unknown": 1})
        assert {await asked(database) for _ in range(10)} == {name_of(alive)}
    finally:
        await asyncio.to_thread(group.resume, hung)
    await until_roles(database, {"primary": 1, "replica": 2})


async def test_without_a_primary_reads_go_on_and_writes_are_refused(group: PostgresGroup, database: Database) -> None:
    await write(database, "before")
    await asyncio.to_thread(group.wait_for_replicas)
    await kill(group, group.primary)
    with pytest.raises(PrimaryUnavailableError):
        await write(database, "lost")
    await until_roles(database, {"replica": 2, "unknown": 1})
    assert (await database.health()).primary is None
    assert await notes(database) == ["before"]
    with pytest.raises(PrimaryUnavailableError, match="no primary takes writes"):
        await write(database, "lost too")
    await asyncio.to_thread(group.start_host, group.primary)
    await until_roles(database, {"primary": 1, "replica": 2})
    await write(database, "after")
    async with database.latest() as connection:
        assert await connection.fetchval("select array_agg(text order by id) from note") == ["before", "after"]


async def test_a_start_without_a_primary_waits_for_one_and_reads_are_served_meanwhile(group: PostgresGroup) -> None:
    await kill(group, group.primary)
    with pytest.raises(DatabaseError, match=r"odds: no primary takes writes: .* promote a replica"):
        async with Database.open(service_dsn(group), name="odds", options=replace(QUICK, needs_primary=True)):
            pass
    async with Database.open(service_dsn(group), name="odds", options=QUICK) as reading:
        assert await notes(reading) == []
        rng = random.Random(1)
        assert await Outbox(reading, InProcessBus(rng), InProcessTasks(rng)).recover() == 0

    async def starts() -> None:
        patient = replace(QUICK, needs_primary=True, wait=60)
        async with Database.open(service_dsn(group), name="odds", options=patient) as database:
            await write(database, "after")

    with capture_logs() as logs:
        starting = asyncio.create_task(starts())
        await until(lambda: any(one["event"] == "waiting for a primary" for one in logs))
        await asyncio.to_thread(group.promote, group.replicas[0])
        await starting


async def test_a_promoted_replica_takes_the_writes_and_the_old_primary_none(
    group: PostgresGroup, database: Database
) -> None:
    """Killed, replaced, and alive again: two primaries, of which the older timeline is never written to."""
    token = await write(database, "before")
    old, new = group.primary, group.replicas[0]
    await asyncio.to_thread(group.wait_for_replicas)
    await kill(group, old)
    await asyncio.to_thread(group.promote, new)

    async def taken() -> bool:
        try:
            return (await write(database, "after")).timeline > token.timeline
        except PrimaryUnavailableError:
            return False

    await until(taken)
    await asyncio.to_thread(group.start_host, old)
    await until_roles(database, {"primary": 1, "replica": 1, "superseded": 1})
    for number in range(50):
        position = await write(database, str(number))
        assert position.timeline == token.timeline + 1
        assert str(number) in await notes(database, position)
        assert "before" in await notes(database, token)
    assert await _texts(group, old.name) == ["before"]


async def test_a_transaction_under_way_on_a_hung_primary_is_not_committed_after_its_fall(
    group: PostgresGroup, database: Database
) -> None:
    old, new = group.primary, group.replicas[0]

    async def late() -> None:
        async with database.transaction() as connection:
            await connection.execute("insert into note (text) values ('late')")
            await asyncio.to_thread(group.suspend, old)
            await asyncio.to_thread(group.promote, new)
            await until_roles(database, {"primary": 1, "unknown": 1})
            await asyncio.to_thread(group.resume, old)

    with pytest.raises(PrimaryUnavailableError):
        await late()
    await until_roles(database, {"primary": 1, "superseded": 1})
    await write(database, "on the new one")
    assert await _texts(group, old.name) == []


async def test_a_process_that_starts_between_two_primaries_takes_the_newer(group: PostgresGroup) -> None:
    old, new = group.primary, group.replicas[0]
    await asyncio.to_thread(group.promote, new)
    async with Database.open(service_dsn(group), name="odds", options=QUICK) as database:
        assert (await database.health()).primary == name_of(new)
        await write(database, "x")
    assert await _texts(group, new.name) == ["x"]
    assert await _texts(group, old.name) == []


async def _texts(group: PostgresGroup, host: str) -> list[str]:
    """What the table holds on one host, asked directly."""
    [asked] = [one for one in group.hosts if one.name == host]
    connection = await asyncpg.connect(group.dsn(asked, "odds"))
    try:
        return [row["text"] for row in await connection.fetch("select text from note order by id")]
    finally:
        await connection.close()


async def test_migrations_go_to_whoever_takes_writes_and_to_nobody_where_two_do(group: PostgresGroup) -> None:
    dsn, old, new = service_dsn(group), group.primary, group.replicas[0]
    assert name_of(old) in await until_primary("odds", dsn, 0)
    await kill(group, old)
    with pytest.raises(DatabaseError, match="it is a replica; promote one"):
        await until_primary("odds", dsn, 0)
    await asyncio.to_thread(group.promote, new)
    with pytest.raises(DatabaseError, match=f"it takes writes, as {name_of(old)} may; start it, or name the primary"):
        await until_primary("odds", dsn, 0)

    await asyncio.to_thread(group.start_host, old)
    with pytest.raises(DatabaseError, match="both take writes: stop the one that was the primary"):
        await until_primary("odds", dsn, 0)
    await asyncio.to_thread(group.rebase, old)
    assert name_of(new) in await until_primary("odds", dsn, 0)
