"""How a bus that consumes comes back to a broker that loses it again and again."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest.mock import AsyncMock

import pytest

from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.connection import Connector
from bet_intel.shared.work_queue import Backoff
from fixtures.engines import ODDS_QUEUE, KeptInMemory, connector
from fixtures.waiting import until


@dataclass(frozen=True, slots=True)
class Noted(Backoff):
    """Waits for hardly anything, and notes for how many failures it was asked."""

    failures: list[int] = field(default_factory=list)

    def seconds(self, failures: int, rng: random.Random) -> float:
        self.failures.append(failures)
        return 0.0001


async def nothing(_messages: Sequence[Message]) -> None: ...


async def test_losses_one_after_the_other_are_counted_for_the_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = AsyncMock(side_effect=ConnectionError("lost"))
    monkeypatch.setattr(Connector, "reach", AsyncMock())
    monkeypatch.setattr("bet_intel.shared.rabbitmq.topology.Declarer.declare", lost)
    backoff = Noted(longest=3600)
    bus = RabbitBus(connector("amqp://nobody@127.0.0.1:1"), backoff)
    bus.subscribe(ODDS_QUEUE, nothing, KeptInMemory())
    running = asyncio.ensure_future(bus.run())
    await until(lambda: lost.await_count >= 5)
    running.cancel()
    await asyncio.wait({running})
    assert backoff.failures[:4] == [1, 2, 3, 4]
