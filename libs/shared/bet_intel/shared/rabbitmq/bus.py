"""`messaging.EventBus` on RabbitMQ."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog
from aio_pika.abc import AbstractConnection

from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.messaging import (
    DeadLetters,
    Handler,
    Message,
    Queue,
    TerminalError,
    UnavailableError,
    UnroutableError,
)
from bet_intel.shared.rabbitmq.connection import (
    LOST,
    Connector,
    closed,
    first_of,
    happens_within,
    losses_of_the_driver,
)
from bet_intel.shared.rabbitmq.consumer import Consumer
from bet_intel.shared.rabbitmq.envelope import to_amqp
from bet_intel.shared.rabbitmq.errors import BrokerError, BrokerUnavailableError
from bet_intel.shared.rabbitmq.publisher import Patience, Publisher
from bet_intel.shared.rabbitmq.redrive import redrive
from bet_intel.shared.rabbitmq.topology import DELIVERY_LIMIT, EVENTS, EXCHANGES, Declarer, Topology, event_queue
from bet_intel.shared.runtime import TaskGroup, heed_cancellation
from bet_intel.shared.tracing import current_traceparent, processing, publishing
from bet_intel.shared.work_queue import Backoff, WorkQueue

_log = structlog.get_logger(__name__)

_NEWS_WAITING = 256
_TRIES_HERE = 3


@dataclass(frozen=True, slots=True)
class _Subscription:
    queue: Queue
    handler: Handler
    dead_letters: DeadLetters

    @property
    def tries(self) -> int:
        """How often this process tries a message before another one may: all attempts fit into half the deliveries
        that the broker allows."""
        return max(_TRIES_HERE, -(-self.queue.attempts * 2 // DELIVERY_LIMIT))

    async def handle(self, messages: Sequence[Message]) -> None:
        """Raises:
        TerminalError: one is of another type than the queue is for, or of another version of it.
        """
        for message in messages:
            if message.type != self.queue.type:
                raise TerminalError(
                    f"{message.type} {message.id} of {message.subject} is in {self.queue.name}, which is read by who "
                    f"knows {self.queue.type}"
                )
        with processing(self.queue.name, [message.traceparent for message in messages]):
            await self.handler(messages)


@dataclass(slots=True)
class RabbitBus:
    """Publishes at any time; `run` consumes what was subscribed to before, until cancelled. Then the handlers finish
    what they have in hand, for up to `grace` seconds, and the rest goes back to the broker."""

    connector: Connector
    backoff: Backoff = field(default_factory=Backoff)
    grace: float = 30.0
    patience: Patience = field(default_factory=Patience)
    metrics: MessageMetrics | None = None
    consuming: bool = field(default=False, init=False)
    """Whether every queue that was subscribed to is being read."""
    _subscriptions: list[_Subscription] = field(default_factory=list)
    _publisher: Publisher = field(init=False)
    _news: asyncio.Queue[Message] = field(init=False)

    def __post_init__(self) -> None:
        self._publisher = Publisher(self.connector, EXCHANGES, self.patience)
        self._news = asyncio.Queue(_NEWS_WAITING)

    def subscribe(self, queue: Queue, handler: Handler, dead_letters: DeadLetters) -> None:
        self._subscriptions.append(_Subscription(queue, handler, dead_letters))

    async def publish(self, message: Message) -> None:
        with publishing(message.type, message.traceparent):
            await self._publisher.publish(EVENTS.name, message.type, to_amqp(_in_trace(message)))

    def announce(self, message: Message) -> None:
        if self._news.full():
            self._news.get_nowait()  # the oldest is worth least
        self._news.put_nowait(_in_trace(message))

    @property
    def topology(self) -> Topology:
        """What the subscriptions need."""
        topology = EXCHANGES
        for one in self._subscriptions:
            topology |= event_queue(one.queue)
        return topology

    async def declare(self) -> None:
        """Make the queues of all subscriptions, so that what is published from now on waits in them.

        Raises:
            BrokerError: the broker refuses us, or one of them exists and is different.
        """
        connection = await self.connector.reach()
        try:
            await Declarer().declare(connection, self.topology)
        finally:
            await closed(connection)

    async def redrive(self) -> int:
        """Put dead letters back into their queues, where each has one more try. Returns how many."""
        return sum([await redrive(self._publisher, one.queue, one.dead_letters) for one in self._subscriptions])

    async def run(self) -> None:
        """Raises:
        BrokerError: the broker refuses us at the first time, or what we declare or read at any.
        ConsumingEndedError: what works on a queue has ended, which nothing here accounts for.
        """
        async with TaskGroup() as group:
            group.create_task(self.run_announcing(), name="announce")
            if self._subscriptions:
                group.create_task(self._consume(), name="consume")

    async def run_announcing(self) -> None:
        """For a process that consumes nothing, in place of `run`."""
        try:
            while True:
                message = await self._news.get()
                try:
                    with publishing(message.type, message.traceparent, "announce"):
                        # With a time to live, the broker would make dead letters of those that nobody took in time.
                        amqp = to_amqp(_in_trace(message))
                        await self._publisher.publish(EVENTS.name, message.type, amqp, mandatory=False)
                except (UnavailableError, UnroutableError, BrokerError) as error:
                    _log.info("news not told, more will follow", type=message.type, reason=str(error))
                # The driver may have taken it for the end of its own call.
                heed_cancellation()
        finally:
            await self._publisher.close()

    async def close(self) -> None:
        """For whoever only publishes, without running anything."""
        await self._publisher.close()

    async def _consume(self) -> None:
        # The driver's own calls are not cancelled half-way, which would leave a channel that nobody can use: whoever
        # cancels us lets them come to an end, and the handlers too.
        stopping = asyncio.Event()
        consuming = asyncio.get_running_loop().create_task(self._consume_until(stopping), name="consume")
        try:
            await asyncio.shield(consuming)
        finally:
            stopping.set()
            await asyncio.wait({consuming})

    async def _consume_until(self, stopping: asyncio.Event) -> None:
        again, failures = False, 0
        loop = asyncio.get_running_loop()
        while not stopping.is_set():
            try:
                connection = await self.connector.reach(stopping, again=again)
            except BrokerUnavailableError:
                return
            again, began = True, loop.time()
            try:
                with losses_of_the_driver():
                    await self._consume_on(connection, stopping)
            except LOST as error:
                # One that was of use for a while is no failure in a row.
                failures = 1 if loop.time() - began > self.backoff.longest else failures + 1
                reason = str(error) or type(error).__name__
                _log.warning("the broker was lost, connecting anew", tries=failures, reason=reason)
                await happens_within(stopping, self.backoff.seconds(failures, self.connector.rng))
            finally:
                await closed(connection)

    async def _consume_on(self, connection: AbstractConnection, stopping: asyncio.Event) -> None:
        """Consume until `stopping` is set, or the connection is lost or what works on it has ended, which raises."""
        await Declarer().declare(connection, self.topology)
        lost = asyncio.Event()
        consumers: list[Consumer] = []
        try:
            for subscription in self._subscriptions:
                channel = await (await connection.channel(publisher_confirms=False)).get_underlay_channel()
                consumer = Consumer(channel, self._work(subscription), subscription.queue.batch * 2, lost.set)
                consumers.append(consumer)
                channel.closing.add_done_callback(lambda _: lost.set())
                await consumer.start()
            self.consuming = True
            await first_of(stopping, lost, tasks=[loop for consumer in consumers for loop in consumer.loops])
            for consumer in consumers:
                consumer.check()
            if not stopping.is_set():
                raise ConnectionError("a channel was closed")
        finally:
            self.consuming = False
            await asyncio.gather(*(consumer.stop(self.grace) for consumer in consumers))

    def _work(self, one: _Subscription) -> WorkQueue[Message]:
        return WorkQueue(
            one.queue.name,
            one.queue.batch,
            one.queue.attempts,
            one.handle,
            one.queue.dead_letter,
            one.dead_letters,
            self.connector.rng,
            self.backoff,
            one.tries,
            self.metrics,
        )


def _in_trace(message: Message) -> Message:
    """As part of the span that we are in, if we are in any."""
    traceparent = current_traceparent()
    return replace(message, traceparent=traceparent) if traceparent else message
