"""A node of RabbitMQ is killed while events are published and consumed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from bet_intel.shared.messaging import Message, UnavailableError
from bet_intel.shared.rabbitmq.bus import RabbitBus
from fixtures.engines import ODDS_QUEUE, QUICK, KeptInMemory, connector
from fixtures.servers import Vhost
from fixtures.waiting import running, until

pytestmark = [pytest.mark.chaos, pytest.mark.integration]


async def test_nothing_that_was_confirmed_is_lost_with_the_leader_of_its_queue(cluster_vhost: Vhost) -> None:
    handled: set[str] = set()
    confirmed: set[str] = set()

    async def handle(messages: Sequence[Message]) -> None:
        handled.update(message.id for message in messages)

    bus = RabbitBus(connector(",".join(cluster_vhost.urls)), QUICK)
    bus.subscribe(ODDS_QUEUE, handle, KeptInMemory())
    await bus.declare()
    rabbitmq = cluster_vhost.rabbitmq
    leader = await asyncio.to_thread(rabbitmq.leader, cluster_vhost.name, ODDS_QUEUE.name)
    stop = asyncio.Event()

    async def publish() -> None:
        number = 0
        while not stop.is_set():
            message = Message(str(number), ODDS_QUEUE.type, "tests", "s", datetime.now(UTC), 0, b"x")
            try:
                await bus.publish(message)
            except UnavailableError:
                continue
            confirmed.add(message.id)
            number += 1

    async with running(bus.run()), asyncio.TaskGroup() as group:
        group.create_task(publish())
        await until(lambda: len(confirmed) >= 100, timeout=30)
        await asyncio.to_thread(rabbitmq.kill, leader)
        before = len(confirmed)
        await until(lambda: len(confirmed) >= before + 100, timeout=30)
        stop.set()
        await until(lambda: handled >= confirmed, timeout=30)
