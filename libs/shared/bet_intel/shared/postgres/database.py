"""A service's database: pools reached by what a caller wants to do rather than by host.

`transaction` and `snapshot` hand out connections of different types, so that a write on a read-only connection is a
type error. Which host serves them is decided by what the hosts say of themselves (docs/adr/0004).
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from time import perf_counter
from typing import Self, TypeVar

import asyncpg
import structlog

from bet_intel.shared.postgres.connections import (
    DRIVER_ERRORS,
    Connection,
    DatabaseUnavailableError,
    PoolBusyError,
    PrimaryUnavailableError,
    Reader,
    TablesChangedError,
    Writer,
    gave_way,
    hang_up,
    has_no_room,
    is_lost,
    is_prepared_for_other_tables,
)
from bet_intel.shared.postgres.direct import Session
from bet_intel.shared.postgres.hosts import Host, addresses
from bet_intel.shared.postgres.inspection import Inspection
from bet_intel.shared.postgres.metrics import PoolMetrics
from bet_intel.shared.postgres.opening import until_ready
from bet_intel.shared.postgres.options import Health, Options
from bet_intel.shared.postgres.positions import SEEN, WRITTEN, Committed, Position, lsn
from bet_intel.shared.postgres.probe import Probe
from bet_intel.shared.postgres.roles import Choice, Roles
from bet_intel.shared.postgres.routes import Routes
from bet_intel.shared.postgres.watch import Watch, reason
from bet_intel.shared.runtime import heed_cancellation

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Database:
    """The pools of one service. Opened in the composition root, closed with it."""

    def __init__(
        self,
        name: str,
        hosts: Mapping[str, Host],
        options: Options,
        metrics: PoolMetrics | None,
        rng: random.Random,
    ) -> None:
        several = len(hosts) > 1
        self._name = name
        self._hosts = hosts
        self._options = options
        self._metrics = metrics
        self._roles = Roles(hosts, options.max_lag_bytes)
        self._inspection = Inspection(name, hosts, self._roles, metrics)
        probes = {host: Probe(each.address, name, options.probe_timeout, marks=several) for host, each in hosts.items()}
        self._watch = Watch(name, hosts, probes, self._roles, options.probe_every, self._inspection.show)
        # One server is used for everything, whatever it says of itself; it refuses what it cannot do.
        self._single = None if several else next(iter(hosts))
        self._routes = Routes(hosts, self._roles, self._watch, rng, options.primary_patience)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        name: str,
        max_size: int | None = None,
        options: Options | None = None,
        metrics: PoolMetrics | None = None,
    ) -> AsyncIterator[Self]:
        """Connect as application `name`, with a pool for each host of the DSN.

        `max_size` (connections of a pool) stands before that of the options.

        Raises:
            DatabaseError: nobody answers at `dsn` or refuses it, or it is not the database that is needed.
        """
        options = options or Options()
        options = options if max_size is None else replace(options, max_size=max_size)
        async with AsyncExitStack() as stack:
            hosts: dict[str, Host] = {}
            for address in addresses(dsn):
                host = hosts[address.name] = await Host.create(
                    address, name, options.max_size, plans_anew=options.plans_anew
                )
                stack.push_async_callback(host.close)
            database = cls(name, hosts, options, metrics, random.Random())  # noqa: S311 - spreads load, keeps no secret
            stack.push_async_callback(database._watch.stop)
            await until_ready(name, hosts, database._watch, database._roles, options)
            if database._single is None:
                database._watch.start()
            if metrics is not None:
                metrics.follow(name, hosts)
                stack.callback(metrics.forget, name, hosts)
            yield database

    @asynccontextmanager
    async def transaction(self, committed: Committed | None = None) -> AsyncIterator[Writer]:
        """A transaction on the primary, committed at the end of the block; `committed` is told where.

        Raises:
            PrimaryUnavailableError: nobody takes writes, or the connection was lost. Lost during the commit, it may or
                may not have taken effect: nothing is tried again here.
            TablesChangedError: a migration met it, and nothing was done.
            DatabaseUnavailableError: the server took too long, or its disk is full.
        """
        host = self._single or await self._watch.primary(self._options.primary_patience)
        async with self._lent(Choice(host, "write"), writes=True) as connection:
            async with connection.transaction():
                yield Writer(connection)
                self._refuse_superseded(host)
            if committed is not None:
                committed.position = await self._written(connection)

    @asynccontextmanager
    async def snapshot(self, after: Position | None = None) -> AsyncIterator[Reader]:
        """A read-only transaction, on a replica where one qualifies: a picture that may be a little old.

        It shows what was written at `after`, whoever wrote it. What a caller decides to write upon belongs in
        `transaction` or `latest`.

        Raises:
            TablesChangedError: a migration met it.
            DatabaseUnavailableError: no host can answer, or the one that did was lost.
        """
        async with self._from_any(after, self._read) as connection:
            yield connection

    @asynccontextmanager
    async def statement(self, after: Position | None = None) -> AsyncIterator[Reader]:
        """As `snapshot`, for a single statement, which is one picture by itself: nothing is sent to begin and end it.

        Raises as `snapshot`.
        """
        async with self._from_any(after, self._read_once) as connection:
            yield connection

    @asynccontextmanager
    async def _from_any(
        self, after: Position | None, read: Callable[[Choice], AbstractAsyncContextManager[Reader]]
    ) -> AsyncIterator[Reader]:
        for left in reversed(range(len(self._hosts))):
            choice = await self._routes.read(after)
            try:
                async with read(choice) as connection:
                    yield connection
                return
            except _NotReachedError as error:
                # Nothing was asked yet: another host may as well.
                if not left:
                    raise DatabaseUnavailableError(str(error)) from error

    async def read(
        self, ask: Callable[[Reader], Awaitable[T]], after: Position | None = None, *, at_once: bool = False
    ) -> T:
        """What `ask` answers from a `snapshot`; where its host is lost meanwhile, another is asked, once, and where a
        migration met it, it is asked anew. Where `ask` is a single statement (`at_once`), it is asked as a `statement`.

        `ask` must be fit to be called twice. Raises as `snapshot`.
        """
        opened = self.statement if at_once else self.snapshot
        may_be_lost = self._single is None
        # Each host has prepared statements of its own.
        may_change = len(self._hosts)
        while True:
            try:
                async with opened(after) as connection:
                    return await ask(connection)
            except PoolBusyError:
                raise  # nothing was lost: who has waited once is not made to wait again
            except TablesChangedError:
                if not may_change:
                    raise
                may_change -= 1
            except DatabaseUnavailableError:
                if not may_be_lost:
                    raise
                may_be_lost = False

    @asynccontextmanager
    async def latest(self, *, at_once: bool = False) -> AsyncIterator[Reader]:
        """A read-only transaction on the primary: everything that is committed. Where it is for a single statement
        (`at_once`), nothing is sent to begin and end it. Raises as `transaction`.
        """
        host = self._single or await self._watch.primary(self._options.primary_patience)
        read = self._read_once if at_once else self._read
        async with read(Choice(host, "latest")) as connection:
            yield connection

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Session]:
        """A session on the primary that is nobody else's, for a lock. Raises `PrimaryUnavailableError`."""
        host = self._hosts[self._single or await self._watch.primary(self._options.primary_patience)]
        try:
            connection = await host.connect(f"{self._name} session")
        except DRIVER_ERRORS as error:
            heed_cancellation(error)
            raise PrimaryUnavailableError(f"{self._name}: no session on {host.name}: {reason(error)}") from error
        try:
            yield Session(connection, host.name, lambda: self._single is None and self._roles.is_superseded(host.name))
        finally:
            # The server ends the session at once.
            hang_up(connection)

    async def position(self, connection: Reader) -> Position | None:
        """Up to where the snapshot of `connection` may have seen: another one `after` it misses nothing of it.

        None where there is one host, which never falls behind itself.
        """
        if self._single is not None:
            return None
        row = await connection.fetchrow(SEEN)
        return None if row is None else Position(row["timeline"], lsn(row["lsn"]))

    async def health(self) -> Health:
        """What is known of the hosts, once the database has answered a query.

        Raises:
            DatabaseUnavailableError: nobody answers.
        """
        async with self.snapshot() as connection:
            await connection.fetchval("select 1", timeout=2)
        return self._inspection.health()

    @asynccontextmanager
    async def _read(self, choice: Choice) -> AsyncIterator[Reader]:
        async with (
            self._lent(choice, writes=False) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Reader(connection)

    @asynccontextmanager
    async def _read_once(self, choice: Choice) -> AsyncIterator[Reader]:
        async with self._lent(choice, writes=False) as connection:
            yield Reader(connection)

    @asynccontextmanager
    async def _lent(self, choice: Choice, *, writes: bool) -> AsyncIterator[Connection]:
        host = self._hosts[choice.host]
        connection = await self._acquire(host, choice, writes=writes)
        began = perf_counter()
        try:
            yield connection
        except DRIVER_ERRORS as error:
            heed_cancellation(error)
            if writes and isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                await self._lost(host)
                raise PrimaryUnavailableError(f"{self._name}: {host.name} takes no writes any more") from error
            if is_lost(error, connection):
                if isinstance(error, TimeoutError):
                    self._watch.wake([host.name])
                else:
                    await self._lost(host)
                kind = PrimaryUnavailableError if writes else DatabaseUnavailableError
                raise kind(f"{self._name}: the connection to {host.name} was lost: {error}") from error
            if is_prepared_for_other_tables(error):
                # The driver forgets what is prepared by itself, but not where a cursor met it.
                await connection.reload_schema_state()
                raise TablesChangedError(f"{self._name}: a table of {host.name} was changed meanwhile") from error
            if has_no_room(error):
                raise DatabaseUnavailableError(f"{self._name}: {host.name} has no room: {error}") from error
            if not writes and gave_way(error):
                raise DatabaseUnavailableError(f"{self._name}: {host.name} gave way to replaying: {error}") from error
            raise
        finally:
            self._took(host, choice, perf_counter() - began)
            if not await host.release(connection):
                await self._lost(host)

    async def _acquire(self, host: Host, choice: Choice, *, writes: bool) -> Connection:
        began = perf_counter()
        try:
            connection = await host.acquire(writes=writes, patience=self._options.pool_patience)
        except DRIVER_ERRORS as error:
            heed_cancellation(error)
            await self._lost(host)
            said = f"{self._name}: no connection to {host.name}: {reason(error)}"
            raise (PrimaryUnavailableError(said) if writes else _NotReachedError(said)) from error
        if self._metrics is not None:
            self._metrics.acquire.labels(self._name, host.name).observe(perf_counter() - began)
            self._metrics.routed.labels(self._name, self._inspection.role(host.name), choice.reason).inc()
        return connection

    def _took(self, host: Host, choice: Choice, seconds: float) -> None:
        if self._metrics is not None:
            operation = choice.reason if choice.reason in {"write", "latest"} else "read"
            self._metrics.transaction.labels(self._name, self._inspection.role(host.name), operation).observe(seconds)

    async def _lost(self, host: Host) -> None:
        await host.forget()
        if self._single is None:
            self._watch.lost(host.name)

    def _refuse_superseded(self, host: str) -> None:
        if self._single is None and self._roles.is_superseded(host):
            raise PrimaryUnavailableError(f"{self._name}: {host} is not the primary any more: nothing was committed")

    async def _written(self, connection: Connection) -> Position | None:
        try:
            row = await connection.fetchrow(WRITTEN)
        except DRIVER_ERRORS as error:
            # It is committed all the same; only where is not known.
            _log.warning("position of a commit not read", database=self._name, reason=str(error))
            return None
        return None if row is None else Position(row["timeline"], lsn(row["lsn"]))


class _NotReachedError(DatabaseUnavailableError):
    """No connection was lent: nothing has been asked for."""
