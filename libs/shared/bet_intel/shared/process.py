"""A service's processes: each type does its part of the service, on the engines that the environment names.

The service is composed as a whole in each of them; a type says which of its engines bring it work. So consumers,
workers and the scheduler of a service grow on their own, and are the same code.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.dramatiq_workers.queues import DramatiqTasks, Pool
from bet_intel.shared.engines import Engines
from bet_intel.shared.health import Pulse, answering
from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.migrate import check, migrate
from bet_intel.shared.postgres.opening import until_primary
from bet_intel.shared.postgres.provision import grant, role_of_owner
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.connection import Connector, Nodes
from bet_intel.shared.rediscluster.connection import RedisAddressError
from bet_intel.shared.rediscluster.engines import NEAR_ANSWERS, RedisEngines, open_redis
from bet_intel.shared.runtime import TaskGroup, hold_stop_signals, stop_signals, tell_who_is_left
from bet_intel.shared.service_metrics import show_build
from bet_intel.shared.settings import Settings
from bet_intel.shared.times import system_clock
from bet_intel.shared.wake import InProcessWake

_CACHE_ENTRIES = 2048
_LONG_END = 10.0
"""Seconds after which a process that was asked to stop tells what it still waits for."""

_log = structlog.get_logger(__name__)


class StartError(Exception):
    """What a process needs is not there; the message says how to mend it."""


class ProcessSettings(Settings):
    """What every process needs, whichever service it is of."""

    model_config = SettingsConfigDict(env_prefix="BET_INTEL_")

    broker_url: SecretStr
    """RabbitMQ: amqp://user:password@host:port,host:port/vhost."""
    redis_url: SecretStr | None = None
    """Redis Cluster: redis://:password@host:port,host:port. Without it each process caches and counts for itself."""
    redis_near_answers: int = Field(default=NEAR_ANSWERS, ge=0)
    """How many of Redis' answers a process keeps for a second, so that it asks for them once; 0 = none."""
    log_level: str = "info"
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Where Prometheus may read, and whoever asks for `/health` and `/ready`; None = nowhere, 0 = a free port, which
    the log names."""
    traces_endpoint: HttpUrl | None = None
    """Collector of traces over OTLP/HTTP, such as http://otel-collector:4318. Without it nothing is traced."""
    traces_ratio: float = Field(default=0.05, ge=0, le=1)
    """Which part of the traces is recorded."""
    stop_seconds: float = Field(default=30.0, gt=0)
    """How long handlers and tasks may take to end when the process is asked to stop."""
    worker_memory: int = Field(default=200, gt=0)
    """A worker that is larger than so many MB begins anew."""
    worker_tasks: int = Field(default=10_000, gt=0)
    """A worker that has done so many tasks begins anew."""


Work = Callable[[], Coroutine[Any, Any, None]]
Redrive = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A composed service: its background work, and the ways its dead letters come back beside those of the engines."""

    work: Work
    redrive: Sequence[Redrive] = ()


@dataclass(frozen=True, slots=True)
class ProcessType:
    """`consumes` events, `works` on tasks; what else it does, the opened service says."""

    help: str
    open: Callable[[Engines], AbstractAsyncContextManager[Opened]]
    consumes: bool = False
    works: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service's name, settings, migrations (their owner's address and folders) and types of processes."""

    name: str
    settings: Sequence[type[BaseSettings]]
    owner_dsn: Callable[[], str]
    migrations: Sequence[Path]
    types: Mapping[str, ProcessType] = field(default_factory=dict)
    database_wait: Callable[[], float] = lambda: 0.0
    """For how many seconds `migrate` waits for a database that does not answer yet."""


@dataclass(frozen=True, slots=True)
class _Distributed:
    bus: RabbitBus
    tasks: DramatiqTasks
    redis: RedisEngines | None
    engines: Engines


@dataclass(slots=True)
class _Stage:
    """How far a process has come: its part `opened` (it reached its database) and its queues made (and its broker)."""

    process: ProcessType
    distributed: _Distributed
    opened: bool = False

    def missing(self) -> str | None:
        if not self.opened:
            return "it starts: database and broker have not both been reached"
        if self.process.consumes and not self.distributed.bus.consuming:
            return "it is not connected to its broker"
        if self.process.works and not self.distributed.tasks.working:
            return "its workers do not run"
        return None


def _distributed(
    service: Service,
    kind: str,
    settings: ProcessSettings,
    registry: CollectorRegistry,
    redis: RedisEngines | None = None,
) -> _Distributed:
    nodes = Nodes.parse(settings.broker_url.get_secret_value())
    rng = random.Random()  # noqa: S311 - spreads retries, keeps no secret
    connector = Connector(nodes, f"bet-intel {service.name} {kind} {os.getpid()}", rng)
    pool = Pool(memory=settings.worker_memory, tasks=settings.worker_tasks, grace=settings.stop_seconds)
    messages = MessageMetrics(registry)
    bus = RabbitBus(connector, grace=settings.stop_seconds, metrics=messages)
    tasks = DramatiqTasks(connector, system_clock, registry, pool=pool)
    cache = InProcessCache(_CACHE_ENTRIES, time.monotonic) if redis is None else redis.cache
    wake, limits = (None, None) if redis is None else (redis.wake, redis.limits)
    engines = Engines(
        bus, tasks, cache, registry, system_clock, time.monotonic, wake or InProcessWake(), limits, messages
    )
    return _Distributed(bus, tasks, redis, engines)


