"""A service's database: one pool, reached by what a caller wants to do rather than by host.

`transaction` and `snapshot` hand out connections of different types, so that a write on a read-only connection is a
type error. Both are served by one server here; the verbs leave room for replicas (docs/adr/0004).
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

import asyncpg

from bet_intel.shared.messaging import DeadLetter, UnavailableError

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy

Writer = NewType("Writer", Connection)
"""A connection within a transaction on the primary."""
Reader = NewType("Reader", Connection)
"""A connection within a read-only transaction: one consistent picture."""


_TOKEN = re.compile(r"([0-9A-F]{1,8})-([0-9A-F]{1,16})")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A byte of the write-ahead log of a timeline. As text (`str`, `parse`) it is a token that a client may carry from
    a write to its next read."""

    timeline: int
    lsn: int

    def __str__(self) -> str:
        return f"{self.timeline:X}-{self.lsn:X}"

    @classmethod
    def parse(cls, token: str) -> "Position":
        """
        Raises:
            ValueError: it is not a token of this form; the message says what one looks like.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ValueError(f"{token[:40]!r} is no position: one looks like 1-16B3748, as a write returned it")
        return cls(int(match[1], 16), int(match[2], 16))


@dataclass(slots=True)
class Committed:
    """Where a transaction's commit is in the log, once it is: given to `Database.transaction` to be filled."""

    position: Position | None = None


class DatabaseError(Exception):
    """The database cannot be used as it is; the message says how to mend it."""


class DatabaseUnavailableError(UnavailableError):
    """The server cannot be reached, is starting or stopping, or was lost in the middle: trying again later can help."""


_DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_LOST = (
    ConnectionError,
    # A server that does not answer in time is away; nothing is said against what it was asked.
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


# The timeline that is written to is the first eight digits of the name of the segment; every role may ask for it.
_POSITION = """
    select ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int as timeline,
        pg_current_wal_insert_lsn()::text as lsn
"""


class Database:
    """The pool of one service. Opened in the composition root, closed with it."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, name: str, max_size: int = 8) -> AsyncIterator["Database"]:
        """Connect as application `name` with up to `max_size` connections.

        Raises:
            DatabaseError: nobody answers at `dsn`, or refuses it.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn, min_size=1, max_size=max_size, command_timeout=30, server_settings={"application_name": name}
            )
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise DatabaseError(f"{name}: no connection to its database: {error}") from error
        try:
            yield cls(pool)
        finally:
            await pool.close()

    @asynccontextmanager
    async def transaction(self, committed: Committed | None = None) -> AsyncIterator[Writer]:
        """A transaction, committed at the end of the block; `committed` is told where that is in the log.

        Raises:
            DatabaseUnavailableError: the server is away. Lost during the commit, it may or may not have taken effect.
        """
        async with self._connection() as connection:
            async with connection.transaction():
                yield Writer(connection)
            if committed is not None:
                row = await connection.fetchrow(_POSITION)
                if row is not None:
                    high, low = row["lsn"].split("/")
                    committed.position = Position(row["timeline"], (int(high, 16) << 32) + int(low, 16))

    @asynccontextmanager
    async def snapshot(self, after: Position | None = None) -> AsyncIterator[Reader]:
        """A read-only transaction that sees everything committed up to `after`. Raises as `transaction`."""
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield Reader(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            connection = await self._pool.acquire()
        except _DRIVER_ERRORS as error:
            raise DatabaseUnavailableError(f"no connection to the database: {error}") from error
        try:
            yield connection
        except _DRIVER_ERRORS as error:
            # The driver has one class for its misuse and for a connection that is gone: the connection itself knows.
            if isinstance(error, _LOST) or _is_gone(connection):
                raise DatabaseUnavailableError(f"the connection to the database was lost: {error}") from error
            raise
        finally:
            # One that was lost meanwhile cannot be made ready for the next user: the pool has thrown it away then, and
            # what happened in the block is what counts.
            with suppress(*_DRIVER_ERRORS):
                await self._pool.release(connection)

    async def health(self) -> None:
        """Returns when the database answers a query; raises what the driver raises otherwise."""
        await self._pool.fetchval("select 1", timeout=2)


def _is_gone(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has already taken it back, which it does by itself only with one that was lost


class PostgresDeadLetters:
    """`messaging.DeadLetters` in the consumer's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, letter: DeadLetter) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                insert into dead_letter (queue, id, name, subject, body, reason, attempts)
                values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (queue, id) do update
                set reason = excluded.reason, attempts = excluded.attempts, died_at = now()
                """,
                letter.queue,
                letter.id,
                letter.name,
                letter.subject,
                letter.body,
                letter.reason,
                letter.attempts,
            )

    async def kept(self, queue: str) -> Sequence[DeadLetter]:
        async with self._database.snapshot() as connection:
            rows = await connection.fetch(
                """
                select queue, id, name, subject, body, reason, attempts
                from dead_letter where queue = $1 order by died_at, id
                """,
                queue,
            )
        return [DeadLetter(**row) for row in rows]

    async def remove(self, queue: str, id: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute("delete from dead_letter where queue = $1 and id = $2", queue, id)

    async def count(self) -> int:
        async with self._database.snapshot() as connection:
            return int(await connection.fetchval("select count(*) from dead_letter"))
