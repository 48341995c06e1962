"""The real servers that tests and `bet-intel cluster` run on: they start, they answer, they are killed and replaced."""

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

import bet_intel.shared.outbox
from bet_intel.compose.servers.postgres import PostgresGroup, PostgresHost
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.programs import POSTGRESQL, Program
from bet_intel.compose.servers.rabbitmq import RabbitMQ
from bet_intel.compose.servers.redis import RedisCluster
from bet_intel.compose.servers.switchover import switch_over
from fixtures.polling import holds_within
from fixtures.servers import MakeReplicatedDatabase, TestServers, Vhost

pytestmark = pytest.mark.integration

MIGRATIONS = (Path(bet_intel.shared.outbox.__file__).parent / "migrations",)


def put(vhost: Vhost, queue: str, text: str) -> bool:
    body = {"properties": {"delivery_mode": 2}, "routing_key": queue, "payload": text, "payload_encoding": "string"}
    answer = vhost.rabbitmq.manage("POST", f"exchanges/{vhost.name}/amq.default/publish", body)
    return bool(answer["routed"])


def take(vhost: Vhost, queue: str) -> list[str]:
    body = {"count": 10, "ackmode": "ack_requeue_false", "encoding": "auto"}
    return [one["payload"] for one in vhost.rabbitmq.manage("POST", f"queues/{vhost.name}/{queue}/get", body)]


def test_a_queue_is_a_quorum_queue_unless_declared_otherwise(vhost: Vhost) -> None:
    vhost.rabbitmq.manage("PUT", f"queues/{vhost.name}/orders", {"durable": True})

    assert vhost.rabbitmq.manage("GET", f"queues/{vhost.name}/orders")["type"] == "quorum"
    assert put(vhost, "orders", "one")
    assert take(vhost, "orders") == ["one"]


def test_a_vhost_is_closed_to_the_next_test(vhost: Vhost) -> None:
    with pytest.raises(ServerError, match="404"):
        vhost.rabbitmq.manage("GET", f"queues/{vhost.name}/orders")


def test_rabbitmq_refuses_a_wrong_password(rabbitmq: RabbitMQ) -> None:
    with socket.create_connection(("127.0.0.1", rabbitmq.nodes[0].management_port)) as connection:
        connection.sendall(b"GET /api/overview HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 401")


def test_a_message_outlives_the_leader_of_its_queue(cluster_vhost: Vhost, rabbitmq_cluster: RabbitMQ) -> None:
    rabbitmq_cluster.manage("PUT", f"queues/{cluster_vhost.name}/orders", {"durable": True})
    leader = rabbitmq_cluster.leader(cluster_vhost.name, "orders")
    assert put(cluster_vhost, "orders", "one")

    rabbitmq_cluster.kill(leader)

    assert not rabbitmq_cluster.runs(leader)
    assert rabbitmq_cluster.leader(cluster_vhost.name, "orders") != leader
    assert take(cluster_vhost, "orders") == ["one"]
    rabbitmq_cluster.heal()
    assert rabbitmq_cluster.runs(leader)


async def test_a_promoted_replica_has_everything_and_the_others_follow_it(
    postgres_group: PostgresGroup, servers: TestServers, make_replicated_database: MakeReplicatedDatabase
) -> None:
    dsns = await make_replicated_database(MIGRATIONS)
    connection = await asyncpg.connect(dsns[postgres_group.hosts.index(postgres_group.primary)])
    await connection.execute("create table kept (number int)")
    await connection.execute("insert into kept values (1)")
    await connection.close()
    database = dsns[0].rpartition("/")[2]
    old, (first, second) = postgres_group.primary, postgres_group.replicas
    # Asynchronous: without the wait, what the primary acknowledged last may not have left it.
    postgres_group.wait_for_replicas()

    postgres_group.kill(old)
    postgres_group.promote(first)

    assert postgres_group.primary == first
    postgres_group.sql(first, "insert into kept values (2)", database=database)
    postgres_group.wait_for_replicas()
    assert postgres_group.sql(second, "select number from kept order by number", database=database) == "1\n2"

    postgres_group.rebase(old)

    assert postgres_group.sql(old, "select pg_is_in_recovery()") == "t"
    postgres_group.wait_for_replicas()
    assert postgres_group.sql(old, "select number from kept order by number", database=database) == "1\n2"
    # A server tells its log whom it follows.
    password = urlsplit(postgres_group.dsn(first, database)).password
    logs = "".join(log.read_text(errors="replace") for log in servers.folder.path.glob("log/postgres*.log"))
    assert 'parameter "primary_conninfo" changed' in logs
    assert password
    assert password not in logs


