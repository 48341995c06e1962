"""Pools over a real primary and two streaming replicas: who is asked for what."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import asyncpg
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.shared.postgres import Database, DatabaseError, PoolMetrics, Position, Reader
from fixtures.replicas import QUICK, asked, name_of, notes, opened, owner_dsn, service_dsn, until_roles, write
from fixtures.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def database(group: PostgresGroup) -> AsyncIterator[Database]:
    async with opened(group) as pools:
        yield pools


async def test_writes_go_to_the_primary_and_reads_to_both_replicas(group: PostgresGroup, database: Database) -> None:
    async with database.transaction() as connection:
        assert await connection.fetchval("select inet_server_port()") == group.primary.port
    async with database.latest() as reader:
        assert await reader.fetchval("select inet_server_port()") == group.primary.port
    hosts = Counter([await asked(database) for _ in range(40)])
    assert set(hosts) == {name_of(host) for host in group.replicas}


async def test_of_two_replicas_the_less_busy_answers(database: Database) -> None:
    first = await asked(database)
    async with database.snapshot() as one:
        busy = f"127.0.0.1:{await one.fetchval('select inet_server_port()')}"
        assert {await asked(database) for _ in range(10)}.isdisjoint({busy})
    assert first


async def test_what_was_written_is_read_at_once_by_its_token(database: Database) -> None:
    for number in range(100):
        position = await write(database, str(number))
        assert (await notes(database, Position.parse(str(position))))[-1:] == [str(number)]


async def test_with_replay_paused_a_token_is_served_by_the_primary(group: PostgresGroup, database: Database) -> None:
    for replica in group.replicas:
        await asyncio.to_thread(group.pause_replay, replica)
    position = await write(database, "new")
    assert await notes(database, position) == ["new"]
    # Without one a picture that is a little old is what was asked for.
    assert await notes(database) == []


async def test_only_the_replica_that_has_it_serves_a_token(group: PostgresGroup, database: Database) -> None:
    behind, current = group.replicas
    await asyncio.to_thread(group.pause_replay, behind)
    position = await write(database, "new")

    async def current_is_there() -> bool:
        async with database.snapshot(position) as connection:
            return bool(await connection.fetchval("select inet_server_port()") == current.port)

    await until(current_is_there)
    for _ in range(20):
        async with database.snapshot(position) as connection:
            assert await connection.fetchval("select inet_server_port()") != behind.port
            assert await connection.fetchval("select count(*) from note") == 1


async def test_after_a_migration_whichever_host_is_asked_answers(group: PostgresGroup, database: Database) -> None:
    """What is prepared on one host is not what is prepared on another."""

    async def columns(statement: str, reader: Reader) -> list[str]:
        [row] = await reader.fetch(statement)
        return list(row.keys())

    await write(database, "one")
    owner = await asyncpg.connect(owner_dsn(group))
    try:
        for number in range(8):
            # Each time one that no host has prepared.
            found = partial(columns, f"select * from note -- {number}")  # noqa: S608 - a number of ours
            async with database.snapshot() as one, database.snapshot() as other:
                assert await found(one) == await found(other) == ["id", "text"]
            await owner.execute("alter table note add column more int")
            await asyncio.to_thread(group.wait_for_replicas)
            assert await database.read(found) == ["id", "text", "more"]
            await owner.execute("alter table note drop column more")
            await asyncio.to_thread(group.wait_for_replicas)
    finally:
        await owner.execute("alter table note drop column if exists more")
        await owner.close()


async def test_an_invented_token_does_not_force_reads_onto_the_primary(
    group: PostgresGroup, database: Database
) -> None:
    for token in ("1-FFFFFFFFFFFFFFFF", "FF-1", "7-FFFFFFFFFF"):
        async with database.snapshot(Position.parse(token)) as connection:
            assert await connection.fetchval("select inet_server_port()") != group.primary.port


async def test_a_replica_that_is_too_far_behind_is_not_asked(group: PostgresGroup) -> None:
    async with opened(group, replace(QUICK, max_lag_bytes=100_000)) as database:
        behind, current = group.replicas
        await asyncio.to_thread(group.pause_replay, behind)
        for number in range(20):
            await write(database, random.Random(number).randbytes(10_000).hex())

        async def only_current() -> bool:
            return {await asked(database) for _ in range(20)} == {name_of(current)}

        await until(only_current)
        await asyncio.to_thread(group.resume_replay, behind)

        async def both() -> bool:
            return len({await asked(database) for _ in range(20)}) == 2

        await until(both)


async def test_tokens_are_never_served_by_a_replica_behind_them(group: PostgresGroup, database: Database) -> None:
    """Replay stops for some writes and goes on, at random, and every reader asks for what was just written."""
    rng = random.Random(4)
    newest = (Position(0, 0), 0)
    stop = asyncio.Event()

    async def writer() -> None:
        nonlocal newest
        while not stop.is_set():
            position = await write(database, "x")
            newest = (position, newest[1] + 1)

    async def disturber() -> None:
        for _ in range(6):
            replica = rng.choice(group.replicas)
            await asyncio.to_thread(group.pause_replay, replica)
            missed = newest[1] + rng.randrange(1, 50)
            await until(lambda missed=missed: newest[1] >= missed)  # type: ignore[misc]  # a default keeps that of now
            await asyncio.to_thread(group.resume_replay, replica)
        stop.set()

    ports: Counter[int] = Counter()

    async def reader() -> None:
        while not stop.is_set():
            position, count = newest
            async with database.snapshot(position) as connection:
                row = await connection.fetchrow("select count(*) as n, inet_server_port() as port from note")
            assert row is not None
            assert row["n"] >= count, "what the token stands for was not shown"
            ports[row["port"]] += 1

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for work in (writer(), disturber(), reader(), reader(), reader()):
            tasks.create_task(work)
    assert sum(ports.values()) > 100
    assert ports.keys() - {group.primary.port}, "some are served by replicas"


async def test_a_refused_login_is_named_with_its_role(group: PostgresGroup) -> None:
    dsn = service_dsn(group).replace("a%20p", "another%20p")
    with pytest.raises(DatabaseError, match="the login of role 'odds' was refused: is the password in the DSN") as said:
        async with Database.open(dsn, name="odds", options=replace(QUICK, wait=30)):
            pass
    assert "p@ss" not in str(said.value)


async def test_the_metrics_tell_roles_and_routes(group: PostgresGroup) -> None:
    registry = CollectorRegistry()
    metrics = PoolMetrics(registry)
    async with Database.open(service_dsn(group), name="odds", options=QUICK, metrics=metrics) as database:
        await until_roles(database, {"primary": 1, "replica": 2})
        await write(database, "x")
        await notes(database)
        exposed = generate_latest(registry).decode()
    primary, replica = name_of(group.primary), name_of(group.replicas[0])
    assert f'bet_intel_postgres_role{{database="odds",host="{primary}",role="primary"}} 1.0' in exposed
    assert f'bet_intel_postgres_role{{database="odds",host="{replica}",role="replica"}} 1.0' in exposed
    assert 'bet_intel_postgres_routed_total{database="odds",reason="write",to="primary"} 1.0' in exposed
    assert 'bet_intel_postgres_routed_total{database="odds",reason="replica",to="replica"}' in exposed
    assert f'bet_intel_postgres_lag_bytes{{database="odds",host="{replica}"}}' in exposed
