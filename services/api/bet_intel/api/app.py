"""Composition root of the api service: the projector of the read model and the gateway, in one process."""

import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bet_intel.api import closing_store, openapi
from bet_intel.api.administration import Administration
from bet_intel.api.answers import OpportunityList
from bet_intel.api.auth import Gatekeeper, caller_of
from bet_intel.api.closing_lines import TakeClosingLines
from bet_intel.api.counts import OpenOpportunities
from bet_intel.api.deliveries import DeliveryLog
from bet_intel.api.demand import Demand
from bet_intel.api.domain.accounts import EXPORTS, STREAM
from bet_intel.api.exports import Bounds, Exports
from bet_intel.api.feed import FEED_MOVED, FeedTail
from bet_intel.api.gate import Gate
from bet_intel.api.hot_path import HotPath
from bet_intel.api.key_directory import KeyDirectory
from bet_intel.api.middleware import RequestEdge, RequestMetrics
from bet_intel.api.operation import Operation, Reads
from bet_intel.api.problems import KNOWN, answer_problem
from bet_intel.api.projector import Projector
from bet_intel.api.ready_answers import ReadyAnswers
from bet_intel.api.request_limits import RequestLimits
from bet_intel.api.resync import TellAgain, has_no_events, has_no_sets
from bet_intel.api.retention import ReadModelRetention
from bet_intel.api.routes import (
    accounts,
    aliases,
    bets,
    bookmakers,
    calculators,
    closing,
    combinations,
    deliveries,
    documentation,
    events,
    explain,
    exports,
    history,
    keys,
    markets,
    me,
    opportunities,
    pricing,
    problem_pages,
    process,
    refreshes,
    sports,
    status,
    stream,
    subscriptions,
    tiers,
)
from bet_intel.api.security import safety
from bet_intel.api.settings import ApiSettings
from bet_intel.api.stream import Streaming, Streams
from bet_intel.api.usage import Usage
from bet_intel.api.writes import Writes
from bet_intel.shared.engines import Engines
from bet_intel.shared.filled_cache import FilledCache
from bet_intel.shared.heartbeat import Heart
from bet_intel.shared.messaging import Queue
from bet_intel.shared.migrate import migrations_of
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database, PostgresDeadLetters
from bet_intel.shared.rate_limits import InProcessRateLimits, RateLimit, RateLimits
from bet_intel.shared.resync import CLOSINGS, ODDS, OPPORTUNITIES, Resync
from bet_intel.shared.retention import keep
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.ticker import Ticker

_POOL_PATIENCE = 1.0
"""Less than the two seconds that nginx gives a read: a gateway whose pool is lent sheds, and is not taken for dead."""


