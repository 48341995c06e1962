"""What has to exist at the broker, as values, and the one function that declares it.

Each consumer has one quorum queue for each type of event, and beside it `<queue>.dead` for what the broker itself sets
aside: a message that was given back too often, mostly because it ended the process that handled it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

from bet_intel.shared.messaging import Queue
from bet_intel.shared.rabbitmq.errors import BrokerError

DELIVERY_LIMIT = 20
"""How often a message may come back to its queue. A crash counts against every message that the consumer had."""
DEAD_KEPT = 100_000
"""Messages of a queue that the broker keeps after it set them aside."""


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    kind: Literal["topic", "direct"]


@dataclass(frozen=True, slots=True)
class BrokerQueue:
    """A durable queue. `arguments` are RabbitMQ's `x-…`, sorted."""

    name: str
    arguments: tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Binding:
    exchange: Exchange
    queue: str
    key: str


@dataclass(frozen=True, slots=True)
class Topology:
    exchanges: frozenset[Exchange] = frozenset()
    queues: frozenset[BrokerQueue] = frozenset()
    bindings: frozenset[Binding] = frozenset()

    def __or__(self, other: "Topology") -> "Topology":
        return Topology(self.exchanges | other.exchanges, self.queues | other.queues, self.bindings | other.bindings)


EVENTS = Exchange("bet-intel.events", "topic")
DEAD = Exchange("bet-intel.dead", "direct")
EXCHANGES = Topology(frozenset({EVENTS, DEAD}))


def quorum_queue(name: str, arguments: Mapping[str, str | int] | None = None) -> BrokerQueue:
    return BrokerQueue(name, tuple(sorted({"x-queue-type": "quorum", **(arguments or {})}.items())))


def dead_end(name: str) -> BrokerQueue:
    """A queue that nobody reads but who puts its messages back. Full, it refuses more, which then stay where they are:
    at-least-once loses none of them."""
    return quorum_queue(name, {"x-max-length": DEAD_KEPT, "x-overflow": "reject-publish"})


def dead_queue(name: str) -> str:
    return f"{name}.dead"


def event_queue(queue: Queue) -> Topology:
    """A consumer's queue, bound to its type, and the queue of what the broker sets aside."""
    arguments: dict[str, str | int] = {
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD.name,
        "x-dead-letter-routing-key": queue.name,
        # At-least-once needs it: what cannot be moved to the dead queue stays where it is.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    dead = dead_queue(queue.name)
    return Topology(
        frozenset({EVENTS, DEAD}),
        frozenset({quorum_queue(queue.name, arguments), dead_end(dead)}),
        frozenset({Binding(EVENTS, queue.name, queue.type), Binding(DEAD, dead, queue.name)}),
    )


@dataclass(slots=True)
class Declarer:
    """Declares topologies, each part once for a connection, and keeps what the driver gives for it: what nobody refers
    to is forgotten, callbacks included."""

    _connection: AbstractConnection | None = None
    _declared: dict[Exchange | BrokerQueue | Binding, Any] = field(default_factory=dict)

    async def declare(self, connection: AbstractConnection, topology: Topology) -> None:
        """Make what is missing of `topology`.

        Raises:
            BrokerError: something of that name exists and is different.
        """
        if connection is not self._connection:
            self._connection, self._declared = connection, {}
        missing: list[Exchange | BrokerQueue | Binding] = [
            *(one for one in topology.exchanges if one not in self._declared),
            *(one for one in topology.queues if one not in self._declared),
            *(one for one in topology.bindings if one not in self._declared),
        ]
        if not missing:
            return
        async with connection.channel() as channel:
            for part in missing:
                self._declared[part] = await self._declare(channel, part)

    async def _declare(self, channel: AbstractChannel, part: Exchange | BrokerQueue | Binding) -> object:
        try:
            if isinstance(part, Exchange):
                return await channel.declare_exchange(part.name, aio_pika.ExchangeType(part.kind), durable=True)
            if isinstance(part, BrokerQueue):
                return await channel.declare_queue(part.name, durable=True, arguments=dict(part.arguments))
            queue = await channel.get_queue(part.queue, ensure=False)
            return await queue.bind(part.exchange.name, part.key)
        except ChannelAccessRefused as error:
            raise BrokerError(
                f"the broker does not let our user make {_name(part)}: {error}. An administrator gives the right by "
                "`rabbitmqctl set_permissions -p VHOST USER CONFIGURE WRITE READ`"
            ) from error
        except ChannelPreconditionFailed as error:
            name = _name(part)
            raise BrokerError(
                f"the broker has a {'queue' if isinstance(part, BrokerQueue) else 'thing'} {name} that was declared "
                f"otherwise: let it run empty and delete it, it is then declared anew ({error})"
            ) from error


def _name(part: Exchange | BrokerQueue | Binding) -> str:
    return part.queue if isinstance(part, Binding) else part.name
