"""The whole system with the simulator and a clock that is moved by months: nothing grows without bound."""

from datetime import datetime, timedelta

import asyncpg
import pytest

from bet_intel.compose.console import Console
from bet_intel.compose.databases import SERVICES, prepare
from bet_intel.compose.embedded_postgres import EmbeddedPostgres
from bet_intel.compose.up import System, open_system
from bet_intel.odds_ingest.providers.simulator.client import SimulatorProvider
from bet_intel.odds_ingest.source import Source
from fixtures.own_server import TRUST, Calendar, server
from fixtures.waiting import running, until

__all__ = ["server"]

pytestmark = pytest.mark.integration

_DAYS = 120
_STEP = 10
_SETTLED = 60
"""Days after which every retention that is set below has been at work."""


async def sizes(postgres: EmbeddedPostgres) -> dict[str, int]:
    """The rows of every table of every service; a table in partitions has the rows of them all."""
    found = {}
    for service in SERVICES:
        connection = await asyncpg.connect(postgres.dsn(service))
        tables = await connection.fetch(
            "select relname from pg_class where relkind in ('r', 'p') and not relispartition and "
            "relnamespace = 'public'::regnamespace and relname <> 'schema_migrations'"
        )
        for table in tables:
            rows = await connection.fetchval(f"select count(*) from {table['relname']}")  # noqa: S608 - a table's own name
            found[f"{service}.{table['relname']}"] = rows
        partitions = "select count(*) from pg_class where relispartition and relkind = 'r'"
        found[f"{service} partitions"] = await connection.fetchval(partitions)
        await connection.close()
    return found


async def test_months_of_the_simulator_stay_bounded(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_HISTORY", "API_OPPORTUNITIES", "API_CLOSINGS", "EV_ENGINE_LIVES", "NOTIFIER_DELIVERIES"):
        monkeypatch.setenv(f"BET_INTEL_{name}_RETENTION", "30")
    await prepare(server)
    clock = Calendar()
    source = Source(SimulatorProvider(1, clock, interval=0.5), "simulator:1", "simulator", "the simulator")
    seen: dict[int, dict[str, int]] = {}
    async with open_system(server, source, Console(table=False), TRUST, clock) as system:
        work = (system.bus, system.tasks, system.api, system.notifier, system.ev_engine, system.odds_ingest)
        async with running(*(one.run() for one in work), within=300):
            for day in range(0, _DAYS + 1, _STEP):
                clock.now += timedelta(days=_STEP)
                await until(lambda: _has_heard(system, clock.now), 60)
                await system.caught_up()
                await system.forget(clock.now)
                seen[day] = await sizes(server)
            open_now = [one.id for one in (await system.api.best(200)).data]
    assert seen[_DAYS]["api.price_history"] > 1000, "it has been at work"
    assert open_now, "what is open is there"
    grown = {
        table: (seen[_SETTLED][table], rows)
        for table, rows in seen[_DAYS].items()
        if rows > 1.5 * max(seen[day][table] for day in seen if day <= _SETTLED) + 20
    }
    assert grown == {}


async def _has_heard(system: System, now: datetime) -> bool:
    async with system.api.database.snapshot() as connection:
        return bool(await connection.fetchval("select as_of >= $1 from feed_position", now))
