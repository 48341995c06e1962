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
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import system_clock
from fixtures.crashing_worker import ACTOR, QUEUE
from fixtures.engines import connector
from fixtures.servers import Vhost
from fixtures.waiting import until

pytestmark = pytest.mark.integration

_DEAD = f"{QUEUE}.XQ"
_LATER = f"{QUEUE}.DQ"
_NEVER = 2**52  # milliseconds since the epoch
_POISON = 3
_TASKS = 30


async def _depth(channel: AbstractChannel, queue: str) -> int:
    return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


async def _is_depth(channel: AbstractChannel, queue: str, wanted: int) -> bool:
    return await _depth(channel, queue) == wanted


async def test_a_task_that_ends_its_process_dies_alone(vhost: Vhost) -> None:
    """However often it does: those that were fetched beside it are done, and one that is to be tried later waits on."""
    tasks = DramatiqTasks(connector(vhost.url), system_clock, CollectorRegistry(), queues=[QUEUE])
    for number in range(_TASKS):
        await tasks.enqueue(Task(f"{ACTOR}:{number}", QUEUE, ACTOR, {"number": number}))
    await tasks.close()
    later: Message[None] = Message(QUEUE, ACTOR, (), {"number": _TASKS}, {"eta": _NEVER})
    connection = await aio_pika.connect(vhost.url)
    async with connection, connection.channel() as channel:
        await channel.default_exchange.publish(aio_pika.Message(later.encode()), _LATER)
        crashing = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fixtures.crashing_worker", vhost.url, str(_POISON)),
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )

        async def all_are_done_or_dead() -> bool:
            return await _depth(channel, _DEAD) > 0 and await _depth(channel, QUEUE) == 0

        try:
            await until(all_are_done_or_dead, timeout=60)
            dead_queue = await channel.get_queue(_DEAD)
            dead = await dead_queue.get()
            assert await _depth(channel, _DEAD) == 0, "neighbours were taken along"
        finally:
            crashing.terminate()
            said, _ = await crashing.communicate()
        await until(lambda: _is_depth(channel, _LATER, 1))
    assert Message.decode(dead.body).kwargs == {"number": _POISON}
    done = {int(line) for line in said.decode().split()}
    assert done == set(range(_TASKS)) - {_POISON}
