"""Composition root of the api service: the projector of the read model and the gateway, in one process."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp

from bet_intel.api import openapi
from bet_intel.api.answers import OpportunityList
from bet_intel.api.demand import Demand
from bet_intel.api.feed import FeedTail
from bet_intel.api.middleware import RequestEdge, RequestMetrics
from bet_intel.api.operation import Operation, Reads
from bet_intel.api.problems import (
    BodyError,
    CursorError,
    NotFoundError,
    ParameterError,
    TooManyRequestsError,
    answer_problem,
)
from bet_intel.api.projector import Projector
from bet_intel.api.retention import ReadModelRetention
from bet_intel.api.routes import bookmakers, events, history, opportunities, process, refreshes, sports, status
from bet_intel.api.settings import ApiSettings
from bet_intel.shared.engines import Engines
from bet_intel.shared.filled_cache import FilledCache
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.messaging import Queue
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database, DatabaseUnavailableError, PostgresDeadLetters
from bet_intel.shared.rate_limits import InProcessRateLimits, RateLimit
from bet_intel.shared.retention import keep
from bet_intel.shared.ticker import Ticker


@dataclass(slots=True)
class Api:
    """The service. `asgi` answers requests; `run` works in the background until cancelled.

    Set `draining` before the server stops: /readyz then sends new clients elsewhere.
    """

    tail: FeedTail
    heart: Heart
    database: Database
    outbox: Outbox
    demand: Demand
    ticker: Ticker
    retention: ReadModelRetention
    draining: bool = False
    asgi: ASGIApp = field(init=False)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.ticker.run(), name="api ticker")
            group.create_task(self.tail.run(), name="api feed tail")
            group.create_task(self.heart.run(), name="api heartbeat")
            group.create_task(self.outbox.run(sweeps=False), name="api outbox")
            group.create_task(self.demand.run(), name="api demand")

    async def best(self, limit: int) -> OpportunityList:
        """The first `limit` (at most 200) of what `/v1/opportunities` answers without parameters.

        Raises:
            DatabaseUnavailableError, TimeoutError: the database does not answer.
        """
        async with self.database.snapshot() as connection:
            return await opportunities.listed(connection, opportunities.OpportunityQuery(limit=limit))


@asynccontextmanager
async def open_api(settings: ApiSettings, engines: Engines) -> AsyncIterator[Api]:
    """Open the database, subscribe the projector to the bus and build the gateway.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    dsn = settings.dsn.get_secret_value()
    options = settings.database(migrations_of("bet_intel.api"))
    async with Database.open(dsn, name="bet-intel-api", options=options, metrics=engines.pools) as database:
        tail = FeedTail(database, settings.feed_poll_seconds, engines.monotonic, engines.registry)
        dead_letters = PostgresDeadLetters(database)
        _subscribe(Projector(database, engines.registry, tail.woken.set, engines.clock), engines, dead_letters)
        outbox = Outbox(database, engines.bus, engines.tasks)
        heart = Heart("api", engines.bus, dead_letters, outbox.backlog, engines.clock)
        ticker = Ticker("api", database, metrics=engines.tickers)
        retention = ReadModelRetention(database, settings)
        ticker.add("api sweeper", outbox.sweep)
        ticker.add("api retention", lambda: keep(retention, engines.clock))
        api = Api(tail, heart, database, outbox, Demand(engines.bus, engines.clock), ticker, retention)
        cache = FilledCache(engines.cache, random.Random(), engines.registry)  # noqa: S311 - spreads times to live
        reads = Reads(database, cache, tail, settings.cache_seconds)
        limits = engines.limits or InProcessRateLimits(engines.monotonic)
        limit = limits.limit("refresh", settings.refresh_burst, settings.refresh_seconds)
        api.asgi = _gateway(_operations(api, database, reads, limit, engines), engines)
        await outbox.recover()
        yield api


def _subscribe(projector: Projector, engines: Engines, dead_letters: PostgresDeadLetters) -> None:
    subscribe = engines.bus.subscribe
    subscribe(Queue("api.odds-changed", "odds.changed.v1"), projector.odds_changed, dead_letters)
    subscribe(
        Queue("api.opportunities-updated", "opportunities.updated.v1"), projector.opportunities_updated, dead_letters
    )
    subscribe(Queue("api.provider-status", "provider.status.v1"), projector.provider_status, dead_letters)
    subscribe(Queue("api.service-heartbeat", "service.heartbeat.v1"), projector.service_heartbeat, dead_letters)


def _operations(
    api: Api, database: Database, reads: Reads, limit: RateLimit, engines: Engines
) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    registry: CollectorRegistry = engines.registry
    operations += opportunities.operations(reads, api.demand)
    operations += events.operations(reads, api.demand)
    operations += history.operations(reads)
    operations += sports.operations(reads)
    operations += bookmakers.operations(reads)
    operations += refreshes.operations(reads, api.outbox, limit, engines.clock)
    operations += status.operations(reads, engines.clock)
    operations += process.operations(
        database, api.tail, registry, lambda: api.draining, lambda: openapi.document(operations)
    )
    return tuple(operations)


def _gateway(operations: tuple[Operation, ...], engines: Engines) -> ASGIApp:
    problems = (
        HTTPException,
        ParameterError,
        CursorError,
        BodyError,
        NotFoundError,
        TooManyRequestsError,
        TimeoutError,
        DatabaseUnavailableError,
    )
    edge = Middleware(
        RequestEdge,
        metrics=RequestMetrics(engines.registry),
        monotonic=engines.monotonic,
        new_id=lambda: uuid.uuid4().hex,
    )
    app = Starlette(
        routes=[Route(operation.path, operation.respond, methods=[operation.method]) for operation in operations],
        middleware=[edge],
        exception_handlers=dict.fromkeys(problems, answer_problem),
    )
    app.router.redirect_slashes = False
    return app
