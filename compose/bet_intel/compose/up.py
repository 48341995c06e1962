"""The whole system in one process, on embedded engines."""

import asyncio
import ipaddress
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bet_intel.api.app import Api, open_api
from bet_intel.api.auth import Access
from bet_intel.api.server import serve
from bet_intel.api.settings import ApiSettings
from bet_intel.compose.console import Console
from bet_intel.compose.data_folder import DataFolder
from bet_intel.compose.databases import prepare
from bet_intel.compose.embedded_postgres import EmbeddedPostgres
from bet_intel.compose.table import BEST
from bet_intel.ev_engine.app import EvEngine, open_ev_engine
from bet_intel.ev_engine.settings import EvEngineSettings
from bet_intel.notifier.app import Notifier, open_notifier
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.odds_ingest.app import OddsIngest, open_odds_ingest
from bet_intel.odds_ingest.poll import Pace
from bet_intel.odds_ingest.settings import OddsIngestSettings
from bet_intel.odds_ingest.source import Source
from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.engines import Engines
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import DatabaseUnavailableError
from bet_intel.shared.runtime import TaskGroup, stop_signals
from bet_intel.shared.secret_box import key_file
from bet_intel.shared.service_metrics import show_build
from bet_intel.shared.times import Clock, system_clock

_CACHE_ENTRIES = 2048
_CATCH_UP_SECONDS = 30.0
_KEY_FILE = "secrets.key"
_TABLE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What else was asked for: to stop at the end of a recording, to try dead letters again, a table on a terminal."""

    exit_at_end: bool = False
    redrive: bool = False
    table: bool = True


@dataclass(frozen=True, slots=True)
class System:
    """Every service, open and subscribed, and the in-process engines between them."""

    bus: InProcessBus
    tasks: InProcessTasks
    odds_ingest: OddsIngest
    ev_engine: EvEngine
    api: Api
    notifier: Notifier

    async def caught_up(self) -> None:
        """Wait until everything told so far is handled, from end to end, or the bound on waiting has passed."""
        for outbox in self.outboxes():
            if not await outbox.drained(_CATCH_UP_SECONDS):
                _log.warning("consumers are behind: going on without them", waited_seconds=_CATCH_UP_SECONDS)

    async def forget(self, now: datetime) -> None:
        """Let every service drop what is too old at `now`."""
        for service in (self.odds_ingest, self.ev_engine, self.api, self.notifier):
            await service.retention.run_once(now)

    def outboxes(self) -> tuple[Outbox, ...]:
        # In the order of the data's way: when one is empty, what came of its messages is in the next. The gateway's
        # requests come before it.
        return self.api.outbox, self.odds_ingest.outbox, self.ev_engine.outbox, self.notifier.outbox


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the system trusts: `secrets_key` encrypts what is secret at rest and on the bus; `is_local` says that its
    gateway is reached from this machine alone, which then needs no key."""

    secrets_key: SecretStr
    is_local: bool

    @property
    def access(self) -> Access:
        return "local" if self.is_local else "keys"


@asynccontextmanager
async def open_system(
    postgres: EmbeddedPostgres, source: Source, console: Console, trust: Trust, clock: Clock = system_clock
) -> AsyncIterator[System]:
    """Compose all services on `postgres`, whose databases are prepared, and in-process engines."""

    def dsn(service: str) -> SecretStr:
        return SecretStr(postgres.dsn(service))

    rng = random.Random()  # noqa: S311 - spreads retries, keeps no secret
    registry = CollectorRegistry()
    messages = MessageMetrics(registry)
    bus, tasks = InProcessBus(rng, metrics=messages), InProcessTasks(rng)
    cache = InProcessCache(_CACHE_ENTRIES, time.monotonic)
    show_build(registry, "bet-intel", "up")
    engines = Engines(bus, tasks, cache, registry, clock, time.monotonic, counted=messages)
    systems: list[System] = []

    async def caught_up() -> None:
        await systems[0].caught_up()

    async with AsyncExitStack() as stack:
        api_settings = ApiSettings(dsn=dsn("api"))
        trusted = {
            "secrets_key": api_settings.secrets_key or trust.secrets_key,
            "access": api_settings.access if "access" in api_settings.model_fields_set else trust.access,
        }
        api = await stack.enter_async_context(open_api(api_settings.model_copy(update=trusted), engines))
        notifier_settings = NotifierSettings(dsn=dsn("notifier"))
        key = {"secrets_key": notifier_settings.secrets_key or trust.secrets_key}
        notifier = await stack.enter_async_context(open_notifier(notifier_settings.model_copy(update=key), engines))
        ev_engine = await stack.enter_async_context(open_ev_engine(EvEngineSettings(dsn=dsn("ev_engine")), engines))
        odds_ingest = await stack.enter_async_context(
            open_odds_ingest(
                OddsIngestSettings(dsn=dsn("odds_ingest")),
                engines,
                source.provider,
                source.identity,
                Pace(caught_up, console.progress),
            )
        )
        systems.append(System(bus, tasks, odds_ingest, ev_engine, api, notifier))
        yield systems[0]


