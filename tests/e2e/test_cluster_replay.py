"""A recording played through the services as processes of their own ends as it does in the embedded run."""

import asyncio
import gzip
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aio_pika
import asyncpg
import httpx
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bet_intel.compose.cluster import databases
from bet_intel.compose.cluster.broker_users import BrokerUsers
from bet_intel.compose.cluster.engines import VHOST
from bet_intel.compose.cluster.fleet import RUNNING
from bet_intel.compose.cluster.services import KINDS, ONE_OF_EACH
from bet_intel.compose.observability.catalogue import Catalogue
from bet_intel.compose.servers.folder import ServersFolder, is_gone
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.compose.servers.processes import Process
from bet_intel.compose.servers.programs import CLUSTER
from bet_intel.compose.servers.rabbitmq import RabbitMQ
from bet_intel.odds_ingest.providers.call_metrics import CallMetrics
from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from fixtures.cluster import Cluster, by_name, started, until_outcome
from fixtures.cluster_databases import counts, emptied, is_primary
from fixtures.no_tls import NO_TLS
from fixtures.outcome import Outcome, outcome
from fixtures.servers import need
from fixtures.system import data_folder, running
from fixtures.waiting import until
from fixtures.waiting_deliveries import (
    DELIVERIES,
    NOTIFICATIONS,
    enqueue,
    make_deliveries,
    states,
    waiting_are,
    workers_are,
)

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cluster-replay")]

