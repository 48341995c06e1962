"""Listening in: a copy of every event that is published from now on, without disturbing who consumes them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

import structlog
from aio_pika.abc import AbstractIncomingMessage

from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.rabbitmq.connection import LOST, Connector, closed
from bet_intel.shared.rabbitmq.envelope import from_amqp
from bet_intel.shared.rabbitmq.topology import EVENTS, EXCHANGES, Declarer

_log = structlog.get_logger(__name__)

_EVERYTHING = "#"
_KEPT = 1000
"""How many events wait for a listener that is slow; then the oldest are dropped."""


async def tail(connector: Connector, patterns: Sequence[str]) -> AsyncIterator[Message]:
    """Every event whose type matches one of `patterns` (`odds.changed.v1`, `odds.#`; none for all), without an end.

    Raises:
        BrokerError: the broker refuses us.
    """
    again = False
    while True:
        connection = await connector.reach(again=again)
        again = True
        try:
            await Declarer().declare(connection, EXCHANGES)
            channel = await connection.channel(publisher_confirms=False)
            # The broker removes it with the connection.
            queue = await channel.declare_queue(
                exclusive=True, auto_delete=True, arguments={"x-max-length": _KEPT, "x-overflow": "drop-head"}
            )
            for pattern in patterns or [_EVERYTHING]:
                await queue.bind(EVENTS.name, pattern)
            arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
            underlay = await channel.get_underlay_channel()
            underlay.closing.add_done_callback(partial(_end, arrived))
            await queue.consume(arrived.put, no_ack=True)
            _log.info(
                "listening", broker=str(connector.nodes), vhost=connector.nodes.vhost, types=list(patterns) or "all"
            )
            while (raw := await arrived.get()) is not None:
                try:
                    yield from_amqp(raw.body, raw.headers)
                except TerminalError as error:
                    _log.warning("no event of ours", id=raw.message_id, reason=str(error))
        except LOST as error:
            _log.warning("the broker was lost, connecting anew", reason=str(error) or type(error).__name__)
        finally:
            await closed(connection)


def _end(arrived: asyncio.Queue[AbstractIncomingMessage | None], _closing: object) -> None:
    arrived.put_nowait(None)
