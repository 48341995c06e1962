"""Every type of process of every service, each on its own, on a real RabbitMQ and PostgreSQL."""

from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from bet_intel.compose.servers.ports import free_ports
from fixtures.no_tls import NO_TLS
from fixtures.postgres import MakeDatabase
from fixtures.processes import process
from fixtures.servers import Vhost
from fixtures.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

SERVICES = ("odds_ingest", "ev_engine", "api", "notifier")
TYPES = (
    ("notifier", "consume"),
    ("notifier", "worker"),
    ("api", "consume"),
    ("api", "serve"),
    ("ev_engine", "consume"),
    ("ev_engine", "consume"),
    ("odds_ingest", "worker"),
    ("odds_ingest", "schedule"),
)
_MEGABYTES = 200
"""More than any process needs."""


def migrations(service: str) -> list[Path]:
    return [Path(str(files(package) / "migrations")) for package in ("bet_intel.shared", f"bet_intel.{service}")]


async def test_what_the_simulator_offers_is_found_by_way_of_all_processes(
    vhost: Vhost, make_database: MakeDatabase
) -> None:
    port = next(free_ports())
    environment = {
        "BET_INTEL_BROKER_URL": vhost.url,
        "BET_INTEL_API_PORT": str(port),
        "BET_INTEL_API_ACCESS": "local",
        "BET_INTEL_ODDS_INGEST_SOURCE": "simulator",
        **{f"BET_INTEL_{name.upper()}_DSN": await make_database(migrations(name)) for name in SERVICES},
    }
    async with AsyncExitStack() as stack, httpx.AsyncClient(trust_env=False, verify=NO_TLS, timeout=10) as client:
        for service in SERVICES:
            migrating = await stack.enter_async_context(process(f"bet_intel.{service}", "migrate", environment))
            assert await migrating.wait() == 0, migrating.said
        started = [
            await stack.enter_async_context(process(f"bet_intel.{service}", kind, environment))
            for service, kind in TYPES
        ]

        async def offers_something() -> bool:
            assert not any(one.ended() for one in started), [one.said for one in started if one.ended()]
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/v1/opportunities")
            except httpx.TransportError:
                return False
            return answer.status_code == 200 and len(answer.json()["data"]) > 0

        await until(offers_something, timeout=90)
        memory = {one: process.megabytes for one, process in zip(TYPES, started, strict=True)}
        assert max(memory.values()) < _MEGABYTES, memory
        assert [await one.stop() for one in started] == [0] * len(TYPES)
