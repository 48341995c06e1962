"""Connections to a broker of several nodes: the next one is tried where one does not answer."""

import asyncio
import itertools
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import AMQPError, AuthenticationError, InvalidFrameError, ProbableAuthenticationError
from yarl import URL

from bet_intel.shared.rabbitmq.errors import BrokerError, BrokerUnavailableError
from bet_intel.shared.runtime import heed_cancellation
from bet_intel.shared.work_queue import Backoff

_log = structlog.get_logger(__name__)

LOST = (AMQPError, OSError, RuntimeError, TimeoutError)
"""What the driver raises where a connection or channel is of no use any more."""

_CLOSE_SECONDS = 2.0
_PORT = {"amqp": 5672, "amqps": 5671}
_ADDRESSES = re.compile(r",\s*(?=amqps?://)")
_HEARTBEAT = 15  # seconds


class Nodes(NamedTuple):
    """The nodes of one broker."""

    urls: tuple[URL, ...]

    @classmethod
    def parse(cls, text: str) -> "Nodes":
        """`amqp://user:password@host:port,host:port/vhost`, or whole addresses with commas between them.

        Raises:
            BrokerError: it is no such address. Says what is expected, and nothing of what was given.
        """
        urls: list[URL] = []
        try:
            for address in _ADDRESSES.split(text.strip()):
                scheme, _, rest = address.partition("://")
                authority, slash, vhost = rest.partition("/")
                login, at, hosts = authority.rpartition("@")
                # A "/", "?" or "#" in a password that is not escaped ends the login there: what comes before it would
                # be taken for a host, and be shown as one.
                if set(login) & set("?#") or set(vhost) & set("@#"):
                    raise ValueError  # noqa: TRY301 - what is wrong with it is said in one place
                urls += [URL(f"{scheme}://{login}{at}{host.strip()}{slash}{vhost}") for host in hosts.split(",")]
            if not all(url.scheme in _PORT and url.host for url in urls):
                raise ValueError  # noqa: TRY301 - as above
            return cls(tuple(url if url.explicit_port else url.with_port(_PORT[url.scheme]) for url in urls))
        except ValueError:
            raise BrokerError(
                "the address of the broker cannot be read: BET_INTEL_BROKER_URL is to be "
                "amqp://user:password@host:port/vhost, several nodes as host:port,host:port, special characters as %xx"
            ) from None  # what it holds may be a password

    @property
    def vhost(self) -> str:
        return _vhost(self.urls[0])

    def __str__(self) -> str:
        """Where they are, without the login."""
        return ", ".join(_place(url) for url in self.urls)


def _vhost(url: URL) -> str:
    return unquote(url.raw_path.removeprefix("/")) or "/"


def _place(url: URL) -> str:
    return f"{url.host}:{url.port}"


