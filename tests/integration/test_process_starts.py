"""What a process says at its start of what is not there, or not as it should be, and that it goes on where it can."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from prometheus_client import CollectorRegistry

from bet_intel.compose.embedded_postgres import EmbeddedPostgres, open_data_folder
from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.rabbitmq import Permissions
from bet_intel.shared.dramatiq_workers.queues import DramatiqTasks
from bet_intel.shared.postgres.provision import owner_of, provision
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import system_clock
from fixtures.engines import connector
from fixtures.no_tls import NO_TLS
from fixtures.postgres import MakeDatabase
from fixtures.processes import Process, process
from fixtures.servers import Vhost
from fixtures.small_service import JOBS, MIGRATIONS
from fixtures.waiting import until
from fixtures.ways import open_way

pytestmark = pytest.mark.integration

SMALL = "fixtures.small_service"
RIGHT = "the right one"


@pytest.fixture
def own_postgres(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server for this test alone, which it may stop."""
    with open_data_folder(open_folder / "postgres", "tests") as folder:
        server = EmbeddedPostgres(folder, fsync=False)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture
async def name(postgres: EmbeddedPostgres) -> str:
    """A database that is provisioned and not migrated, as is the service's role."""
    name = f"small_{random.randrange(2**40):x}"
    await provision(postgres.dsn("postgres"), name)
    return name


@pytest.fixture
async def tasks(vhost: Vhost) -> AsyncIterator[DramatiqTasks]:
    tasks = DramatiqTasks(connector(vhost.url), system_clock, CollectorRegistry(), queues=[JOBS])
    yield tasks
    await tasks.close()


async def probe(watched: Process, path: str) -> tuple[int, str]:
    """Status and text that it answers at its port of metrics."""
    found = watched.says(r"(http://127\.0\.0\.1:\d+)/metrics")
    assert found is not None
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        answer = await client.get(f"{found[1]}{path}")
    return answer.status_code, answer.text.strip()


def environment(broker: str, dsn: str, **more: str) -> dict[str, str]:
    return {"BET_INTEL_BROKER_URL": broker, "BET_INTEL_SMALL_DSN": dsn, **more}


def waits(started: Process, event: str, reason: str) -> bool:
    """Whether a line of its log says what it waits for, and why."""
    assert not started.ended(), started.said
    return any(event in line and reason in line for line in started.said)


async def ends_saying(started: Process, kind: str, said: str) -> None:
    assert await started.wait() == 1
    assert started.says(f"^bet-intel small {kind}: .*{said}"), started.said
    assert not started.says("Traceback"), started.said


async def test_a_worker_started_before_its_database_and_broker_waits_for_each_and_then_works(
    own_postgres: EmbeddedPostgres, vhost: Vhost, tasks: DramatiqTasks
) -> None:
    await own_postgres.ensure_databases(["small"])
    dsn = own_postgres.dsn("small")
    port = free_port()
    place = vhost.rabbitmq.nodes[0].port
    broker = vhost.url.replace(str(place), str(port))
    async with process(SMALL, "migrate", environment(vhost.url, dsn)) as migrating:
        assert await migrating.wait() == 0
    await tasks.enqueue(Task("note:1", JOBS, "note", {"number": 1}))
    await asyncio.to_thread(own_postgres.stop)

    async with process(SMALL, "worker", environment(broker, dsn)) as worker:
        await until(lambda: waits(worker, "waiting for the database", "is PostgreSQL started there"))
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: waits(worker, "waiting for the broker", f"127.0.0.1:{port}: connection refused"))
        database = await asyncpg.connect(dsn)
        assert await database.fetchval("select count(*) from done") == 0
        async with open_way(port, place):

            async def done() -> bool:
                return bool(await database.fetchval("select count(*) = 1 from done"))

            await until(done)
            assert await worker.stop() == 0
        await database.close()


async def test_migrate_started_before_its_database_waits_and_then_migrates(
    own_postgres: EmbeddedPostgres, vhost: Vhost
) -> None:
    await own_postgres.ensure_databases(["small"])
    dsn = own_postgres.dsn("small")
    await asyncio.to_thread(own_postgres.stop)
    async with process(SMALL, "migrate", environment(vhost.url, dsn)) as migrating:
        await until(lambda: waits(migrating, "waiting for the database", "is PostgreSQL started there"))
        assert not migrating.ended()
        await asyncio.to_thread(own_postgres.start)
        assert await migrating.wait() == 0
    database = await asyncpg.connect(dsn)
    assert await database.fetchval("select count(*) from done") == 0
    await database.close()


async def test_migrate_waits_no_longer_than_it_is_told(vhost: Vhost) -> None:
    dsn = f"postgresql://small:s3cret@127.0.0.1:{free_port()}/small"
    settings = environment(vhost.url, dsn, BET_INTEL_SMALL_DATABASE_WAIT="0.2")
    async with process(SMALL, "migrate", settings) as migrating:
        await ends_saying(migrating, "migrate", r"no connection to its database within 0\.2 s.*is PostgreSQL started")
        assert not migrating.says("s3cret")


async def test_a_password_that_the_database_refuses_is_named_and_not_told(
    own_postgres: EmbeddedPostgres, vhost: Vhost
) -> None:
    await provision(own_postgres.dsn("postgres"), "small", password=RIGHT, owner_password=RIGHT)
    hba = own_postgres.folder.path / "postgres" / "pg_hba.conf"
    hba.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
    await asyncio.to_thread(own_postgres.stop)
    await asyncio.to_thread(own_postgres.start)
    wrong = own_postgres.dsn("small").replace("small@", "small:s3cret@")
    for kind in ("worker", "migrate"):
        async with process(SMALL, kind, environment(vhost.url, wrong)) as refused:
            await ends_saying(refused, kind, "the login of role 'small' was refused: is the password in the DSN")
            assert not refused.says("s3cret")


