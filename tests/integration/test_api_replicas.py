"""Three gateways on a primary and two replicas: whoever writes on one reads it on any, whatever the replicas know."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bet_intel.api.app import open_api
from bet_intel.api.server import listen, serve
from bet_intel.api.settings import ApiSettings
from bet_intel.compose.servers.postgres import PostgresGroup
from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.engines import Engines
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.migrate import migrate, migrations_of
from bet_intel.shared.postgres.provision import grant, owner_of, provision
from bet_intel.shared.times import system_clock
from fixtures.no_tls import NO_TLS
from fixtures.replicas import PASSWORD, name_of
from fixtures.waiting import running

pytestmark = pytest.mark.integration

ROLE = "api"


@pytest.fixture
async def dsn(postgres_group: PostgresGroup) -> str:
    """Every host, with a role that changes no table."""
    admin = postgres_group.dsn(postgres_group.primary, "postgres")
    await provision(admin, ROLE, password=PASSWORD, owner_password=PASSWORD)
    owner_dsn = postgres_group.dsn(postgres_group.primary, ROLE, owner_of(ROLE), PASSWORD)
    await asyncio.to_thread(migrate, owner_dsn, migrations_of("bet_intel.api"))
    await grant(owner_dsn, ROLE)
    await asyncio.to_thread(postgres_group.wait_for_replicas)
    login, _, rest = postgres_group.dsn(postgres_group.primary, ROLE, ROLE, PASSWORD).rpartition("@")
    return f"{login}@{','.join(name_of(host) for host in postgres_group.hosts)}/{rest.partition('/')[2]}"


@pytest.fixture
async def gateways(dsn: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(3):
            bus, tasks = InProcessBus(random.Random(1)), InProcessTasks(random.Random(1))
            cache = InProcessCache(256, time.monotonic)
            engines = Engines(bus, tasks, cache, CollectorRegistry(), system_clock, time.monotonic)
            settings = ApiSettings(dsn=SecretStr(dsn), pool_size=3, refresh_burst=1000, access="open")
            api = await stack.enter_async_context(open_api(settings, engines))
            listening = listen("127.0.0.1", 0)
            port = listening.getsockname()[1]
            await stack.enter_async_context(running(bus.run(), api.run(), serve(api, listening)))
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=NO_TLS, timeout=10)
            clients.append(await stack.enter_async_context(client))
        yield clients


async def asks(client: httpx.AsyncClient) -> tuple[str, dict[str, str]]:
    """Ask for a refresh; where it is, and the header that lets a read see it."""
    answer = await client.post("/v1/refresh")
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"], {"Read-After": answer.headers["Read-After"]}


async def test_what_one_gateway_wrote_is_read_on_all_at_once(gateways: list[httpx.AsyncClient]) -> None:
    for number in range(30):
        location, after = await asks(gateways[number % 3])
        answers = await asyncio.gather(*(client.get(location, headers=after) for client in gateways))
        assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_with_paused_replicas_too(postgres_group: PostgresGroup, gateways: list[httpx.AsyncClient]) -> None:
    for replica in postgres_group.replicas:
        await asyncio.to_thread(postgres_group.pause_replay, replica)
    location, after = await asks(gateways[0])
    for client in gateways:
        assert (await client.get(location, headers=after)).status_code == 200
    # What the replicas would have answered.
    known = f"select count(*) from refresh where id = '{location.rpartition('/')[2]}'"  # noqa: S608 - an id of ours
    for replica in postgres_group.replicas:
        assert await asyncio.to_thread(postgres_group.sql, replica, known, database=ROLE) == "0"
    for replica in postgres_group.replicas:
        await asyncio.to_thread(postgres_group.resume_replay, replica)


async def test_a_token_that_is_none_is_refused(gateways: list[httpx.AsyncClient]) -> None:
    answer = await gateways[0].get("/v1/status", headers={"Read-After": "yesterday"})
    assert answer.status_code == 400
    assert "one looks like 1-16B3748" in answer.json()["detail"]


async def test_without_a_primary_reads_are_answered_and_writes_refused(
    postgres_group: PostgresGroup, gateways: list[httpx.AsyncClient]
) -> None:
    await asyncio.to_thread(postgres_group.kill, postgres_group.primary)
    for client in gateways:
        assert (await client.get("/v1/events")).status_code == 200
        refused = await client.post("/v1/refresh")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert "Nothing can be written at the moment" in refused.json()["detail"]
