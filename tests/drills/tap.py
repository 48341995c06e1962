"""Every set of opportunities that is told, in a queue of our own: what the notifier could have known."""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from functools import partial

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from bet_intel.notifier.domain.opportunities import OpportunitySet
from bet_intel.notifier.wire import OPPORTUNITIES_UPDATED, opportunity_set
from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.connection import LOST, Connector, Nodes, closed
from bet_intel.shared.rabbitmq.envelope import from_amqp
from bet_intel.shared.rabbitmq.topology import EVENTS, EXCHANGES, Binding, Declarer, Topology, quorum_queue
from drills.timeline import Timeline

QUEUE = "drills.opportunities-updated"
_AGAIN_SECONDS = 0.5
"""Between two tries to reach the broker, which may be what is struck: often enough, and no load of its own."""
_TOPOLOGY = EXCHANGES | Topology(
    queues=frozenset({quorum_queue(QUEUE)}), bindings=frozenset({Binding(EVENTS, QUEUE, OPPORTUNITIES_UPDATED)})
)


class Tap:
    """`run` listens until cancelled, over any loss of the broker: the queue keeps what is told meanwhile."""

    def __init__(self, broker_url: str) -> None:
        self._connector = Connector(Nodes.parse(broker_url), "drills", random.Random(1))
        self._told: list[Message] = []
        self.times = Timeline()
        self.listening = asyncio.Event()
        self.problem = "no answer"
        """Why it does not listen."""

    def clear(self) -> None:
        self._told.clear()
        self.times = Timeline()

    def sets(self) -> dict[str, dict[int, OpportunitySet]]:
        """By event and revision."""
        # Decoded when it is asked for: while load runs the processor is for others.
        found: dict[str, dict[int, OpportunitySet]] = defaultdict(dict)
        for told in map(opportunity_set, tuple(self._told)):
            found[told.event.id][told.revision] = told
        return found

    async def run(self) -> None:
        while True:
            connection = await self._connector.reach(again=True)
            try:
                await Declarer().declare(connection, _TOPOLOGY)
                channel = await connection.channel(publisher_confirms=False)
                await channel.set_qos(prefetch_count=200)
                queue = await channel.get_queue(QUEUE, ensure=False)
                arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
                underlay = await channel.get_underlay_channel()
                underlay.closing.add_done_callback(partial(_end, arrived))
                await queue.consume(arrived.put)
                self.listening.set()
                while (raw := await arrived.get()) is not None:
                    self._told.append(from_amqp(raw.body, raw.headers))
                    self.times.done.append(time.monotonic())
                    await raw.ack()
            except (*LOST, aio_pika.exceptions.AMQPError) as error:
                self.problem = f"{type(error).__name__}: {error}"
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                with contextlib.suppress(*LOST):
                    await closed(connection)


def _end(arrived: "asyncio.Queue[AbstractIncomingMessage | None]", _closing: object) -> None:
    arrived.put_nowait(None)