_MLB = Path(__file__).parents[3] / "shared/data/odds_api_mlb_5min/mlb_2026-08-04_2026-08-05.jsonl.gz"
_METRICS_PAGE = Path(__file__).parents[2] / "docs/operations/metrics.md"
_MLB_APART = 24
"""Of its snapshots, five minutes apart, the default run plays so few: 18."""
_SNAPSHOTS = 20
_COUNTS = {**ONE_OF_EACH, "api.serve": 3, "ev-engine.consume": 2}
_SERVICES = frozenset(kind.service for kind in KINDS.values())
# What the gateway knows from others; what it owns is not told again.
_READ_MODEL = "sporting_event, bookmaker, provider_status, closing, feed_position, feed, resync_asked"
_SUBSCRIPTIONS = "select count(*) from subscription"
_SECONDS = 90.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of baseball, every two hours, where they are; else of the simulator."""
    path = tmp_path_factory.mktemp("recording") / "recording.jsonl.gz"
    if _MLB.exists():
        _take_every(_MLB_APART, path)
        return path
    start = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
    write_recording(path, seed=7, start=start, step=timedelta(seconds=60), count=_SNAPSHOTS)
    return path


@pytest.fixture(scope="module")
def embedded(recording: Path) -> Outcome:
    need(*CLUSTER)
    source = ("--source", f"replay:{recording}", "--speed", "max")
    with data_folder() as folder, running(folder, *source) as system:
        system.until_ready()
        system.until_played(_SECONDS)
        return outcome(system)


@pytest.fixture(scope="module")
def cluster(recording: Path, embedded: Outcome) -> Iterator[Cluster]:
    arguments = ["--small", "--postgres-replicas", "1", "--source", f"replay:{recording}", "--speed", "max"]
    for name, number in _COUNTS.items():
        arguments += ["--process", f"{name}={number}"]
    with started("replay", *arguments) as cluster:
        yield cluster


def test_it_ends_in_the_same_board_and_open_opportunities(cluster: Cluster, embedded: Outcome) -> None:
    assert embedded[1], "the recording should end with open opportunities"

    until_outcome(cluster, embedded, _SECONDS)

    [provider] = cluster.get("/v1/status")["providers"]
    assert provider["state"] == "finished"
    assert provider["position"] == provider["total"] > 10


async def test_its_queues_run_empty(cluster: Cluster) -> None:
    async def empty() -> bool:
        status = await asyncio.to_thread(cluster.status)
        fed = [one["queue"] for one in status["processes"] if one["queue"] is not None]
        assert len(fed) == sum(_COUNTS.values()) - _COUNTS["api.serve"]
        return not any(fed)

    await until(empty, _SECONDS)


def test_status_shows_every_process_of_the_services(cluster: Cluster) -> None:
    status = cluster.status_said()

    processes = by_name(status)
    services = {f"{name}.{number}" for name, count in _COUNTS.items() for number in range(1, count + 1)}
    servers = {"epmd", "rabbitmq1@localhost", "postgres1", "postgres2", "redis1", "nginx"}
    assert set(processes) == services | servers
    for name in services:
        assert processes[name]["pid"] is not None
        assert processes[name]["restarts"] == 0, cluster.logs()
        assert 20_000_000 < processes[name]["memory"] < 200_000_000
    assert processes["nginx"]["detail"] == "before 3 gateways"
    assert {name for name, one in processes.items() if one["lag"] is not None} == {
        "postgres2",
        *(f"api.serve.{number}" for number in range(1, 4)),
    }
    assert all(processes[f"api.serve.{number}"]["lag"] == 0 for number in range(1, 4)), "the feed stands still"
    assert {"ev-engine.odds-changed", NOTIFICATIONS} <= {one["queue"] for one in status["queues"]}


def test_every_process_exposes_the_metrics_that_are_listed(cluster: Cluster) -> None:
    listed = Catalogue.read(_METRICS_PAGE).own
    # Of a provider that is reached over the network, which a recording is not.
    registry = CollectorRegistry()
    CallMetrics("some", time.monotonic).register(registry)
    exposed = [generate_latest(registry).decode()]
    ports = [one["port"] for name, one in cluster.processes().items() if name.rpartition(".")[0] in KINDS]
    assert len(ports) == sum(_COUNTS.values())
    exposed += [httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, verify=NO_TLS).text for port in ports]

    types: dict[str, str] = {}
    for family in (each for text in exposed for each in text_string_to_metric_families(text)):
        if not family.name.startswith("bet_intel_") or family.name.endswith("_created"):
            continue
        name = family.name + ("_total" if family.type == "counter" else "")
        types[name] = family.type
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == listed[name].labels, name
    assert types == {name: one.type for name, one in listed.items()}


def test_no_password_is_in_an_environment_or_readable_by_others(cluster: Cluster) -> None:
    made = databases.find(ServersFolder.peek(cluster.folder))
    assert made is not None
    passwords = [each for one in made.passwords.values() for each in (one.service, one.owner)]
    passwords += _users(cluster).passwords.values()
    services = [one for one in cluster.processes().values() if one["name"].split(".")[0] in _SERVICES]
    assert len(services) == sum(_COUNTS.values())
    for one in services:
        environment = Path(f"/proc/{one['pid']}/environ").read_text(errors="replace")
        assert "_DSN_FILE=" in environment
        assert ("REDIS_URL_FILE=" in environment) == one["name"].startswith("api.")
        assert not any(password in environment for password in passwords), one["name"]
    secrets = cluster.folder / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("service", "own", "other"),
    [
        ("ev-engine", "ev-engine.odds-changed", "notifier.opportunities-updated"),
        ("notifier", "notifications", "ev_calculation"),
        ("odds-ingest", "data_refresh.DQ", "api.odds-changed.dead"),
        ("api", "api.odds-changed.dead", "notifications"),
    ],
)
async def test_a_service_has_its_own_queues_at_the_broker_and_no_other(
    cluster: Cluster, service: str, own: str, other: str
) -> None:
    rabbitmq = RabbitMQ.find(ServersFolder.peek(cluster.folder))
    assert rabbitmq is not None
    connection = await aio_pika.connect(_users(cluster).urls(rabbitmq, VHOST, service)[0])
    async with connection:
        async with connection.channel() as channel:
            await (await channel.get_queue(own, ensure=False)).get(fail=False)
        for refused in (
            lambda channel: channel.declare_queue("another", durable=True),
            lambda channel: channel.declare_exchange("another"),
            _get(other),
        ):
            with pytest.raises(ChannelAccessRefused):
                await refused(await connection.channel())


async def test_workers_follow_the_queue_and_no_task_is_lost(cluster: Cluster) -> None:
    assert (await asyncio.to_thread(cluster, "scale", "notifier.worker=2")).code == 0
    await until(lambda: workers_are(cluster, 2), _SECONDS)
    ids = make_deliveries(cluster)
    group = cluster.group()
    holding = await asyncpg.connect(group.dsn(group.primary, "notifier"))
    # The workers do not come on with a task while somebody else has the table.
    held = holding.transaction()
    await held.start()
    await holding.execute("lock table delivery in access exclusive mode")
    await enqueue(cluster, ids)
    await until(lambda: waiting_are(cluster, DELIVERIES), _SECONDS)
    following = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bet_intel.compose.cli", "cluster", "autoscale", "notifier.worker"),
        *("--calm", "0.5", "--data-dir", str(cluster.folder)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert following.stdout is not None
    said = ""
    try:
        await until(lambda: workers_are(cluster, 8), _SECONDS)
        await held.rollback()
        async with asyncio.timeout(_SECONDS):
            # How many there are meanwhile is told by it alone: they may be fewer again before anybody else has looked.
            while "-> 2" not in said:
                said += (line := (await following.stdout.readline()).decode())
                assert line, said
        await until(lambda: workers_are(cluster, 2), _SECONDS)
    finally:
        # Not by SIGINT: who runs the tests in the background has that ignored.
        following.terminate()
        await following.wait()
        await holding.close()
    steps = [(int(one), int(other)) for one, other in re.findall(r"notifier\.worker: (\d+) -> (\d+)", said)]
    assert steps == [(2, 8), *((number, number - 1) for number in range(8, 2, -1))], said

    assert states(cluster) == f"skipped|{DELIVERIES}"
    assert group.sql(group.primary, "select count(*) from dead_letter", database="notifier") == "0"


def test_what_was_written_is_read_on_every_gateway_while_the_replica_stands_still(cluster: Cluster) -> None:
    group = cluster.group()
    [replica] = group.replicas
    group.wait_for_replicas()
    before = group.sql(replica, _SUBSCRIPTIONS, database="api")
    group.pause_replay(replica)
    try:
        for _ in range(6):
            cluster.must_show(*cluster.subscribe())
        # What the replica would have answered.
        assert group.sql(replica, _SUBSCRIPTIONS, database="api") == before
    finally:
        group.resume_replay(replica)


async def test_a_promoted_replica_takes_the_writes_and_the_old_primary_alive_gets_none(cluster: Cluster) -> None:
    with ServersFolder.use(cluster.folder) as folder:
        group = PostgresGroup.find(folder)
        assert group is not None
        old, [new] = group.primary, group.replicas
        await asyncio.to_thread(group.wait_for_replicas)
        before = int(group.sql(old, _SUBSCRIPTIONS, database="api"))
        # The supervisor would make it a replica: somebody else starts it, as what it was.
        with folder.lock("servers"):
            await asyncio.to_thread(group.kill, old)
            await asyncio.to_thread(group.promote, new)
            await asyncio.to_thread(group.start_host, old)
        await until(lambda: is_primary(group, old), _SECONDS)

        await until(lambda: _takes_writes(cluster), _SECONDS)
        for _ in range(20):
            await asyncio.to_thread(lambda: cluster.must_show(*cluster.subscribe()))

        assert await is_primary(group, old), "it should be alive all the while"
        assert int(group.sql(old, _SUBSCRIPTIONS, database="api")) == before
        assert int(group.sql(new, _SUBSCRIPTIONS, database="api")) > before + 20
        with folder.lock("servers"):
            await asyncio.to_thread(group.rebase, old)
        await asyncio.to_thread(group.wait_for_replicas)
    assert {one["name"]: one["role"] for one in cluster.status()["processes"] if one["kind"] == "postgresql"} == {
        old.name: "replica",
        new.name: "primary",
    }


async def test_databases_emptied_by_hand_heal(cluster: Cluster, embedded: Outcome) -> None:
    """Read model, engine and notifier at once: their owners tell everything again."""
    group = await asyncio.to_thread(cluster.group)
    await asyncio.to_thread(cluster.subscribe)
    copies = "select count(*) from subscription"
    known = int(group.sql(group.primary, copies, database="api"))
    await until(lambda: counts(group, "notifier", copies, known), _SECONDS)

    for service, tables in (("api", _READ_MODEL), ("ev_engine", None), ("notifier", None)):
        await until(lambda service=service, tables=tables: emptied(group, service, tables), _SECONDS)  # type: ignore[misc]  # defaults keep those of now

    await asyncio.to_thread(until_outcome, cluster, embedded, _SECONDS)
    await until(lambda: counts(group, "notifier", copies, known), _SECONDS)


async def test_what_dies_is_started_again_also_where_nothing_can_be_written(cluster: Cluster) -> None:
    group = await asyncio.to_thread(cluster.group)
    before = await asyncio.to_thread(cluster.processes)
    victims = ("rabbitmq1@localhost", "ev-engine.worker.1", "nginx")
    # A script has started it, which dies without it.
    nodes = [one for one in Process.all() if one.parent == before[victims[0]]["pid"]]
    # As on a full disk: what the supervisor writes of the services is refused.
    refusing = cluster.folder / f"{RUNNING}.json.new"
    refusing.mkdir()

    for name in victims:
        os.kill(before[name]["pid"], signal.SIGKILL)

    log = cluster.folder.with_name("cluster.log")
    await until(lambda: "Is a directory" in log.read_text(), _SECONDS)
    refusing.rmdir()

    async def back() -> bool:
        after = await asyncio.to_thread(cluster.processes)
        replaced = all(after[name]["pid"] not in (None, before[name]["pid"]) for name in victims)
        return replaced and after["ev-engine.worker.1"]["restarts"] == 1

    await until(back, _SECONDS)
    assert nodes
    assert not any(one.still_runs for one in nodes)
    # By nginx, a gateway and the broker to another service.
    await until(lambda: _takes_writes(cluster), _SECONDS)
    copies = "select count(*) from subscription"
    known = int(group.sql(group.primary, copies, database="api"))
    await until(lambda: counts(group, "notifier", copies, known), _SECONDS)
    assert log.read_text().count("Is a directory") == 1


def test_down_leaves_nothing(cluster: Cluster) -> None:
    cluster.status()
    assert cluster.left()

    ran = cluster("down")

    assert ran.code == 0, ran.err
    assert cluster.left() == []
    assert is_gone(cluster.folder)


def _take_every(apart: int, path: Path) -> None:
    """Every so manieth snapshot of the baseball."""
    with gzip.open(_MLB) as whole, gzip.open(path, "wb") as part:
        part.writelines(line for number, line in enumerate(whole) if number % apart == 0)


def _users(cluster: Cluster) -> BrokerUsers:
    users = ServersFolder.peek(cluster.folder).read("broker-users", BrokerUsers)
    assert users is not None
    return users


def _get(queue: str) -> Callable[[AbstractChannel], Awaitable[object]]:
    async def get(channel: AbstractChannel) -> object:
        return await (await channel.get_queue(queue, ensure=False)).get(fail=False)

    return get


async def _takes_writes(cluster: Cluster) -> bool:
    """Meanwhile a gateway says 503 and when to try again."""
    answer = await asyncio.to_thread(cluster.post_subscription)
    assert answer.status_code in (201, 502, 503, 504), answer.text
    return answer.status_code == 201
