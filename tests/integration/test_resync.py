"""A database that somebody has emptied by hand fills again while the system runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from bet_intel.compose.console import Console
from bet_intel.compose.databases import prepare
from bet_intel.compose.embedded_postgres import EmbeddedPostgres
from bet_intel.compose.up import open_system
from bet_intel.odds_ingest.providers.simulator.client import SimulatorProvider
from bet_intel.odds_ingest.source import Source
from fixtures.own_server import TRUST, Calendar, server
from fixtures.waiting import running, until

__all__ = ["server"]

pytestmark = pytest.mark.integration

# What the gateway knows from others; what it owns (subscriptions, pricing settings, line history) is not told again.
READ_MODEL = "sporting_event, bookmaker, provider_status, feed_position, feed, resync_asked"
# A life that begins anew has an id of its own.
OF_A_LIFE = {"id", "first_seen", "opened_at", "peak"}


async def every_table(postgres: EmbeddedPostgres, service: str) -> str:
    connection = await asyncpg.connect(postgres.dsn(service))
    rows = await connection.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition and "
        "relnamespace = 'public'::regnamespace and relname <> 'schema_migrations'"
    )
    await connection.close()
    return ", ".join(row["relname"] for row in rows)


async def empty(postgres: EmbeddedPostgres, service: str, tables: str) -> None:
    connection = await asyncpg.connect(postgres.dsn(service))

    async def emptied() -> bool:
        try:
            await connection.execute(f"truncate {tables} cascade")
        except asyncpg.DeadlockDetectedError:
            return False  # the service was at work in them
        return True

    await until(emptied)
    await connection.close()


async def counted(postgres: EmbeddedPostgres, service: str, *tables: str) -> list[int]:
    connection = await asyncpg.connect(postgres.dsn(service))
    counts = [await connection.fetchval(f"select count(*) from {table}") for table in tables]  # noqa: S608 - ours
    await connection.close()
    return counts


async def shown(client: httpx.AsyncClient) -> dict[Any, Any]:
    """Every open opportunity and every price, as the gateway shows them."""
    found: dict[Any, Any] = {}
    query: dict[str, str | float] = {"min_ev": -1, "class": "take,marginal,suspect", "limit": 200}
    answer = (await client.get("/v1/opportunities", params=query)).json()
    assert answer["next_cursor"] is None
    for one in answer["data"]:
        key = (one["event"]["id"], str(one["market"]), one["outcome"], one["bookmaker"]["key"], one["side"])
        found[key] = {name: value for name, value in one.items() if name not in OF_A_LIFE}
    for event in (await client.get("/v1/events", params={"limit": 200})).json()["data"]:
        odds = (await client.get(f"/v1/events/{event['id']}/odds")).json()
        found[event["id"]] = {**odds, "as_of": None}
    return found


def heals(client: httpx.AsyncClient, before: dict[Any, Any]) -> Callable[[], Awaitable[bool]]:
    async def healed() -> bool:
        try:
            now = await shown(client)
        except (KeyError, AssertionError):
            return False
        return now == before

    return healed


async def test_every_database_heals(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("API", "EV_ENGINE", "NOTIFIER"):
        monkeypatch.setenv(f"BET_INTEL_{service}_RESYNC_SECONDS", "0.1")
    await prepare(server)
    # The clock stands: nothing changes but what is told again.
    clock = Calendar()
    source = Source(SimulatorProvider(1, clock, interval=0.5), "simulator:1", "simulator", "the simulator")
    async with open_system(server, source, Console(table=False), TRUST, clock) as system:
        work = (system.bus, system.tasks, system.api, system.notifier, system.ev_engine, system.odds_ingest)
        transport = httpx.ASGITransport(system.api.asgi, client=("127.0.0.1", 1))
        async with (
            running(*(one.run() for one in work), within=120),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            made = await client.post("/v1/subscriptions", json={"webhook": {"url": "https://hooks.example.com/"}})
            assert made.status_code == 201, made.text
            priced = await client.put("/v1/admin/pricing/consensus", json={"take_ev": 0.02})
            assert priced.status_code == 200, priced.text

            async def all_is_there() -> bool:
                (events,) = await counted(server, "ev_engine", "event where pricing_revision > 0 and open")
                (copies, sets) = await counted(server, "notifier", "subscription", "opportunity_set")
                (known,) = await counted(server, "api", "opportunity_set where revision > 0")
                return copies == 1 and events == sets == known > 3

            await until(all_is_there, 30)
            before = await shown(client)
            assert sum(isinstance(key, tuple) for key in before) > 3

            await empty(server, "api", READ_MODEL)
            await until(heals(client, before), 20)

            await empty(server, "ev_engine", await every_table(server, "ev_engine"))
            await until(all_is_there, 20)
            await until(heals(client, before), 20)

            await empty(server, "notifier", await every_table(server, "notifier"))
            await until(all_is_there, 20)

            # All at once.
            await empty(server, "notifier", await every_table(server, "notifier"))
            await empty(server, "ev_engine", await every_table(server, "ev_engine"))
            await empty(server, "api", READ_MODEL)
            await until(all_is_there, 20)
            await until(heals(client, before), 20)
            assert await asyncio.wait_for(system.api.outbox.drained(5), 10)