@dataclass(slots=True)
class Api:
    """The service. `asgi` answers requests; `run` works in the background until cancelled.

    Call `drain` before the server stops: /readyz then sends new clients elsewhere, and streams end.
    """

    tail: FeedTail
    cache: FilledCache
    ready: ReadyAnswers
    heart: Heart
    database: Database
    outbox: Outbox
    demand: Demand
    keys: KeyDirectory
    ticker: Ticker
    retention: ReadModelRetention
    resync: Resync
    connections: Gauge
    draining: bool = False
    asgi: ASGIApp = field(init=False)
    usage: Usage = field(init=False)
    streams: Streams = field(init=False)
    operations: tuple[Operation, ...] = ()
    routes: tuple[Route, ...] = ()

    def drain(self) -> None:
        self.draining = True
        self.tail.close()
        self.streams.close()

    async def run(self) -> None:
        async with TaskGroup() as group:
            group.create_task(self.ticker.run(), name="api ticker")
            group.create_task(self.tail.run(), name="api feed tail")
            group.create_task(self.keys.run(), name="api keys")
            group.create_task(self.ready.run(), name="api ready answers")
            group.create_task(self.heart.run(), name="api heartbeat")
            group.create_task(self.outbox.run(sweeps=False), name="api outbox")
            group.create_task(self.demand.run(), name="api demand")
            group.create_task(self.resync.run(), name="api resync")
            group.create_task(self.usage.run(), name="api usage")
            group.create_task(self.streams.run(), name="api streams")

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
    options = replace(settings.database(migrations_of("bet_intel.api")), pool_patience=_POOL_PATIENCE)
    async with Database.open(dsn, name="bet-intel-api", options=options, metrics=engines.pools) as database:
        tail = FeedTail(
            database,
            engines.wake,
            settings.feed_poll_seconds,
            settings.feed_kept,
            engines.monotonic,
            engines.registry,
        )
        cache = FilledCache(engines.cache, random.Random(), engines.registry)  # noqa: S311 - spreads times to live
        ready = ReadyAnswers(
            tail, settings.ready_answers, settings.ready_stale_seconds, engines.monotonic, engines.registry
        )
        dead_letters = PostgresDeadLetters(database)
        wake = partial(engines.wake.ring, FEED_MOVED)
        projector = Projector(database, engines.registry, wake, engines.clock, engines.messages)
        _subscribe(projector, engines, dead_letters)
        outbox = Outbox(database, engines.bus, engines.tasks)
        log = DeliveryLog(outbox, engines.clock, engines.messages)
        engines.bus.subscribe(Queue("api.delivery-updated", "delivery.updated.v1"), log.updated, dead_letters)
        take_closing_lines = TakeClosingLines(database, wake, engines.clock, engines.messages)
        engines.bus.subscribe(
            Queue("api.closing-line-fixed", "closing.line.fixed.v1", batch=16), take_closing_lines.fixed, dead_letters
        )
        heart = Heart("api", engines.bus, dead_letters, outbox.backlog, engines.clock, engines.outboxes)
        tell_again = TellAgain(outbox, engines.clock)
        engines.bus.subscribe(Queue("api.resync-requested", "resync.requested.v1"), tell_again.requested, dead_letters)
        kinds = {ODDS: has_no_events, OPPORTUNITIES: has_no_sets, CLOSINGS: closing_store.has_none}
        resync = Resync("api", database, outbox, kinds, engines.clock, settings.resync_seconds)
        ticker = Ticker("api", database, metrics=engines.tickers)
        retention = ReadModelRetention(database, settings)
        ticker.add("api sweeper", outbox.sweep)
        ticker.add("api retention", lambda: keep(retention, engines.clock))
        ticker.add("api counts", OpenOpportunities(database, engines.registry).run)
        connections = Gauge(
            "bet_intel_http_active_connections", "Connections of clients that are open.", registry=engines.registry
        )
        demand = Demand(engines.bus, engines.clock)
        keys = KeyDirectory(
            database,
            engines.wake,
            settings.feed_poll_seconds,
            engines.clock,
            engines.monotonic,
            engines.registry,
            tail.nudge,
        )
        await keys.load()
        api = Api(tail, cache, ready, heart, database, outbox, demand, keys, ticker, retention, resync, connections)
        parts = _parts(settings, engines, api)
        api.usage = Usage(database, parts.request_limits, engines.clock)
        api.streams = parts.streams
        api.operations = _operations(api, parts, engines)
        api.routes = (*_routes(api.operations, parts.keeper), *documentation.routes())
        api.asgi = _gateway(api, parts, settings, engines)
        await outbox.recover()
        yield api


