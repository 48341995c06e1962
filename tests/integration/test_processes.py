"""Processes of a service on a real RabbitMQ and PostgreSQL, as `python -m bet_intel.<service>` starts them."""

import re
import urllib.request
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from bet_intel.shared.dramatiq_workers.queues import DramatiqTasks
from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import system_clock
from fixtures.engines import connector
from fixtures.postgres import MakeDatabase
from fixtures.processes import process
from fixtures.servers import Vhost
from fixtures.small_service import JOBS, MIGRATIONS
from fixtures.waiting import until

pytestmark = pytest.mark.integration

SMALL = "fixtures.small_service"


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def tasks(vhost: Vhost) -> AsyncIterator[DramatiqTasks]:
    """Puts tasks into the queue of the small service."""
    tasks = DramatiqTasks(connector(vhost.url), system_clock, CollectorRegistry(), queues=[JOBS])
    yield tasks
    await tasks.close()


def environment(vhost: Vhost, dsn: str, **more: str) -> dict[str, str]:
    return {"BET_INTEL_BROKER_URL": vhost.url, "BET_INTEL_SMALL_DSN": dsn, **more}


async def letters(database: "asyncpg.Connection[asyncpg.Record]") -> int:
    """How many dead letters are kept."""
    return int(await database.fetchval("select count(*) from dead_letter"))


