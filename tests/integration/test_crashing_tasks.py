"""A task that ends its worker again and again, on a real RabbitMQ."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from dramatiq import Message
from prometheus_client import CollectorRegistry

from bet_intel.shared.dramatiq_workers.queues import DramatiqTasks
from bet_intel.shared.rabbitmq.topology import DELIVERY_LIMIT
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import system_clock
from fixtures.crashing_worker import ACTOR, QUEUE
from fixtures.engines import connector
from fixtures.servers import Vhost
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_DEAD = f"{QUEUE}.XQ"
_LATER = f"{QUEUE}.DQ"
_POISON = 3
_TASKS = 30


async def _depth(channel: AbstractChannel, queue: str) -> int:
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


async def test_a_task_that_ends_its_process_dies_alone(vhost: Vhost) -> None:
    """However often it does: those that were fetched beside it are done."""
    tasks = DramatiqTasks(connector(vhost.url), system_clock, CollectorRegistry(), queues=[QUEUE])
    for number in range(_TASKS):
        await tasks.enqueue(Task(f"{ACTOR}:{number}", QUEUE, ACTOR, {"number": number}))
    await tasks.close()
    connection = await aio_pika.connect(vhost.url)
    async with connection, connection.channel() as channel:
        crashing = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fixtures.crashing_worker", vhost.url, str(_POISON)),
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )

        said, done = crashing.stdout, set[int]()
        assert said is not None

        async def listen() -> None:
            async for line in said:
                done.add(int(line))

        async def one_is_dead() -> bool:
            return await _depth(channel, _DEAD) > 0

        listening = asyncio.ensure_future(listen())
        try:
            await until(lambda: done == set(range(_TASKS)) - {_POISON}, timeout=60)
            await until(one_is_dead, timeout=60)
            dead = await (await channel.get_queue(_DEAD)).get()
            assert await _depth(channel, _DEAD) == 0
        finally:
            crashing.kill()
            await listening
            await crashing.wait()
    assert Message.decode(dead.body).kwargs == {"number": _POISON}


async def test_a_task_to_be_tried_later_outlives_any_number_of_workers_that_held_it(vhost: Vhost) -> None:
    tasks = DramatiqTasks(connector(vhost.url), system_clock, CollectorRegistry(), queues=[QUEUE])
    await tasks.declare()
    connection = await aio_pika.connect(vhost.url)
    async with connection, connection.channel() as channel:
        await channel.default_exchange.publish(aio_pika.Message(b"later"), _LATER)
        waiting = await channel.get_queue(_LATER)

        async def is_held() -> bool:
            held = await waiting.get(fail=False)
            if held is not None:
                await held.nack(requeue=True)
            return held is not None

        for _ in range(2 * DELIVERY_LIMIT):
            await until(is_held)
        assert await _depth(channel, _DEAD) == 0
