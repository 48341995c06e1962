"""`bet-intel cluster`: it comes up, says what runs, survives what it should, and leaves nothing behind."""

import asyncio
import os
import signal
from collections.abc import Iterator

import asyncpg
import pytest

from bet_intel.compose.cluster import control, databases
from bet_intel.compose.databases import SERVICES
from bet_intel.compose.servers.folder import ServersFolder, is_gone
from bet_intel.compose.servers.postgres import PostgresGroup
from fixtures.cluster import Cluster, by_name, started
from fixtures.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("servers")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with started("engines", "--small", "--postgres-replicas", "1", "--no-services") as cluster:
        yield cluster


def test_status_shows_every_process(cluster: Cluster) -> None:
    processes = by_name(cluster.status_said())

    roles = {name: (one["kind"], one["role"]) for name, one in processes.items()}
    assert roles == {
        "epmd": ("rabbitmq", "epmd"),
        "rabbitmq1@localhost": ("rabbitmq", "node"),
        "postgres1": ("postgresql", "primary"),
        "postgres2": ("postgresql", "replica"),
        "redis1": ("redis", "master"),
    }
    assert all(one["memory"] > 100_000 for one in processes.values())
    assert processes["postgres2"]["detail"].endswith("bytes behind")


def test_a_second_one_is_refused_in_the_same_folder(cluster: Cluster) -> None:
    ran = cluster("up", "--small")

    assert ran.code == 1
    assert "runs in" in ran.err


async def connect(cluster: Cluster, service: str, database: str) -> "asyncpg.Connection[asyncpg.Record]":
    group = cluster.group()
    made = databases.find(ServersFolder.peek(cluster.folder))
    assert made is not None
    password = made.passwords[service].service
    return await asyncpg.connect(group.dsn(group.primary, database, service, password))


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_and_writes_its_tables_and_enters_no_other_database(
    cluster: Cluster, service: str
) -> None:
    connection = await connect(cluster, service, service)
    tables = "select tablename from pg_tables where schemaname = 'public'"
    names = {row["tablename"] for row in await connection.fetch(tables)} - {"schema_migrations"}
    for name in names:
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            assert await connection.fetchval("select has_table_privilege($1, $2)", name, privilege), (name, privilege)
    assert "outbox" in names
    for forbidden in ("drop table outbox", "create table mine ()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.close()
    for other in SERVICES:
        if other != service:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connect(cluster, service, other)


async def test_what_dies_is_started_again(cluster: Cluster) -> None:
    before = await asyncio.to_thread(cluster.processes)
    await asyncio.to_thread(cluster.group().wait_for_replicas)

    victims = ("redis1", "postgres2", "epmd")
    for name in victims:
        os.kill(before[name]["pid"], signal.SIGKILL)

    async def back() -> bool:
        after = await asyncio.to_thread(cluster.processes)
        replaced = all(after[name]["pid"] not in (None, before[name]["pid"]) for name in victims)
        return replaced and after["postgres2"]["detail"].endswith("bytes behind")

    await until(back, 60)


def test_a_replica_is_promoted_and_the_old_primary_follows_it(cluster: Cluster) -> None:
    group = cluster.group()
    group.sql(group.primary, "create table promoted (number int)", "insert into promoted values (1)")
    group.wait_for_replicas()

    ran = cluster("promote")

    assert (ran.code, ran.out) == (0, "postgres2 is the primary\n")
    processes = cluster.processes()
    assert (processes["postgres1"]["role"], processes["postgres2"]["role"]) == ("replica", "primary")
    group.sql(group.primary, "insert into promoted values (2)")
    group.wait_for_replicas()
    assert group.sql(group.hosts[0], "select number from promoted order by number") == "1\n2"


class CtrlC(BaseException):
    """Ctrl-C, at a moment that is chosen."""


@pytest.mark.parametrize("at", ["settle", "_make_slots"])
async def test_an_interrupted_promotion_is_brought_to_its_end(
    cluster: Cluster, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the replica is promoted, and after it, while the others do not know yet."""
    group = cluster.group()
    old, [new] = group.primary, group.replicas
    table = f"before_{at.strip('_')}"
    group.sql(old, f"create table {table} (number int)")

    def interrupted(*_: object) -> None:
        raise CtrlC

    with monkeypatch.context() as patched:
        patched.setattr(PostgresGroup, at, interrupted)
        with pytest.raises(CtrlC):
            await asyncio.to_thread(control.promote, cluster.folder)

    async def whole() -> bool:
        after = await asyncio.to_thread(cluster.processes)
        return bool(after[new.name]["role"] == "primary" and after[old.name]["detail"].endswith("bytes behind"))

    await until(whole, 60)
    assert group.sql(old, "select pg_is_in_recovery()") == "t"
    group.sql(new, f"alter table {table} rename to after")
    group.wait_for_replicas()
    assert group.sql(old, "select to_regclass('after')") == "after"
    group.sql(new, "drop table after")


def test_down_leaves_nothing(cluster: Cluster) -> None:
    cluster.processes()
    assert cluster.left()

    ran = cluster("down")

    assert ran.code == 0, ran.err
    assert cluster.left() == []
    assert is_gone(cluster.folder)
    refused = cluster("status")
    assert refused.code == 1
    assert "bet-intel cluster up" in refused.err