def _subscribe(projector: Projector, engines: Engines, dead_letters: PostgresDeadLetters) -> None:
    subscribe = engines.bus.subscribe
    on_board = engines.hops.after("board", projector.odds_changed)
    as_opportunity = engines.hops.after("opportunity", projector.opportunities_updated)
    subscribe(Queue("api.odds-changed", "odds.changed.v1"), on_board, dead_letters)
    subscribe(Queue("api.opportunities-updated", "opportunities.updated.v1"), as_opportunity, dead_letters)
    subscribe(Queue("api.provider-status", "provider.status.v1"), projector.provider_status, dead_letters)
    subscribe(Queue("api.service-heartbeat", "service.heartbeat.v1"), projector.service_heartbeat, dead_letters)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the operations are made of."""

    reads: Reads
    writes: Writes
    exports: Exports
    administration: Administration
    streams: Streams
    keeper: Gatekeeper
    limits: RateLimits
    request_limits: RequestLimits
    refresh_limit: RateLimit
    box: SecretBox | None
    subscriptions: int


def _parts(settings: ApiSettings, engines: Engines, api: Api) -> Parts:
    box = None if settings.secrets_key is None else SecretBox(settings.secrets_key.get_secret_value())
    writes = Writes(api.outbox, box, engines.clock)
    keeper = Gatekeeper(api.keys, settings.access, settings.operator_token)
    streaming = Streaming(
        settings.stream_heartbeat_seconds,
        followers=settings.stream_followers,
        # Where many begin together, other requests have connections too.
        reads=settings.pool_size // 2,
    )
    limits = engines.limits or InProcessRateLimits(engines.monotonic)
    reads = Reads(api.database, api.cache, api.ready, api.tail, settings.cache_seconds)
    return Parts(
        reads,
        writes,
        Exports(reads, Bounds(settings.exports, settings.export_rows, settings.export_seconds)),
        Administration(writes, engines.wake, engines.clock),
        Streams(api.database, api.tail, streaming, engines.monotonic, engines.registry, engines.hops, keeper.holds),
        keeper,
        limits,
        RequestLimits(limits, engines.registry),
        limits.limit("refresh", settings.refresh_burst, settings.refresh_seconds),
        box,
        settings.subscriptions,
    )


def _operations(api: Api, parts: Parts, engines: Engines) -> tuple[Operation, ...]:
    reads, writes = parts.reads, parts.writes
    operations: list[Operation] = []
    registry: CollectorRegistry = engines.registry
    operations += opportunities.operations(reads, api.demand)
    operations += combinations.operations(reads, api.demand)
    operations += stream.operations(parts.streams, api.demand)
    operations += events.operations(reads, api.demand)
    operations += closing.operations(reads)
    operations += explain.operations(reads)
    operations += history.operations(reads)
    operations += sports.operations(reads)
    operations += bookmakers.operations(reads)
    operations += markets.operations(reads)
    operations += calculators.operations()
    operations += exports.operations(parts.exports)
    operations += refreshes.operations(reads, writes, parts.refresh_limit, engines.clock)
    operations += subscriptions.operations(reads, writes, parts.box, parts.subscriptions, engines.clock)
    operations += deliveries.operations(reads, writes, parts.limits.limit("deliveries", 5, 2.0), engines.clock)
    operations += bets.operations(reads, writes, engines.clock)
    operations += pricing.operations(reads, parts.administration, engines.clock)
    operations += accounts.operations(reads, parts.administration, engines.clock)
    operations += keys.operations(reads, parts.administration, engines.clock)
    operations += tiers.operations(reads, parts.administration, engines.clock)
    operations += me.operations(reads, api.keys, engines.clock)
    operations += status.operations(reads, engines.clock)
    # Made once, when somebody asks: it takes as long as hundreds of other answers.
    document = functools.cache(lambda: openapi.document(operations))
    operations += process.operations(api.database, api.tail, registry, lambda: api.draining, document)
    operations += problem_pages.operations()
    operations += aliases.operations(operations)
    return tuple(operations)


def contract() -> bytes:
    """The OpenAPI document, without a gateway."""
    return openapi.document(described())


def described() -> tuple[Operation, ...]:
    """The operations, without a gateway: nothing of what would answer may be called."""
    absent: Any = _Absent()
    return _operations(absent, absent, absent)


class _Absent:
    """Stands for anything that an operation is made of."""

    def __getattr__(self, _name: str) -> "_Absent":
        return self

    def __call__(self, *_arguments: object, **_named: object) -> "_Absent":
        return self


def _gateway(api: Api, parts: Parts, settings: ApiSettings, engines: Engines) -> ASGIApp:
    operations, metrics, monotonic = api.operations, RequestMetrics(engines.registry), engines.monotonic
    new_id = _request_ids()
    successors = Middleware(aliases.SuccessorHeaders, operations=operations)
    edge = Middleware(RequestEdge, metrics=metrics, monotonic=monotonic, new_id=new_id)
    gate = Middleware(
        Gate,
        keeper=parts.keeper,
        limits=parts.request_limits,
        open_paths=[
            *(one.path for one in operations if one.need.is_open),
            *documentation.PATHS,
            *problem_pages.PATHS,
        ],
        own_pages=settings.cors_origins,
        lasting_paths=[one.path for one in operations if one.need in (STREAM, EXPORTS)],
        at_once=settings.requests_at_once,
        seconds=settings.request_seconds,
        registry=engines.registry,
    )
    app = Starlette(
        routes=api.routes,
        middleware=[*safety(settings.cors_origins), successors, edge, gate],
        exception_handlers=dict.fromkeys(KNOWN, answer_problem),
    )
    app.router.redirect_slashes = False
    # What is deprecated says so, which a ready answer does not.
    needs = {one.path: one.need for one in operations if one.method == "GET" and not one.deprecated}
    return HotPath(
        app, api.ready, parts.keeper, parts.request_limits, needs, metrics, api.cache.was_ready, monotonic, new_id
    )


def _request_ids() -> Callable[[], str]:
    """Names of requests, which keep no secret: asking the kernel for each would be a fifth of a hot read."""
    rng = random.Random()  # noqa: S311 - as above; seeded by the kernel
    return lambda: f"{rng.getrandbits(128):032x}"


def _routes(operations: Sequence[Operation], keeper: Gatekeeper) -> list[Route]:
    """One route an address, so that a method it does not know is answered with those that it knows."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [Route(path, _responder(of_path, keeper), methods=list(of_path)) for path, of_path in by_path.items()]


def _responder(of_path: Mapping[str, Operation], keeper: Gatekeeper) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        operation = of_path["GET" if request.method == "HEAD" else request.method]
        if not operation.need.is_open:
            keeper.check(caller_of(request), operation.need)
        return await operation.respond(request)

    return respond