async def run(service: Service, kind: str, settings: ProcessSettings) -> str | None:
    """Run one process until it is asked to stop, or something of it ends. Returns why it should begin anew, if so."""
    registry = CollectorRegistry()
    show_build(registry, service.name, kind)
    process = service.types[kind]
    with stop_signals() as stopped:
        async with _telling_who_is_left(stopped), AsyncExitStack() as stack:
            redis = await _redis(settings, registry, stack)
            distributed = _distributed(service, kind, settings, registry, redis)
            stage = _Stage(process, distributed)
            stack.enter_context(_watched(settings, distributed.engines.registry, stage))
            opening = asyncio.ensure_future(stack.enter_async_context(process.open(distributed.engines)))
            waited: set[asyncio.Future[Any]] = {opening, stopped}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                opening.cancel()
                await asyncio.wait({opening})
                return None
            opened = opening.result()
            # Before anything is told: what is told from now on waits for whoever comes.
            await _or_stopped(stopped, distributed.bus.declare(), distributed.tasks.declare())
            if not stopped.done():
                stage.opened = True
                await _work(process, distributed, opened, stopped)
        # Asked to stop while it was about to begin anew, it stops; asked from now on, its successor does.
        renewal = distributed.tasks.renewal
        if renewal is not None and not await hold_stop_signals(stopped):
            renewal = None
    _log.info("stopped", service=service.name, process=kind)
    return renewal


@asynccontextmanager
async def _telling_who_is_left(stopped: "asyncio.Future[str]") -> AsyncIterator[None]:
    telling = asyncio.create_task(tell_who_is_left(stopped, _LONG_END), name="telling who is left")
    try:
        yield
    finally:
        telling.cancel()


async def _redis(settings: ProcessSettings, registry: CollectorRegistry, stack: AsyncExitStack) -> RedisEngines | None:
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    try:
        return await stack.enter_async_context(open_redis(url, time.monotonic, registry, settings.redis_near_answers))
    except RedisAddressError as error:
        raise StartError(f"BET_INTEL_REDIS_URL: {error}") from error


async def _work(
    process: ProcessType, distributed: _Distributed, opened: Opened, stopped: "asyncio.Future[str]"
) -> None:
    bus, tasks = distributed.bus, distributed.tasks
    async with TaskGroup() as group:
        own = group.create_task(opened.work(), name="service")
        telling = group.create_task(bus.run() if process.consumes else bus.run_announcing(), name="bus")
        redis = distributed.redis
        waking = (
            []
            if redis is None
            else [
                group.create_task(redis.wake.run(), name="wake"),
                group.create_task(redis.watch.run(), name="redis watch"),
            ]
        )
        working = [group.create_task(tasks.run(), name="tasks")] if process.works else []
        ends: set[asyncio.Future[Any]] = {stopped, own, *working}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        # What brings work first, so that what came of it can still be told.
        for one in working:
            one.cancel()
        if working:
            await asyncio.wait(working)
        for one in (telling, own, *waking):
            one.cancel()
    await tasks.close()


async def _or_stopped(stopped: "asyncio.Future[str]", *work: Coroutine[Any, Any, None]) -> None:
    """Wait for `work`; let go of it where the process is asked to stop before."""
    gathered = asyncio.gather(*work)
    waited: set[asyncio.Future[Any]] = {gathered, stopped}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if gathered.done():
        gathered.result()
    else:
        gathered.cancel()
        await asyncio.wait({gathered})


def _watched(settings: ProcessSettings, registry: CollectorRegistry, stage: _Stage) -> ExitStack:
    """Metrics and probes, where they are asked for. Returns what ends them.

    Raises:
        StartError: there is no such address on this machine, or it is in use.
    """
    stack = ExitStack()
    if settings.metrics_port is None:
        return stack
    host = settings.metrics_host
    pulse = Pulse(time.monotonic)
    stack.enter_context(pulse.beating())
    try:
        port = stack.enter_context(answering(host, settings.metrics_port, registry, pulse, stage.missing))
    except OSError as error:
        stack.close()
        raise StartError(
            f"metrics cannot be served at {host}:{settings.metrics_port}: {error.strerror}. Set "
            "BET_INTEL_METRICS_PORT to another port, or to 0 for a free one, and BET_INTEL_METRICS_HOST to an address "
            "of this machine"
        ) from error
    _log.info("metrics", url=f"http://{host}:{port}/metrics")
    return stack


async def redrive(service: Service, settings: ProcessSettings) -> int:
    """Put every dead letter of the service back. Returns how many."""
    distributed = _distributed(service, "redrive", settings, CollectorRegistry())
    async with _any_type(service).open(distributed.engines) as opened:
        moved = await distributed.bus.redrive() + await distributed.tasks.redrive()
        moved += sum([await again() for again in opened.redrive])
    await distributed.bus.close()
    await distributed.tasks.close()
    return moved


async def prepare(service: Service, settings: ProcessSettings) -> None:
    """Bring the schema up to date, and make the queues, before any process of the service starts."""
    owner_dsn = service.owner_dsn()
    check(owner_dsn, service.migrations)
    owner_dsn = await until_primary(service.name, owner_dsn, service.database_wait())
    await asyncio.to_thread(migrate, owner_dsn, service.migrations)
    role = role_of_owner(owner_dsn)
    if role is not None:
        await grant(owner_dsn, role)
    distributed = _distributed(service, "migrate", settings, CollectorRegistry())
    async with _any_type(service).open(distributed.engines):
        await distributed.bus.declare()
        await distributed.tasks.declare()


def _any_type(service: Service) -> ProcessType:
    """All of them compose the whole service."""
    return next(iter(service.types.values()))


def begin_anew() -> None:
    """Replace this process by itself as it was started: with the same id, so that who supervises it sees no end."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
