"""Row 12: events published with confirms, any number under way, beside one after the other on the same broker."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import uvloop

from bench.measure import Figure, interleaved, times_faster
from bench.servers import NoDeadLetters, connector, ignore, rabbitmq
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.rabbitmq.bus import RabbitBus

_TOGETHER, _ALONE = 1_200, 300
"""So many that both take about as long: what else the machine does for a moment then meets both alike."""
_BYTES = 2_000
_QUEUE = Queue("bench.odds-changed", "odds.changed.v1")
_VHOST = "bench"


def run(rounds: int) -> Iterable[Figure]:
    with rabbitmq(_VHOST) as broker, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bus = runner.run(_open(broker.urls(_VHOST)[0]))
        ways = {"ours": lambda: runner.run(_side_by_side(bus)), "theirs": lambda: runner.run(_one_by_one(bus))}

        def empty() -> None:
            # What lies in the queue from the rounds before is written to disk while the next one is measured.
            broker.manage("DELETE", f"queues/{_VHOST}/{_QUEUE.name}/contents")

        taken = interleaved(ways, rounds, clock=time.perf_counter, ready=dict.fromkeys(ways, empty))
        runner.run(bus.close())
    faster = times_faster(taken["theirs"], taken["ours"], work=_TOGETHER / _ALONE)
    together, alone = (sorted(taken[name])[rounds // 2] for name in ("ours", "theirs"))
    detail = f"{_TOGETHER / together:,.0f} messages/s, one by one {_ALONE / alone:,.0f}"
    yield Figure("faster than one confirmed publish after the other", faster, 3.6, at_least=True, detail=detail)


async def _open(url: str) -> RabbitBus:
    bus = RabbitBus(connector(url))
    bus.subscribe(_QUEUE, ignore, NoDeadLetters())
    await bus.declare()
    return bus


async def _side_by_side(bus: RabbitBus) -> None:
    await asyncio.gather(*(bus.publish(_message(number)) for number in range(_TOGETHER)))


async def _one_by_one(bus: RabbitBus) -> None:
    for number in range(_ALONE):
        await bus.publish(_message(number))


def _message(number: int) -> Message:
    return Message(str(number), _QUEUE.type, "bench", "s", datetime.now(UTC), number, bytes(_BYTES))
