"""`bet-intel cluster`: it comes up, says what runs, survives what it should, and leaves nothing behind."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bet_intel.compose.cluster import databases
from bet_intel.compose.databases import SERVICES
from bet_intel.compose.servers.folder import ServersFolder, end_if_unused, is_gone
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.compose.servers.processes import Process
from bet_intel.compose.servers.programs import CLUSTER
from fixtures.command import Ran, bet_intel
from fixtures.servers import need
from fixtures.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("servers")]


class Cluster:
    """A small one, with a replica of PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[int] = set()
        """Every process that it ever had."""

    def __call__(self, *arguments: str) -> Ran:
        return bet_intel("cluster", *arguments, "--data-dir", str(self.folder), seconds=240)

    def processes(self) -> dict[str, dict[str, Any]]:
        lines = self("status", "--json").answer["processes"]
        self.seen |= {one["pid"] for one in lines if one["pid"] is not None}
        return {one["name"]: one for one in lines}

    def group(self) -> PostgresGroup:
        group = PostgresGroup.find(ServersFolder.peek(self.folder))
        assert group is not None
        return group

    def left(self) -> list[int]:
        return [pid for pid in self.seen if (process := Process.of(pid)) is not None and process.runs]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need(*CLUSTER)
    # Open to other users: root's servers are not root's.
    parent = Path(f"/tmp/bet-intel-e2e-{tmp_path_factory.getbasetemp().name}-{os.getpid()}")  # noqa: S108
    parent.mkdir(mode=0o755)
    cluster = Cluster(parent / "cluster")
    try:
        started = cluster("up", "--small", "--postgres-replicas", "1")
        assert started.code == 0, started.err
        yield cluster
        if cluster.folder.exists():
            cluster("down")
    finally:
        end_if_unused(cluster.folder)
        cluster.folder.with_name("cluster.log").unlink()
        parent.rmdir()


def test_status_shows_every_process(cluster: Cluster) -> None:
    processes = cluster.processes()

    roles = {name: (one["kind"], one["role"]) for name, one in processes.items()}
    assert roles == {
        "rabbitmq1@localhost": ("rabbitmq", "node"),
        "postgres1": ("postgresql", "primary"),
        "postgres2": ("postgresql", "replica"),
        "redis1": ("redis", "master"),
    }
    assert all(one["memory"] > 1_000_000 for one in processes.values())
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
    if service != "api":
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("drop table outbox")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table mine ()")
    await connection.close()
    for other in SERVICES:
        if other != service:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connect(cluster, service, other)


async def test_what_dies_is_started_again(cluster: Cluster) -> None:
    before = await asyncio.to_thread(cluster.processes)
    await asyncio.to_thread(cluster.group().wait_for_replicas)

    os.kill(before["redis1"]["pid"], signal.SIGKILL)
    os.kill(before["postgres2"]["pid"], signal.SIGKILL)

    async def back() -> bool:
        after = await asyncio.to_thread(cluster.processes)
        replaced = all(after[name]["pid"] not in (None, before[name]["pid"]) for name in ("redis1", "postgres2"))
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