async def until_one_is_given_up(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    async def given_up() -> bool:
        return await letters(database) == 1

    await until(given_up, timeout=30)


async def one_is_given_up(settings: dict[str, str], database: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A worker runs until it has kept what it could not do."""
    async with process(SMALL, "worker", settings):
        await until_one_is_given_up(database)


def job(number: int, actor: str = "note") -> Task:
    return Task(f"{actor}:{number}", JOBS, actor, {"number": number})


async def test_an_order_becomes_a_task_that_a_worker_does(
    vhost: Vhost, dsn: str, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    settings = environment(vhost, dsn)
    async with process(SMALL, "migrate", settings) as migrating:
        assert await migrating.wait() == 0
    bus = RabbitBus(connector(vhost.url))
    for number in range(20):  # nobody hears of them yet
        await bus.publish(Message(str(number), "small.ordered.v1", "tests", "s", system_clock(), 0, b""))
    await bus.close()
    async with process(SMALL, "consume", settings) as consumer, process(SMALL, "worker", settings) as worker:

        async def all_done() -> bool:
            return bool(await database.fetchval("select count(*) = 20 from done"))

        await until(all_done, timeout=30)
        assert await database.fetchval("select array_agg(distinct process) from done") == [worker.pid]
        assert await consumer.stop() == 0
        assert await worker.stop() == 0
    assert await database.fetchval("select array_agg(number order by number) from done") == list(range(20))


@pytest.mark.parametrize(
    ("limit", "actor", "jobs", "reason"),
    [
        ({"BET_INTEL_WORKER_TASKS": "10"}, "note", 25, r"1\d tasks done"),
        ({"BET_INTEL_WORKER_MEMORY": "250"}, "heavy", 12, "MB of memory, more than 250"),
    ],
)
async def test_a_worker_begins_anew_as_the_same_process_and_loses_nothing(
    vhost: Vhost,
    dsn: str,
    database: "asyncpg.Connection[asyncpg.Record]",
    tasks: DramatiqTasks,
    limit: dict[str, str],
    actor: str,
    jobs: int,
    reason: str,
) -> None:
    for number in range(jobs):
        await tasks.enqueue(job(number, actor))
    async with process(SMALL, "worker", environment(vhost, dsn, **limit)) as worker:

        async def all_done() -> bool:
            return bool(await database.fetchval("select count(*) = $1 from done", jobs))

        # Several threads may each have ended one when it is counted: 10 or a few more are done.
        # It may be about to begin anew once more when it is asked to stop: it stops all the same.
        await until(lambda: bool(worker.says(reason)), timeout=60)
        await until(all_done, timeout=60)
        assert await database.fetchval("select array_agg(distinct process) from done") == [worker.pid]
        assert await worker.stop() == 0
    assert await database.fetchval("select array_agg(number order by number) from done") == list(range(jobs))


async def test_a_failing_task_is_kept_and_counted_on_loopback_alone(
    vhost: Vhost, dsn: str, database: "asyncpg.Connection[asyncpg.Record]", tasks: DramatiqTasks
) -> None:
    await tasks.enqueue(job(7, "failing"))
    async with process(SMALL, "worker", environment(vhost, dsn, BET_INTEL_METRICS_PORT="0")) as worker:
        await until_one_is_given_up(database)
        found = worker.says(r"http://127\.0\.0\.1:(\d+)/metrics")
        assert found is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/metrics") as answer:  # noqa: ASYNC210 - loopback
            metrics = answer.read().decode()
        assert f'bet_intel_tasks_total{{actor="failing",outcome="failed",queue="{JOBS}"}} 2.0' in metrics
    letter = await database.fetchrow("select id, reason, attempts from dead_letter")
    assert tuple(letter or ()) == ("failing:7", "ValueError: job 7 cannot be done", 2)


async def test_redrive_puts_dead_tasks_back(
    vhost: Vhost, dsn: str, database: "asyncpg.Connection[asyncpg.Record]", tasks: DramatiqTasks
) -> None:
    settings = environment(vhost, dsn)

    await tasks.enqueue(job(7, "failing"))
    await one_is_given_up(settings, database)
    async with process(SMALL, "redrive", settings) as redriving:
        assert await redriving.wait() == 0
    assert await letters(database) == 0
    await one_is_given_up(settings, database)


async def test_redrive_leaves_what_cannot_be_read_and_puts_the_rest_back(
    vhost: Vhost, dsn: str, database: "asyncpg.Connection[asyncpg.Record]", tasks: DramatiqTasks
) -> None:
    settings = environment(vhost, dsn)

    await tasks.enqueue(job(7, "failing"))
    await one_is_given_up(settings, database)
    connection = await connector(vhost.url).connect()
    channel = await connection.channel(publisher_confirms=True)
    await channel.default_exchange.publish(aio_pika.Message(b"\xff no task", message_id="unreadable"), f"{JOBS}.XQ")
    for _ in range(2):
        async with process(SMALL, "redrive", settings) as redriving:
            assert await redriving.wait() == 0
            assert redriving.says("dead task cannot be read.*unreadable|unreadable.*dead task cannot be read")
        assert await letters(database) == 0
    dead = await channel.get_queue(f"{JOBS}.XQ")
    assert dead.declaration_result.message_count == 1
    await connection.close()


async def test_a_process_says_what_is_wrong_with_its_settings_and_shows_no_secret(vhost: Vhost, dsn: str) -> None:
    for settings, code, said in (
        ({"BET_INTEL_SMALL_DSN": dsn}, 2, "BET_INTEL_BROKER_URL: Field required"),
        (environment(vhost, dsn, BET_INTEL_BROKER_URL=vhost.url.replace(vhost.name, "absent")), 1, "no vhost 'absent'"),
        (environment(vhost, dsn, BET_INTEL_BROKER_URL="amqp://user:s3cret@"), 1, "BET_INTEL_BROKER_URL is to be"),
        (environment(vhost, dsn, BET_INTEL_BROKER_URL="amqp://user:1234/s3cret@h/x"), 1, "BET_INTEL_BROKER_URL is to"),
    ):
        async with process(SMALL, "worker", settings) as refused:
            assert await refused.wait() == code
            assert refused.says(f"^bet-intel small worker: .*{said}")
            assert not refused.says("s3cret|1234|Traceback")


async def test_a_process_says_what_is_wrong_with_its_database_and_how_to_mend_it(vhost: Vhost, dsn: str) -> None:
    host = dsn.partition("?")[2]
    name = urlsplit(dsn).path.removeprefix("/")
    for wrong, said in (
        ("mysql://somewhere/odds", "the DSN cannot be read: write postgresql://role:password@host:port"),
        (f"postgresql://tester@/absent?{host}", "there is no database 'absent': provision it, then migrate it"),
        (f"postgresql://nobody_such@/{name}?{host}", "role 'nobody_such' may not log in: does it exist"),
    ):
        async with process(SMALL, "worker", environment(vhost, wrong)) as refused:
            assert await refused.wait() == 1
            assert refused.says(f"^bet-intel small worker: .*{said}"), refused.said
            assert not refused.says("Traceback")


@pytest.mark.parametrize("password", ["s3cret/pw", "s3?cret", "s3#cret", "1234/s3cret", "1234?s3cret", "1234#s3cret"])
async def test_no_part_of_a_password_that_ends_the_address_too_early_is_shown(vhost: Vhost, password: str) -> None:
    settings = environment(vhost, f"postgresql://u:{password}@127.0.0.1:9/odds")
    for kind in ("worker", "migrate"):
        async with process(SMALL, kind, settings) as refused:
            assert await refused.wait() == 1
            assert refused.says(f"^bet-intel small {kind}: .*%xx for special characters"), refused.said
            parts = "|".join(re.escape(part) for part in re.split("[/?#]", password))
            assert not refused.says(f"{parts}|Traceback"), refused.said