@pytest.fixture
def apart(postgres_group: PostgresGroup, servers: TestServers) -> PostgresHost:
    """The first replica, which receives nothing until it is told anew whom it follows."""
    behind = postgres_group.replicas[0]
    with (servers.folder.path / f"{behind.name}.conf").open("a") as settings:
        settings.write("primary_conninfo = ''\n")
    postgres_group.sql(behind, "select pg_reload_conf()")
    until_sql(postgres_group, behind, "select count(*) from pg_stat_wal_receiver", "0")
    return behind


def until_sql(group: PostgresGroup, host: PostgresHost, query: str, expected: str) -> None:
    deadline = time.monotonic() + 30
    while (answer := group.sql(host, query)) != expected:
        assert time.monotonic() < deadline, answer


def test_the_replica_that_has_received_most_takes_over(postgres_group: PostgresGroup, apart: PostgresHost) -> None:
    old, current = postgres_group.primary, postgres_group.replicas[1]
    postgres_group.sql(old, "drop table if exists kept", "create table kept as select generate_series(1, 100000)")

    # Nobody has waited for the replica.
    assert switch_over(postgres_group) == current

    assert postgres_group.sql(current, "select count(*) from kept") == "100000"
    assert postgres_group.sql(old, "select pg_is_in_recovery()") == "t"
    postgres_group.wait_for_replicas()
    assert postgres_group.sql(apart, "select count(*) from kept") == "100000"


def test_a_replica_that_has_more_than_the_new_primary_is_made_anew(
    postgres_group: PostgresGroup, apart: PostgresHost
) -> None:
    old, ahead = postgres_group.primary, postgres_group.replicas[1]
    postgres_group.sql(old, "drop table if exists lost", "create table lost (number int)")
    until_sql(postgres_group, ahead, "select to_regclass('lost')", "lost")

    assert switch_over(postgres_group, apart.name) == apart

    postgres_group.sql(apart, "create table kept_on (number int)")
    postgres_group.wait_for_replicas()
    for host in (old, ahead):
        assert postgres_group.sql(host, "select to_regclass('lost'), to_regclass('kept_on')") == "|kept_on"
    postgres_group.sql(apart, "drop table kept_on")


def test_who_is_not_there_to_take_over_leaves_the_primary_as_it_is(postgres_group: PostgresGroup) -> None:
    primary = postgres_group.primary
    for replica in postgres_group.replicas:
        postgres_group.kill(replica)

    with pytest.raises(ServerError, match=r"no replica to promote that answers \(replicas: "):
        switch_over(postgres_group)

    assert postgres_group.sql(primary, "select pg_is_in_recovery()") == "f"


