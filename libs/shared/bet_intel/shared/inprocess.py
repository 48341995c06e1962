"""Event bus and task queues within one process, with the promises their distributed adapters keep.

A publish is confirmed when every consumer's handler is done with the message, or has set it aside as a dead letter;
until then its row stays in the outbox, so a crash loses nothing. Consumers do not wait for each other.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
import structlog

from bet_intel.shared.messaging import (
    DeadLetter,
    DeadLetters,
    Handler,
    Message,
    Queue,
    TerminalError,
    UnavailableError,
    UnroutableError,
    reason_of,
)
from bet_intel.shared.tasks import Actor, Task

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds until the next try: `first`, doubled with every failure up to `longest`, less up to a half at random."""

    first: float = 0.05
    longest: float = 5.0

    def seconds(self, failures: int, rng: random.Random) -> float:
        doublings = min(failures - 1, 30)  # a database may be away for days
        return min(self.longest, self.first * 2.0**doublings) * rng.uniform(0.5, 1.0)


@dataclass(slots=True)
class _Delivery(Generic[T]):
    item: T
    confirmed: asyncio.Future[bool]  # True: handled, False: set aside as a dead letter
    attempts: int = 0


@dataclass(slots=True)
class _WorkQueue(Generic[T]):
    """Deliveries to one handler: micro-batches, bisection of a failed one, retries with back-off, dead letters."""

    name: str
    batch: int
    attempts: int
    handle: Callable[[Sequence[T]], Awaitable[None]]
    dead_letter: Callable[[T, str, int], DeadLetter]
    dead_letters: DeadLetters
    rng: random.Random
    backoff: Backoff
    waiting: asyncio.Queue[_Delivery[T]] = field(default_factory=asyncio.Queue)

    def put(self, item: T, attempts: int = 0) -> asyncio.Future[bool]:
        delivery = _Delivery(item, asyncio.get_running_loop().create_future(), attempts)
        self.waiting.put_nowait(delivery)
        return delivery.confirmed

    async def work(self) -> None:
        while True:
            deliveries = [await self.waiting.get()]
            while len(deliveries) < self.batch and not self.waiting.empty():
                deliveries.append(self.waiting.get_nowait())
            # What failed before is tried alone, so that one poison message never takes its neighbours along.
            fresh = [delivery for delivery in deliveries if delivery.attempts == 0]
            failed = [delivery for delivery in deliveries if delivery.attempts]
            if fresh:
                await self._deliver(fresh)
            for delivery in failed:
                if not delivery.confirmed.done():
                    await self._deliver([delivery])

    async def _deliver(self, deliveries: list[_Delivery[T]]) -> None:
        items = [delivery.item for delivery in deliveries]
        try:
            await self._until_available(lambda: self._handle(items))
        except Exception as error:  # noqa: BLE001 - the edge of a message: whatever a handler raises is counted and kept
            if len(deliveries) > 1:
                half = len(deliveries) // 2
                await self._deliver(deliveries[:half])
                await self._deliver(deliveries[half:])
            else:
                await self._failed(deliveries[0], error)
        else:
            for delivery in deliveries:
                _confirm(delivery, handled=True)

    async def _handle(self, items: list[T]) -> None:
        try:
            await self.handle(items)
        except asyncio.CancelledError as error:
            worker = asyncio.current_task()
            if worker is None or worker.cancelling():
                raise
            # Something within the handler was cancelled, not the worker: its queue must not end with it.
            raise RuntimeError("the handler was cancelled from within") from error

    async def _until_available(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """While what the handler needs is away nothing is counted, split or overtaken: the next needs it as well."""
        failures = 0
        while True:
            try:
                await attempt()
            except UnavailableError as error:
                failures += 1
                _log.warning("waiting for what the handler needs", queue=self.name, tries=failures, reason=str(error))
                await asyncio.sleep(self.backoff.seconds(failures, self.rng))
            else:
                return

    async def _failed(self, delivery: _Delivery[T], error: Exception) -> None:
        delivery.attempts += 1
        reason = reason_of(error)
        if not isinstance(error, TerminalError) and delivery.attempts < self.attempts:
            backoff = self.backoff.seconds(delivery.attempts, self.rng)
            _log.info("delivery failed, trying again", queue=self.name, attempts=delivery.attempts, reason=reason)
            asyncio.get_running_loop().call_later(backoff, self.waiting.put_nowait, delivery)
            return
        letter = self.dead_letter(delivery.item, reason, delivery.attempts)
        try:
            await self._until_available(lambda: self.dead_letters.keep(letter))
        except Exception as keeping:  # noqa: BLE001 - not kept is not confirmed: the outbox row stays and comes again
            _log.exception("dead letter could not be kept", queue=self.name, id=letter.id)
            if not delivery.confirmed.done():
                delivery.confirmed.set_exception(keeping)
            return
        _log.error("set aside as a dead letter", queue=self.name, id=letter.id, subject=letter.subject, reason=reason)
        _confirm(delivery, handled=False)


def _confirm(delivery: _Delivery[T], *, handled: bool) -> None:
    if not delivery.confirmed.done():
        delivery.confirmed.set_result(handled)


async def _redrive(queue: _WorkQueue[T], kind: type[T]) -> int:
    """Give each dead letter one more try; those handled now are forgotten. Returns how many were."""

    async def again(letter: DeadLetter) -> bool:
        try:
            item = msgspec.msgpack.decode(letter.body, type=kind)
        except msgspec.MsgspecError as error:
            _log.error("dead letter cannot be read", queue=queue.name, id=letter.id, reason=reason_of(error))
            return False
        handled = await queue.put(item, queue.attempts - 1)
        if handled:
            await queue.dead_letters.remove(queue.name, letter.id)
        return handled

    return sum(await asyncio.gather(*[again(letter) for letter in await queue.dead_letters.kept(queue.name)]))


class InProcessBus:
    """`messaging.EventBus` within one process. `run` works until cancelled."""

    def __init__(self, rng: random.Random, backoff: Backoff | None = None) -> None:
        self._rng = rng
        self._backoff = backoff or Backoff()
        self._queues: dict[str, list[_WorkQueue[Message]]] = {}

    def subscribe(self, queue: Queue, handler: Handler, dead_letters: DeadLetters) -> None:
        def letter(message: Message, reason: str, attempts: int) -> DeadLetter:
            body = msgspec.msgpack.encode(message)
            return DeadLetter(queue.name, message.id, message.type, message.subject, body, reason, attempts)

        work = _WorkQueue(
            queue.name, queue.batch, queue.attempts, handler, letter, dead_letters, self._rng, self._backoff
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
        async with asyncio.TaskGroup() as group:
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
        self._queues: dict[str, tuple[_WorkQueue[Task], int]] = {}

    def register(
        self, queue: str, actors: Mapping[str, Actor], dead_letters: DeadLetters, concurrency: int, attempts: int = 20
    ) -> None:
        async def handle(tasks: Sequence[Task]) -> None:
            for task in tasks:
                actor = actors.get(task.actor)
                if actor is None:
                    raise TerminalError(f"queue {queue} has no actor {task.actor}")
                await actor(**task.arguments)

        def letter(task: Task, reason: str, attempts: int) -> DeadLetter:
            return DeadLetter(queue, task.id, task.actor, "", msgspec.msgpack.encode(task), reason, attempts)

        work = _WorkQueue(queue, 1, attempts, handle, letter, dead_letters, self._rng, self._backoff)
        self._queues[queue] = (work, concurrency)

    async def enqueue(self, task: Task) -> None:
        if task.queue not in self._queues:
            raise UnroutableError(f"no worker pool serves the queue {task.queue}")
        await self._queues[task.queue][0].put(task)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for queue, concurrency in self._queues.values():
                for worker in range(concurrency):
                    group.create_task(queue.work(), name=f"work {queue.name} {worker}")

    async def redrive(self) -> int:
        """As `InProcessBus.redrive`."""
        return sum([await _redrive(queue, Task) for queue, _ in self._queues.values()])