async def test_an_unmigrated_database_and_a_role_without_a_grant_are_mended_as_it_says(
    postgres: EmbeddedPostgres, name: str, vhost: Vhost
) -> None:
    settings = environment(vhost.url, postgres.dsn(name))
    as_owner = {**settings, "BET_INTEL_SMALL_OWNER_DSN": postgres.dsn(name, owner_of(name))}
    async with process(SMALL, "worker", settings) as unmigrated:
        await ends_saying(
            unmigrated, "worker", r"is not migrated, 0001_outbox\.sql.* missing: run the service's `migrate`"
        )
    async with process(SMALL, "migrate", as_owner) as migrating:
        assert await migrating.wait() == 0
    owner = await asyncpg.connect(postgres.dsn(name, owner_of(name)))
    await owner.execute(f'revoke insert on done from "{name}"')
    await owner.close()
    async with process(SMALL, "worker", settings) as refused:
        await ends_saying(
            refused,
            "worker",
            f"role '{name}' lacks rights in .*: insert on done: run the service's `migrate`.*OWNER_DSN",
        )
    async with process(SMALL, "migrate", as_owner) as migrating:
        assert await migrating.wait() == 0
    async with process(SMALL, "worker", {**settings, "BET_INTEL_METRICS_PORT": "0"}) as worker:
        await until(lambda: bool(worker.says("/metrics")))
        assert await worker.stop() == 0


@pytest.mark.parametrize("kind", ["consume", "worker"])
async def test_a_process_that_waits_for_its_broker_is_healthy_and_not_ready(
    make_database: MakeDatabase, vhost: Vhost, kind: str
) -> None:
    nowhere = f"amqp://guest:guest@127.0.0.1:{free_port()}/small"
    settings = environment(nowhere, await make_database(MIGRATIONS), BET_INTEL_METRICS_PORT="0")
    async with process(SMALL, kind, settings) as waiting:
        await until(lambda: bool(waiting.says("waiting for the broker")), timeout=30)
        assert await probe(waiting, "/health") == (200, "ok")
        status, reason = await probe(waiting, "/ready")
        assert (status, reason[:9]) == (503, "it starts")
        assert await waiting.stop() == 0
    async with process(SMALL, kind, {**settings, "BET_INTEL_BROKER_URL": vhost.url}) as connected:

        async def ready() -> bool:
            return bool(connected.says("/metrics")) and await probe(connected, "/ready") == (200, "ok")

        await until(ready, timeout=30)
        assert await connected.stop() == 0


async def test_a_login_that_the_broker_refuses_is_named_and_how_to_mend_it(
    make_database: MakeDatabase, vhost: Vhost
) -> None:
    user = f"service-of-{vhost.name}"
    permissions = Permissions(".*", ".*", ".*")
    await asyncio.to_thread(vhost.rabbitmq.create_user, user, "right", vhost.name, permissions)
    broker = vhost.rabbitmq.urls(vhost.name, user, "s3cret")[0]
    settings = environment(broker, await make_database(MIGRATIONS))
    try:
        for kind in ("worker", "consume", "migrate"):
            async with process(SMALL, kind, settings) as refused:
                await ends_saying(
                    refused, kind, f"refuses the login of '{user}': .*BET_INTEL_BROKER_URL.*rabbitmqctl change_password"
                )
                assert not refused.says("s3cret")
    finally:
        await asyncio.to_thread(vhost.rabbitmq.delete_user, user)


async def test_metrics_that_cannot_be_served_are_named(make_database: MakeDatabase, vhost: Vhost) -> None:
    settings = environment(vhost.url, await make_database(MIGRATIONS))
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as listening:
        taken = listening.sockets[0].getsockname()[1]
        for host, port, said in (
            ("127.0.0.1", taken, rf"127\.0\.0\.1:{taken}: Address already in use\. Set BET_INTEL_METRICS_PORT"),
            ("nowhere.invalid", 0, r"nowhere\.invalid:0: .*BET_INTEL_METRICS_HOST"),
        ):
            address = {"BET_INTEL_METRICS_HOST": host, "BET_INTEL_METRICS_PORT": str(port)}
            async with process(SMALL, "worker", settings | address) as refused:
                await ends_saying(refused, "worker", said)


async def test_a_key_for_secrets_that_is_none_is_named_with_the_way_to_make_one(vhost: Vhost) -> None:
    for module, name, kind in (("notifier", "notifier", "worker"), ("api", "api", "serve")):
        settings = {
            "BET_INTEL_BROKER_URL": vhost.url,
            f"BET_INTEL_{module.upper()}_DSN": f"postgresql://small@127.0.0.1:{free_port()}/small",
            f"BET_INTEL_{module.upper()}_SECRETS_KEY": "s3cret",
        }
        async with process(f"bet_intel.{module}", kind, settings) as refused:
            assert await refused.wait() == 2
            said = f"^bet-intel {name} {kind}: BET_INTEL_{module.upper()}_SECRETS_KEY: .*Fernet.generate_key"
            assert refused.says(said), refused.said
            assert not refused.says("s3cret|Traceback"), refused.said
