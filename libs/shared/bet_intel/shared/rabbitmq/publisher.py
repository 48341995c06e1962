"""Publishing with confirms: any number at a time on one channel, each done when the broker has it safe."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import aiormq
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import DeliveryError, PublishError

from bet_intel.shared.messaging import UnroutableError
from bet_intel.shared.rabbitmq.connection import LOST, Connector, closed, losses_of_the_driver
from bet_intel.shared.rabbitmq.envelope import Outgoing
from bet_intel.shared.rabbitmq.errors import BrokerError, BrokerUnavailableError
from bet_intel.shared.rabbitmq.topology import Declarer, Topology

_log = structlog.get_logger(__name__)

_RENEWED_AFTER = 1.0
"""Seconds that a channel which refuses is used at least: all messages under way are refused together."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`confirm` is the seconds that a broker has to confirm, `publish` those for all tries together, `in_flight` how
    many messages may be unconfirmed at a time."""

    confirm: float = 5.0
    publish: float = 10.0
    in_flight: int = 512


@dataclass(slots=True)
class Publisher:
    """Publishes on a connection of its own: a broker that holds publishers back must not hold consumers back.

    The connection is opened with the first message, dropped with the first that fails, and opened anew with the next
    try, at another node where there is one.
    """

    connector: Connector
    topology: Topology
    patience: Patience = field(default_factory=Patience)
    _connection: AbstractConnection | None = None
    _channel: AbstractChannel | None = None
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _declarer: Declarer = field(default_factory=Declarer)
    _slots: asyncio.Semaphore = field(init=False)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)
    _retiring: set[asyncio.Task[None]] = field(default_factory=set)
    _opened_at: float = 0.0

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.patience.in_flight)

    async def publish(self, exchange: str, key: str, message: Outgoing, *, mandatory: bool = True) -> None:
        """Returns when the broker has confirmed. A message whose confirm was lost is sent twice.

        Raises:
            UnroutableError: no queue is bound to `key`, and it is `mandatory` that one is.
            BrokerUnavailableError: it was not confirmed within `Patience.publish`, also where no node lets us in.
            BrokerError: the broker refuses what is published to.
        """
        reason = "no confirm in time"
        try:
            async with self._slots, asyncio.timeout(self.patience.publish):
                failures = 0
                while True:
                    try:
                        await self._publish(exchange, key, message, mandatory)
                    except (*LOST, BrokerUnavailableError) as error:
                        failures += 1
                        reason = str(error) or type(error).__name__
                        _log.info("not confirmed, publishing again", key=key, tries=failures, reason=reason)
                        backoff = self.connector.backoff
                        await asyncio.sleep(backoff.seconds(failures, self.connector.rng))
                    else:
                        return
        except TimeoutError as error:
            raise BrokerUnavailableError(f"the broker confirmed no {key}: {reason}") from error

    async def _publish(self, exchange: str, key: str, message: Outgoing, mandatory: bool) -> None:
        channel = self._channel
        if channel is None or channel.is_closed:
            with losses_of_the_driver():
                channel = await self._open_channel()
        try:
            with losses_of_the_driver():
                underlay = cast("aiormq.Channel", await channel.get_underlay_channel())  # its interface hides `wait`
                # Not waiting for the socket to drain: frames of many messages leave together.
                await underlay.basic_publish(
                    message.body,
                    exchange=exchange,
                    routing_key=key,
                    properties=message.properties,
                    mandatory=mandatory,
                    timeout=self.patience.confirm,
                    wait=False,
                )
        except PublishError as error:
            raise UnroutableError(f"no queue is bound to {key}") from error
        except DeliveryError:
            # Refused for now, as by a queue that is full or has no leader: the connection is sound.
            self._renew(channel)
            raise
        except LOST:
            self._drop(channel)
            raise

    async def _open_channel(self) -> AbstractChannel:
        async with self._connecting:
            if self._channel is None or self._channel.is_closed:
                connection = self._connection
                if connection is None or connection.is_closed:
                    connection = await self._connect()
                try:
                    async with asyncio.timeout(self.patience.confirm):
                        self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                except BaseException:  # also when cancelled: nobody else knows the connection
                    self._connection = None
                    await closed(connection)
                    raise
                self._connection = connection
                self._opened_at = asyncio.get_running_loop().time()
            return self._channel

    async def _connect(self) -> AbstractConnection:
        try:
            connection = await self.connector.connect()
        except BrokerError as error:
            # A login that is refused says nothing against the message: it waits until it is given again.
            raise BrokerUnavailableError(str(error)) from error
        try:
            await self._declarer.declare(connection, self.topology)
        except BaseException:  # also when cancelled: nobody else knows the connection
            await closed(connection)
            raise
        return connection

    def _renew(self, channel: AbstractChannel) -> None:
        """Publish on another channel from now on. One that first met a queue when the node of its leader had just died
        goes on asking that node, and refuses everything, until the node is back (seen with RabbitMQ 3.10)."""
        if channel is self._channel and asyncio.get_running_loop().time() - self._opened_at > _RENEWED_AFTER:
            self._channel = None
            _keep(self._retire(channel), self._retiring)

    async def _retire(self, channel: AbstractChannel) -> None:
        # By then whatever was under way on it is settled, or given up.
        await asyncio.sleep(self.patience.confirm)
        with contextlib.suppress(*LOST), losses_of_the_driver():
            await channel.close()

    def _drop(self, channel: AbstractChannel) -> None:
        if channel is self._channel and self._connection is not None:
            connection, self._connection, self._channel = self._connection, None, None
            _keep(closed(connection), self._closing)

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection, self._channel = self._connection, None, None
            await closed(connection)
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._closing, *self._retiring, return_exceptions=True)


def _keep(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
