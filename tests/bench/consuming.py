"""Row 13: what waits in a queue consumed and handled, beside Celery's prefork pool on the same broker.

The handler's work is the same: a checksum of 2,000 bytes, told through a pipe (`handled`), ours for a micro-batch at a
time. Queues are quorum queues, messages persistent and acknowledged when they are handled, and as many handlers are at
work: one for events, four for tasks. Each queue is filled while its consumer is held still; measured is the time from
there until everything is handled.
"""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import uvloop
from aiormq import spec
from kombu.serialization import dumps
from prometheus_client import CollectorRegistry

from bench.celery_peer import BROKER, QUEUE, TASK, app
from bench.consumers import ACTOR, AT_A_TIME, EVENTS, TASKS
from bench.handled import PIPE, Handled
from bench.measure import Figure, interleaved, times_faster
from bench.servers import NoDeadLetters, connector, ignore, rabbitmq
from bench.worker import Worker
from bet_intel.shared.dramatiq_workers.queues import DramatiqTasks
from bet_intel.shared.messaging import Message
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.envelope import Outgoing
from bet_intel.shared.rabbitmq.publisher import Publisher
from bet_intel.shared.rabbitmq.topology import Topology, quorum_queue
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import system_clock

_EVENTS, _TASKS = 1_000, 400
_BYTES = 2_000
_OURS, _THEIRS = "ours", "theirs"
_ABOUT_ROOT = "ignore:::celery.platforms"
"""Celery warns root; a measurement may be run by root."""

Put = Callable[[str], Coroutine[Any, Any, None]]
"""Puts a payload into a queue, and returns when that is confirmed."""


def run(rounds: int) -> Iterable[Figure]:
    with rabbitmq(_OURS, _THEIRS) as broker:
        urls = {name: broker.urls(name)[0] for name in (_OURS, _THEIRS)}
        with _sides("events", _put_event, urls, children=1, messages=_EVENTS) as sides:
            yield _faster("events handled, against Celery with one child", _taken(sides, rounds), _EVENTS, 2)
        with _sides("tasks", _put_task, urls, children=AT_A_TIME, messages=_TASKS) as sides:
            taken = _taken(sides, rounds)
            yield _faster(f"tasks done, against Celery with {AT_A_TIME} children", taken, _TASKS, 1)
            ours, theirs = (sides[name].worker.memory / 1e6 for name in (_OURS, _THEIRS))
            detail = f"{ours:.0f} MB, Celery's {theirs:.0f} MB"
            yield Figure("memory of that pool", ours / theirs, 0.5, at_least=False, detail=detail)


@dataclass(frozen=True, slots=True)
class _Side:
    runner: asyncio.Runner
    put: Put
    payloads: Sequence[str]
    worker: Worker
    handled: Handled

    def begin(self) -> None:
        """Returns when the worker has shown that it works."""
        self._put_all(["the first"])
        self.handled.wait([b"the first"])

    def fill(self) -> None:
        self.worker.hold()
        self._put_all(self.payloads)

    def work(self) -> None:
        self.worker.go_on()
        self.handled.wait(payload.encode() for payload in self.payloads)

    def _put_all(self, payloads: Sequence[str]) -> None:
        async def put_all() -> None:
            await asyncio.gather(*map(self.put, payloads))

        self.runner.run(put_all())


@contextmanager
def _sides(
    kind: str,
    put: Callable[[str], Coroutine[Any, Any, Put]],
    urls: Mapping[str, str],
    *,
    children: int,
    messages: int,
) -> Iterator[Mapping[str, _Side]]:
    payloads = [str(number).ljust(_BYTES, ".") for number in range(messages)]
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        pipes = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bet-intel-bench-")))
        environments = {
            name: {PIPE: str(pipes / name), BROKER: urls[_THEIRS], "PYTHONWARNINGS": _ABOUT_ROOT} for name in urls
        }
        puts = {_OURS: runner.run(put(urls[_OURS])), _THEIRS: runner.run(_put_celery(urls[_THEIRS]))}
        handled = {name: Handled(pipes / name) for name in urls}
        celery = ("-A", "bench.celery_peer", "worker", "--pool", "prefork", "--concurrency", str(children))
        quietly = ("--loglevel", "error", "--without-gossip", "--without-mingle", "--without-heartbeat")
        workers = {
            _OURS: Worker("bench.consumers", kind, urls[_OURS], environment=environments[_OURS]),
            _THEIRS: Worker("celery", *celery, *quietly, environment=environments[_THEIRS]),
        }
        for name in urls:
            stack.callback(handled[name].close)
            stack.callback(workers[name].end)
        sides = {name: _Side(runner, puts[name], payloads, workers[name], handled[name]) for name in urls}
        for side in sides.values():
            side.begin()
        yield sides


def _taken(sides: Mapping[str, _Side], rounds: int) -> Mapping[str, list[float]]:
    ways = {name: side.work for name, side in sides.items()}
    ready = {name: side.fill for name, side in sides.items()}
    return interleaved(ways, rounds, clock=time.perf_counter, ready=ready)


def _faster(what: str, taken: Mapping[str, list[float]], messages: int, goal: float) -> Figure:
    ours, theirs = (messages / sorted(taken[name])[len(taken[name]) // 2] for name in (_OURS, _THEIRS))
    detail = f"{ours:,.0f}/s, Celery {theirs:,.0f}/s"
    return Figure(what, times_faster(taken[_THEIRS], taken[_OURS]), goal, at_least=True, detail=detail)


async def _put_event(url: str) -> Put:
    bus = RabbitBus(connector(url))
    bus.subscribe(EVENTS, ignore, NoDeadLetters())
    await bus.declare()

    async def put(payload: str) -> None:
        id = str(uuid.uuid4())
        await bus.publish(Message(id, EVENTS.type, "bench", "s", datetime.now(UTC), 1, payload.encode()))

    return put


async def _put_task(url: str) -> Put:
    tasks = DramatiqTasks(connector(url), system_clock, CollectorRegistry(), [TASKS])
    await tasks.declare()

    async def put(payload: str) -> None:
        await tasks.enqueue(Task(str(uuid.uuid4()), TASKS, ACTOR, {"payload": payload}))

    return put


async def _put_celery(url: str) -> Put:
    """The message that `apply_async` sends, by a publisher that does not block."""
    publisher = Publisher(connector(url), Topology(queues=frozenset({quorum_queue(QUEUE)})))

    async def put(payload: str) -> None:
        made = app.amqp.as_task_v2(str(uuid.uuid4()), TASK, (payload,), {})
        content_type, encoding, body = dumps(made.body, serializer="json")
        properties = spec.Basic.Properties(
            headers=made.headers,
            content_type=content_type,
            content_encoding=encoding,
            correlation_id=made.properties["correlation_id"],
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await publisher.publish("", QUEUE, Outgoing(body.encode(), properties))

    return put
