"""Row 12: events published with confirms, any number under way, beside one after the other on the same broker."""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Figure, interleaved, times_faster
from bet_intel.compose.servers.folder import PREFIX, ServersFolder
from bet_intel.compose.servers.rabbitmq import RabbitMQ
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.connection import Connector, Nodes
from fixtures.engines import KeptInMemory

_MESSAGES = 300
_BYTES = 2_000
_QUEUE = Queue("bench.odds-changed", "odds.changed.v1")
_VHOST = "bench"


def run(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="bet-intel-bench-") as parent:
        Path(parent).chmod(0o755)
        folder = ServersFolder.use(Path(parent) / f"{PREFIX}bench")
        try:
            rabbitmq = RabbitMQ.start(folder)
            rabbitmq.create_vhost(_VHOST)
            with asyncio.Runner() as runner:
                bus = runner.run(_open(rabbitmq.urls(_VHOST)[0]))
                ways = {"ours": lambda: runner.run(_side_by_side(bus)), "theirs": lambda: runner.run(_one_by_one(bus))}
                taken = interleaved(ways, rounds, clock=time.perf_counter)
                runner.run(bus.close())
        finally:
            folder.close()
    faster = times_faster(taken["theirs"], taken["ours"])
    detail = f"{_MESSAGES / sorted(taken['ours'])[rounds // 2]:,.0f} messages/s"
    yield Figure("faster than one confirmed publish after the other", faster, 3.6, at_least=True, detail=detail)


async def _open(url: str) -> RabbitBus:
    bus = RabbitBus(Connector(Nodes.parse(url), "bench", random.Random(1)))
    bus.subscribe(_QUEUE, _ignore, KeptInMemory())
    await bus.declare()
    return bus


async def _ignore(_messages: Sequence[Message]) -> None: ...


async def _side_by_side(bus: RabbitBus) -> None:
    await asyncio.gather(*(bus.publish(_message(number)) for number in range(_MESSAGES)))


async def _one_by_one(bus: RabbitBus) -> None:
    for number in range(_MESSAGES):
        await bus.publish(_message(number))


def _message(number: int) -> Message:
    return Message(str(number), _QUEUE.type, "bench", "s", datetime.now(UTC), number, bytes(_BYTES))