def test_half_a_copy_is_not_started(
    postgres_group: PostgresGroup, servers: TestServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = postgres_group.primary, postgres_group.replicas[0]
    postgres_group.stop_host(old)
    postgres_group.promote(new)
    # Copies, and dies before the end.
    dying = servers.folder.path / "dying"
    dying.write_text(f'#!/bin/sh\n"{POSTGRESQL.find("pg_basebackup")}" "$@"\nrm "$2/backup_label"\nexit 1\n')
    dying.chmod(0o755)

    with monkeypatch.context() as patched:
        patched.setattr(Program, "find", lambda *_: dying)
        with pytest.raises(ServerError, match="could not copy the primary"):
            postgres_group.revive(old)

    assert not postgres_group.runs(old)
    assert {file.name for file in (servers.folder.path / old.name).iterdir()}.isdisjoint({"data", "copy"})
    postgres_group.revive(old)
    assert postgres_group.sql(old, "select pg_is_in_recovery()") == "t"


def test_a_replica_shows_what_it_received_only_when_replay_goes_on(postgres_group: PostgresGroup) -> None:
    primary, replica = postgres_group.primary, postgres_group.replicas[0]
    postgres_group.sql(primary, "drop table if exists lagging", "create table lagging (number int)")
    postgres_group.wait_for_replicas()

    postgres_group.pause_replay(replica)
    postgres_group.sql(primary, "insert into lagging values (1)")
    postgres_group.wait_for_replicas()

    assert postgres_group.sql(replica, "select number from lagging") == ""
    postgres_group.resume_replay(replica)
    postgres_group.wait_for_replicas()
    assert postgres_group.sql(replica, "select number from lagging") == "1"


def test_an_old_primary_that_comes_back_is_mended_by_healing(postgres_group: PostgresGroup) -> None:
    old, first = postgres_group.primary, postgres_group.replicas[0]
    postgres_group.kill(old)
    postgres_group.promote(first)
    postgres_group.start_host(old)
    assert postgres_group.sql(old, "select pg_is_in_recovery()") == "f"

    postgres_group.heal()

    assert postgres_group.sql(old, "select pg_is_in_recovery()") == "t"
    assert postgres_group.sql(first, "select pg_is_in_recovery()") == "f"


def test_a_replica_that_follows_nobody_is_mended_by_healing(postgres_group: PostgresGroup, apart: PostgresHost) -> None:
    """As a test leaves it that ends before another primary is chosen."""
    postgres_group.sql(postgres_group.primary, "drop table if exists missed", "create table missed (number int)")

    postgres_group.heal()

    assert postgres_group.sql(apart, "select to_regclass('missed')") == "missed"
    postgres_group.sql(postgres_group.primary, "drop table missed")


async def test_a_suspended_host_accepts_and_does_not_answer(postgres_group: PostgresGroup) -> None:
    replica = postgres_group.replicas[0]
    dsn = postgres_group.dsn(replica, "postgres")
    postgres_group.suspend(replica)
    with socket.create_connection(("127.0.0.1", replica.port)):
        pass
    with pytest.raises(TimeoutError):
        await asyncpg.connect(dsn, timeout=0.2)

    postgres_group.resume(replica)

    connection = await asyncpg.connect(dsn, timeout=10)
    assert await connection.fetchval("select pg_is_in_recovery()")
    await connection.close()


def test_keys_go_to_every_master(redis_masters: RedisCluster) -> None:
    # Of slots 3300, 7365 and 15495 in 16384: one in each third.
    assert {redis_masters.master_of(key).name for key in "bca"} == {node.name for node in redis_masters.nodes}


def test_a_replica_takes_over_from_a_dead_master(redis_cluster: RedisCluster) -> None:
    master = redis_cluster.master_of("orders")
    redis_cluster.command(master, "set", "orders", "1")
    # Asynchronous: one replica has it before the master dies, which may have to be sent all there is first.
    assert holds_within(60, lambda: redis_cluster.command(master, "wait", "1", "1000") == "1")

    redis_cluster.kill(master)
    new = redis_cluster.wait_for_master("orders", other_than=master)

    assert redis_cluster.command(new, "get", "orders") == "1"
    redis_cluster.heal()
    assert redis_cluster.command(master, "role").splitlines()[0] == "slave"


def test_healed_every_node_knows_the_masters_and_each_of_these_has_its_replica(redis_cluster: RedisCluster) -> None:
    master = redis_cluster.master_of("orders")
    redis_cluster.kill(master)
    new = redis_cluster.wait_for_master("orders", other_than=master)
    [stray, *_] = [node for node in redis_cluster.nodes if node not in (master, *redis_cluster.masters())]
    # It is a master without slots that nobody knows.
    redis_cluster.command(stray, "cluster", "reset", "hard")

    redis_cluster.heal()

    roles = {node.name: redis_cluster.command(node, "role").splitlines() for node in redis_cluster.nodes}
    masters = {node.name for node in redis_cluster.masters()}
    assert len(masters) == 3
    assert new.name in masters
    assert {name for name, role in roles.items() if role[0] == "master"} == masters
    followed = [int(role[2]) for role in roles.values() if role[0] == "slave"]
    assert sorted(followed) == sorted(node.port for node in redis_cluster.nodes if node.name in masters)
