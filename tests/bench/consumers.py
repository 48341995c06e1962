"""`python -m bench.consumers events|tasks URL`: our consumer of events, or our pool of workers; a trivial handler."""

import sys
from collections.abc import Sequence

import uvloop
from prometheus_client import CollectorRegistry

from bench.handled import tell
from bench.servers import NoDeadLetters, connector
from bet_intel.shared.dramatiq_workers.queues import DramatiqTasks
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.telemetry import configure_logging
from bet_intel.shared.times import system_clock

EVENTS = Queue("bench.odds-changed", "odds.changed.v1")
TASKS = "bench_tasks"
ACTOR = "handle"
AT_A_TIME = 4
"""Tasks, as in the pool of `ev_calculation`."""


async def _handle(messages: Sequence[Message]) -> None:
    tell(message.data for message in messages)


async def _act(payload: str) -> None:
    tell([payload.encode()])


async def _consume(url: str) -> None:
    bus = RabbitBus(connector(url))
    bus.subscribe(EVENTS, _handle, NoDeadLetters())
    await bus.declare()
    await bus.run()


async def _work(url: str) -> None:
    tasks = DramatiqTasks(connector(url), system_clock, CollectorRegistry())
    tasks.register(TASKS, {ACTOR: _act}, NoDeadLetters(), AT_A_TIME)
    await tasks.run()


if __name__ == "__main__":
    configure_logging("warning", json=False)
    uvloop.run({"events": _consume, "tasks": _work}[sys.argv[1]](sys.argv[2]))