@dataclass(slots=True)
class Connector:
    """Opens connections, named `name` at the broker, to the first node that answers, beginning with another one each
    time so that clients spread. `connect_timeout` is in seconds."""

    nodes: Nodes
    name: str
    rng: random.Random
    connect_timeout: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)

    async def connect(self) -> AbstractConnection:
        """Try every node once.

        Raises:
            BrokerUnavailableError: none of them lets us in, and one does not answer: it may, once it is back.
            BrokerError: all of them answer and refuse us.
        """
        start = self.rng.randrange(len(self.nodes.urls))
        failures: list[str] = []
        refusals: list[BrokerError] = []
        for url in itertools.islice(itertools.cycle(self.nodes.urls), start, start + len(self.nodes.urls)):
            try:
                # Not connect_robust: it takes one address and stays down while that node is.
                async with asyncio.timeout(self.connect_timeout):
                    with losses_of_the_driver():
                        return await _connected(url, self.name)
            except LOST as error:
                refused = self._refused(error, url)
                # Only where every node refuses us is it not the node's own fault, as of one that is starting.
                if refused is None:
                    failures.append(f"{_place(url)}: {_why(error)}")
                else:
                    refusals.append(refused)
        if not failures:
            raise refusals[0]
        raise BrokerUnavailableError(
            f"no connection to the broker ({'; '.join(failures)}): is RabbitMQ running there? Otherwise correct the "
            f"address (BET_INTEL_BROKER_URL){''.join(f'; {refused}' for refused in refusals)}"
        )

    def _refused(self, error: Exception, url: URL) -> BrokerError | None:
        user, vhost = url.user or "guest", _vhost(url)
        if isinstance(error, AuthenticationError | ProbableAuthenticationError):
            return BrokerError(
                f"the broker at {_place(url)} refuses the login of {user!r}: correct user or password in "
                f"BET_INTEL_BROKER_URL, or set it there by `rabbitmqctl change_password {user} …`"
            )
        # Asked to open the vhost the broker closes the connection; why, the driver does not tell.
        if isinstance(error, InvalidFrameError) and "Connection.OpenOk" in str(error):
            return BrokerError(
                f"the broker at {_place(url)} has no vhost {vhost!r}, or does not let {user!r} into it: correct the "
                f"path in BET_INTEL_BROKER_URL, or `rabbitmqctl add_vhost {vhost}` and "
                f"`rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'`"
            )
        return None

    async def reach(self, stopping: asyncio.Event | None = None, *, again: bool = False) -> AbstractConnection:
        """Connect, however long that takes, saying so.

        Raises:
            BrokerError: a node answered and refuses us. Not where we were in before (`again`): a node that is starting
                refuses too, for a while.
            BrokerUnavailableError: `stopping` was set before a node answered.
        """
        failures = 0
        while True:
            try:
                connection = await self.connect()
            except (BrokerError, BrokerUnavailableError) as error:
                if isinstance(error, BrokerError) and not again:
                    raise
                failures += 1
                _log.warning("waiting for the broker", tries=failures, reason=str(error))
                if await happens_within(stopping, self.backoff.seconds(failures, self.rng)):
                    raise BrokerUnavailableError(str(error)) from error
            else:
                if failures:
                    _log.info("the broker is there", tries=failures)
                return connection


async def _connected(url: URL, name: str) -> AbstractConnection:
    """A connection that is open. One that does not come about is closed here: `aio_pika.connect` leaves it to the
    garbage collector, which closes it where no event loop may be running any more."""
    connection = aio_pika.Connection(
        url.update_query(heartbeat=_HEARTBEAT), client_properties={"connection_name": name}
    )
    try:
        await connection.connect()
    except BaseException:  # also when cancelled, as by the time-out around it: nobody else knows the connection
        await connection.close()
        raise
    return connection


async def happens_within(event: asyncio.Event | None, seconds: float) -> bool:
    """Wait for `event`, for up to so many seconds; whether it happened."""
    if event is None:
        await asyncio.sleep(seconds)
        return False
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def first_of(*events: asyncio.Event, tasks: Iterable[asyncio.Task[None]] = ()) -> None:
    """Wait until one of the events happens, or one of the tasks has ended, whatever comes of it."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait([*waits, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


@contextmanager
def losses_of_the_driver() -> Iterator[None]:
    """What waits for a connection that ends may be cancelled by the driver: that is a loss like others.

    Nobody asked the task to end, but a group would take it for ended in order, and nothing would ever be heard of it.
    And the other way round: a cancellation that was asked for, by a time that is over, is not to become a loss because
    the driver met one at the same moment. The time would never end what it was for.

    Raises:
        ConnectionError: in place of the driver's cancellation; one that was asked for goes on.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        heed_cancellation(error)
        raise ConnectionError("the connection was closed") from error
    except LOST as error:
        heed_cancellation(error)
        raise


async def closed(connection: AbstractConnection) -> None:
    """Close a connection, which may be lost already."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            with losses_of_the_driver():
                await connection.close()
    except LOST as error:
        _log.debug("connection not closed in order", reason=str(error))


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError) or isinstance(error.__cause__, ConnectionRefusedError):
        return "connection refused"
    return f"{type(error).__name__}: {error}"
