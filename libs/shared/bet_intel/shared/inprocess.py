"""Event bus and task queues within one process, with the promises their distributed adapters keep.

A publish is confirmed when every consumer's handler is done with the message, or has set it aside as a dead letter;
until then its row stays in the outbox, so a crash loses nothing. Consumers do not wait for each other.
"""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
import structlog

from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.messaging import (
    DeadLetter,
    DeadLetters,
    Handler,
    Message,
    Queue,
    TerminalError,
    UnroutableError,
    reason_of,
)
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.tasks import Actor, Task
from bet_intel.shared.work_queue import Backoff, Outcome, WorkQueue

T = TypeVar("T")

_log = structlog.get_logger(__name__)


async def _redrive(queue: WorkQueue[T], kind: type[T]) -> int:
    """Give each dead letter one more try; those handled now are forgotten. Returns how many were."""

    async def again(letter: DeadLetter) -> bool:
        try:
            item = msgspec.msgpack.decode(letter.body, type=kind)
        except msgspec.MsgspecError as error:
            _log.error("dead letter cannot be read", queue=queue.name, id=letter.id, reason=reason_of(error))
            return False
        handled = await queue.put(item, queue.attempts - 1) is Outcome.HANDLED
        if handled:
            async with queue.dead_letters.removing(queue.name, letter.id):
                pass
        return handled

    return sum(await asyncio.gather(*[again(letter) for letter in await queue.dead_letters.kept(queue.name)]))


class InProcessBus:
    """`messaging.EventBus` within one process. `run` works until cancelled."""

    def __init__(
        self, rng: random.Random, backoff: Backoff | None = None, metrics: MessageMetrics | None = None
    ) -> None:
        self._rng = rng
        self._backoff = backoff or Backoff()
        self._metrics = metrics
        self._queues: dict[str, list[WorkQueue[Message]]] = {}

    def subscribe(self, queue: Queue, handler: Handler, dead_letters: DeadLetters) -> None:
        work = WorkQueue(
            queue.name,
            queue.batch,
            queue.attempts,
            handler,
            queue.dead_letter,
            dead_letters,
            self._rng,
            self._backoff,
            metrics=self._metrics,
        )
        self._queues.setdefault(queue.type, []).append(work)

    async def publish(self, message: Message) -> None:
        queues = self._queues.get(message.type)
        if not queues:
            raise UnroutableError(f"no queue is bound to {message.type}")
        confirmed = [queue.put(message) for queue in queues]
        await asyncio.gather(*confirmed)

    def announce(self, message: Message) -> None:
        for queue in self._queues.get(message.type, ()):
            # Nobody waits for the confirm; what kept it from being set aside is logged where it happened.
            queue.put(message).add_done_callback(asyncio.Future.exception)

    async def run(self) -> None:
        async with TaskGroup() as group:
            for queue in itertools.chain.from_iterable(self._queues.values()):
                group.create_task(queue.work(), name=f"consume {queue.name}")

    async def redrive(self) -> int:
        """Deliver every dead letter again and forget those that are handled now. Returns how many were."""
        queues = itertools.chain.from_iterable(self._queues.values())
        return sum([await _redrive(queue, Message) for queue in queues])


class InProcessTasks:
    """`tasks.TaskQueues` within one process. `run` works until cancelled."""

    def __init__(self, rng: random.Random, backoff: Backoff | None = None) -> None:
        self._rng = rng
        self._backoff = backoff or Backoff()
        self._queues: dict[str, tuple[WorkQueue[Task], int]] = {}

    def register(
        self, queue: str, actors: Mapping[str, Actor], dead_letters: DeadLetters, concurrency: int, attempts: int = 20
    ) -> None:
        async def handle(tasks: Sequence[Task]) -> None:
            for task in tasks:
                actor = actors.get(task.actor)
                if actor is None:
                    raise TerminalError(f"queue {queue} has no actor {task.actor}")
                await actor(**task.arguments)

        work = WorkQueue(queue, 1, attempts, handle, Task.dead_letter, dead_letters, self._rng, self._backoff)
        self._queues[queue] = (work, concurrency)

    async def enqueue(self, task: Task) -> None:
        if task.queue not in self._queues:
            raise UnroutableError(f"no worker pool serves the queue {task.queue}")
        await self._queues[task.queue][0].put(task)

    async def run(self) -> None:
        async with TaskGroup() as group:
            for queue, concurrency in self._queues.values():
                for worker in range(concurrency):
                    group.create_task(queue.work(), name=f"work {queue.name} {worker}")

    async def redrive(self) -> int:
        """As `InProcessBus.redrive`."""
        return sum([await _redrive(queue, Task) for queue, _ in self._queues.values()])
