"""One host of a database: its pool, and what its probe last saw."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from bet_intel.shared.postgres.connections import (
    DRIVER_ERRORS,
    Connection,
    DatabaseError,
    PoolBusyError,
    bound_sending,
    hang_up,
)

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]

_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
_COMMAND_SECONDS = 30.0
_LAST_PORT = 65535
_DSN = re.compile(r"(?P<scheme>[a-z]+)://(?P<netloc>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*)(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Address:
    """A host as messages call it (never with a password), and the DSN that reaches it alone."""

    name: str
    dsn: str


def addresses(dsn: str) -> Sequence[Address]:
    """The hosts of a DSN: `postgresql://role:password@host1:5432,host2:5433/database`, or `?host=…` for sockets.

    Raises:
        DatabaseError: it is not of that form, or names a host twice.
    """
    # What cannot be parsed is not shown: it may hold a password anywhere.
    remedy = "write postgresql://role:password@host:port[,host:port…]/database, with %xx for special characters"
    split = _DSN.fullmatch(dsn)
    if split is None:
        raise DatabaseError(f"the DSN cannot be read: {remedy}")
    # The hosts are taken apart here: urllib refuses an IPv6 address beside others, since it knows of one host alone.
    scheme, (login, at, netloc), rest = split["scheme"], split["netloc"].rpartition("@"), split["rest"]
    parts = urlsplit(f"{scheme}://{rest}")
    # A "/", "?" or "#" in a password that is not escaped ends the login there: what comes before it would be taken for
    # a host, and be shown as one.
    cut = "@" in parts.path + parts.query or parts.fragment
    if parts.scheme not in ("postgresql", "postgres") or cut or not all(_is_host(host) for host in netloc.split(",")):
        raise DatabaseError(f"the DSN cannot be read: {remedy}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if netloc:
        found = [Address(host, f"{scheme}://{login}{at}{host}{rest}") for host in netloc.split(",")]
    elif "," in query.get("host", ""):
        hosts = query["host"].split(",")
        ports = query.get("port", "5432").split(",")
        if len(ports) not in (1, len(hosts)):
            raise DatabaseError(f"the DSN names {len(hosts)} hosts and {len(ports)} ports: give each host one")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        found = [
            Address(f"{host}:{port}", _with_query(dsn, {**query, "host": host, "port": port}))
            for host, port in zip(hosts, ports, strict=True)
        ]
    else:
        found = [Address(query.get("host", "the default socket"), dsn)]
    names = [address.name for address in found]
    if "" in names or len(set(names)) < len(names):
        raise DatabaseError(f"the DSN names the hosts {', '.join(names)}: name each once")
    return found


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and int(match[1] or 0) <= _LAST_PORT


def _with_query(dsn: str, query: dict[str, str]) -> str:
    return urlunsplit(urlsplit(dsn)._replace(query=urlencode(query, quote_via=quote, safe="/")))


class Host:
    """A server with a pool of its own. Which role it has is not its own business: `roles` says."""

    def __init__(self, address: Address, pool: "Pool") -> None:
        self.address = address
        self.name = address.name
        self.pool = pool
        self._readers: set[Connection] = set()
        self._writers: set[Connection] = set()
        self._waiting = 0

    @classmethod
    async def create(cls, address: Address, name: str, max_size: int, *, plans_anew: bool = False) -> "Host":
        """Nothing is connected yet."""
        settings = {"application_name": name}
        if plans_anew:
            settings["plan_cache_mode"] = "force_custom_plan"
        pool = await asyncpg.create_pool(
            address.dsn,
            min_size=0,
            max_size=max_size,
            timeout=_CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            init=bound_sending,
            reset=_leave_as_it_is,
            server_settings=settings,
        )
        return cls(address, pool)

    async def connect(self, name: str) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection outside the pool."""
        connection = await asyncpg.connect(
            self.address.dsn, timeout=_CONNECT_SECONDS, server_settings={"application_name": name}
        )
        await bound_sending(connection)
        return connection

    @property
    def busy(self) -> int:
        """How many connections are lent."""
        return len(self._readers) + len(self._writers)

    @property
    def idle(self) -> int:
        """How many connections could be lent at once without a new login."""
        return self.pool.get_idle_size()

    async def acquire(self, *, writes: bool, patience: float | None = None) -> Connection:
        """A connection of the pool; where every one is lent, it is waited for no longer than `patience` (s).

        Raises:
            PoolBusyError: none came back in that time.
        """
        is_full = self.busy + self._waiting >= self.pool.get_max_size()
        self._waiting += 1
        try:
            connection = await self.pool.acquire(timeout=patience if is_full else None)
        except TimeoutError as error:
            if not is_full or patience is None:
                raise
            raise PoolBusyError(f"every connection to {self.name} is lent, for {patience:g} s now") from error
        finally:
            self._waiting -= 1
        (self._writers if writes else self._readers).add(connection)
        return connection

    async def release(self, connection: Connection) -> bool:
        """Take a connection back; False where it turned out to be lost, which changes nothing about what it did."""
        self._readers.discard(connection)
        self._writers.discard(connection)
        try:
            await self.pool.release(connection)
        except DRIVER_ERRORS:
            return False
        return True

    async def forget(self) -> None:
        """Use no connection again that exists now: each may lead to a server that is gone."""
        await self.pool.expire_connections()

    def cut_readers(self) -> None:
        """End the reads that are under way: they would wait for a server that does not answer."""
        _cut(self._readers)

    def cut_writers(self) -> None:
        """End the transactions that are under way: they would write to a server that is not the primary any more."""
        _cut(self._writers)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()


async def _leave_as_it_is(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """In place of a round trip that clears what a session may hold: connections of a pool are lent within a
    transaction, or for one statement: neither leaves anything behind. The driver itself ends one that is still open."""


def _cut(connections: set[Connection]) -> None:
    for connection in tuple(connections):
        hang_up(connection)
