"""Whoever tells news ends when it is asked to, in the middle of a message as well."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.connection import Connector, Nodes
from bet_intel.shared.rabbitmq.errors import BrokerUnavailableError
from bet_intel.shared.rabbitmq.publisher import Publisher


@pytest.mark.parametrize("answer", [None, BrokerUnavailableError("no confirm in time")])
async def test_a_driver_that_keeps_the_cancellation_to_itself_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None
) -> None:
    """As when its confirm comes in the same turn of the loop, or its connection breaks."""
    begun = asyncio.Event()

    async def publish(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if answer is not None:
                raise answer from None

    monkeypatch.setattr(Publisher, "publish", publish)
    bus = RabbitBus(Connector(Nodes.parse("amqp://user@127.0.0.1/v"), "test", random.Random(1)))
    bus.announce(Message("1", "service.heartbeat.v1", "tests", "s", datetime(2026, 5, 1, tzinfo=UTC), 1, b""))
    announcing = asyncio.create_task(bus.run_announcing())
    await begun.wait()
    announcing.cancel()
    ended, _ = await asyncio.wait({announcing}, timeout=5)

    assert ended
    assert announcing.cancelled()
