"""The connections that a database gives out, and what can go wrong with them."""

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, NewType

import asyncpg

from bet_intel.shared.messaging import UnavailableError

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy

Writer = NewType("Writer", Connection)
"""A connection within a transaction on the primary."""
Reader = NewType("Reader", Connection)
"""A connection within a read-only transaction, or for one statement: one consistent picture."""


class DatabaseError(Exception):
    """The database cannot be used as it is; the message says how to mend it."""


class DatabaseUnavailableError(UnavailableError):
    """The server cannot be reached, is starting or stopping, or was lost in the middle: trying again later can help."""


class PoolBusyError(DatabaseUnavailableError):
    """Every connection of the pool is lent, and none came back for as long as one may be waited for."""


class PrimaryUnavailableError(DatabaseUnavailableError):
    """Nobody takes writes at the moment: the primary is away, or another host is about to become it."""


class TablesChangedError(DatabaseUnavailableError):
    """A migration changed a table after a statement was prepared for it. Nothing was done: what is asked anew, in
    another transaction, is prepared anew."""


DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_LOST = (
    ConnectionError,
    # A server that does not answer in time is away; nothing is said against what it was asked.
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    # What the driver says when a connection is killed at the wrong moment.
    asyncpg.InternalClientError,
)
_SEND_NOTHING_MORE = struct.pack("ii", 1, 0)
_UNSENT_MILLISECONDS = 3000
_RECOVERY_CONFLICT = "conflict with recovery"


def is_lost(error: Exception, connection: Connection) -> bool:
    """Whether `error` means that the connection is gone, and says nothing against the statement."""
    # The driver has one class for its misuse and for a connection that is gone: the connection itself knows.
    return isinstance(error, _LOST) or _is_gone(connection)


def gave_way(error: Exception) -> bool:
    """Whether a replica cancelled the statement to go on replaying: the same one may succeed at once elsewhere."""
    return isinstance(error, asyncpg.PostgresError) and _RECOVERY_CONFLICT in str(error)


def is_prepared_for_other_tables(error: Exception) -> bool:
    """Whether a statement was prepared before a column of its answer was added, dropped or made of another type."""
    return isinstance(error, asyncpg.InvalidCachedStatementError)


def has_no_room(error: Exception) -> bool:
    """Whether the server's disk is full: that says nothing against the statement, and somebody will make room."""
    return isinstance(error, asyncpg.DiskFullError)


def _is_gone(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has already taken it back, which it does by itself only with one that was lost


def hang_up(connection: "Connection | asyncpg.Connection[asyncpg.Record]") -> None:
    """End a connection without a goodbye, which a server that hangs would not hear, and without a trace.

    What the kernel has still to send would reach a server that is cut off when the network is back, and be done there,
    a commit too.
    """
    _set_option(connection, socket.SOL_SOCKET, socket.SO_LINGER, _SEND_NOTHING_MORE)
    with contextlib.suppress(asyncpg.InterfaceError):  # given back meanwhile
        connection.terminate()


async def bound_sending(connection: "Connection | asyncpg.Connection[asyncpg.Record]") -> None:
    """Have the kernel throw away, and the connection with it, what it could not hand over within a few seconds.

    It would go on trying for minutes, also where a driver has given the connection up by itself and nobody waits any
    more (`hang_up` is for those that we give up): a commit would arrive when the network is back.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        _set_option(connection, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNSENT_MILLISECONDS)


def _set_option(
    connection: "Connection | asyncpg.Connection[asyncpg.Record]", level: int, option: int, value: int | bytes
) -> None:
    # There is no public way to the socket of a connection.
    transport: asyncio.Transport | None = getattr(connection, "_transport", None)
    if transport is not None:
        # Closed already, as either loop says it; or a socket of this machine's, which is of no network.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            transport.get_extra_info("socket").setsockopt(level, option, value)