async def run_system(
    system: System, listening: socket.socket, console: Console, wishes: Wishes, stopped: "asyncio.Future[str]"
) -> None:
    """Run every service and the HTTP server until `stopped` or, where asked for, the source has ended."""
    async with TaskGroup() as group:
        background = [
            group.create_task(work, name=name)
            for name, work in (
                ("bus", system.bus.run()),
                ("tasks", system.tasks.run()),
                ("api", system.api.run()),
                ("notifier", system.notifier.run()),
                ("ev-engine", system.ev_engine.run()),
                ("odds-ingest", system.odds_ingest.run()),
            )
        ]
        serving = group.create_task(serve(system.api, listening), name="http")
        ended = group.create_task(_ended(system, console), name="end of source")
        if console.shows_table:
            background.append(group.create_task(_table(system, console), name="table"))
        if wishes.redrive:
            background.append(group.create_task(_redrive(system, console), name="redrive"))
        waited: set[asyncio.Future[Any]] = {stopped, ended} if wishes.exit_at_end else {stopped}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        console.still()
        # Readers first: what the gateway answers from must not be gone before it.
        serving.cancel()
        await asyncio.wait({serving})
        for task in [*background, ended]:
            task.cancel()
    if wishes.exit_at_end and system.odds_ingest.poller.failure is not None:
        raise system.odds_ingest.poller.failure


async def _redrive(system: System, console: Console) -> None:
    published = sum([await outbox.redrive() for outbox in system.outboxes()])
    handled = await system.bus.redrive() + await system.tasks.redrive()
    console.say(f"  dead letters tried again: {handled} handled, {published} on their way to be published")


async def _table(system: System, console: Console) -> None:
    while True:
        try:
            console.best(await system.api.best(BEST))
        except (DatabaseUnavailableError, TimeoutError) as error:
            _log.warning("table not renewed", reason=str(error) or type(error).__name__)
        await asyncio.sleep(_TABLE_SECONDS)


async def _ended(system: System, console: Console) -> None:
    await system.odds_ingest.poller.ended.wait()
    console.ended(await system.ev_engine.totals(), system.odds_ingest.poller.failure)


async def up(
    postgres: EmbeddedPostgres, source: Source, listening: socket.socket, console: Console, wishes: Wishes
) -> None:
    """Start PostgreSQL, prepare the databases, run everything, and stop it all again, whenever that is asked for."""
    with stop_signals() as stopped:
        stopped.add_done_callback(lambda name: console.stopping(name.result()))
        try:
            started = time.monotonic()
            how = await asyncio.to_thread(postgres.start)
            console.postgres(how, time.monotonic() - started)
            if not stopped.done():
                await prepare(postgres)
            if not stopped.done():
                await _serve(postgres, source, listening, console, wishes, stopped)
        finally:
            await source.provider.aclose()
            await asyncio.to_thread(postgres.stop)


async def _serve(
    postgres: EmbeddedPostgres,
    source: Source,
    listening: socket.socket,
    console: Console,
    wishes: Wishes,
    stopped: "asyncio.Future[str]",
) -> None:
    trust = await asyncio.to_thread(_trust, postgres.folder, listening)
    async with open_system(postgres, source, console, trust) as system:
        console.reading(source, system.odds_ingest.position)
        console.serving(listening)
        await run_system(system, listening, console, wishes, stopped)


def _trust(folder: DataFolder, listening: socket.socket) -> Trust:
    folder.state.mkdir(mode=0o700, exist_ok=True)
    address = ipaddress.ip_address(listening.getsockname()[0])
    return Trust(SecretStr(key_file(folder.state / _KEY_FILE)), is_local=address.is_loopback)


def data_folder_path(data_dir: Path | None, default: Path, source: Source) -> Path:
    """An explicit folder is taken as it is; by default each source has one of its own."""
    return data_dir if data_dir is not None else default / source.folder
