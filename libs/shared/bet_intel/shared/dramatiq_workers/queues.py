"""`tasks.TaskQueues` on dramatiq and RabbitMQ.

Tasks are published by aio-pika, as bytes that dramatiq reads: its own `send` blocks the event loop. A worker of
dramatiq runs them in threads that hand async actors to the event loop of the process, on which its connections live.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import dramatiq
import structlog
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.middleware.asyncio import AsyncIO
from dramatiq.worker import ConsumerThread, WorkerThread
from prometheus_client import CollectorRegistry

from bet_intel.shared.dramatiq_workers.broker import QuorumBroker, encode, task_queue
from bet_intel.shared.dramatiq_workers.failures import Failures, Waiting
from bet_intel.shared.dramatiq_workers.observing import Metrics, Recycling, TaskMetrics, Tracing
from bet_intel.shared.dramatiq_workers.redrive import redrive
from bet_intel.shared.messaging import DeadLetters, UnroutableError
from bet_intel.shared.rabbitmq.connection import Connector, closed
from bet_intel.shared.rabbitmq.envelope import Outgoing
from bet_intel.shared.rabbitmq.publisher import Publisher
from bet_intel.shared.rabbitmq.topology import Declarer, Topology
from bet_intel.shared.tasks import Actor, Task
from bet_intel.shared.times import Clock
from bet_intel.shared.tracing import current_traceparent, publishing
from bet_intel.shared.work_queue import Backoff

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_DEFAULT_EXCHANGE = ""
_LOOK_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Pool:
    """How workers work. `retries` stays under the half hour after which RabbitMQ gives up on a consumer that holds a
    task; a process is renewed above `memory` (MB resident) or after `tasks`; `grace` is the seconds that tasks have to
    end when it stops, `task_seconds` those of a task; `poll` how often idle threads look up;
    `prefetch` how many tasks are fetched for each thread."""

    retries: Backoff = field(default_factory=lambda: Backoff(first=1.0, longest=1200.0))
    waits: Backoff = field(default_factory=Backoff)
    memory: int = 200
    tasks: int = 10_000
    grace: float = 30.0
    task_seconds: float = 600.0
    poll: float = 1.0
    prefetch: int = 8


@dataclass(frozen=True, slots=True)
class _Registered:
    actors: Mapping[str, Actor]
    dead_letters: DeadLetters
    concurrency: int
    attempts: int


class DramatiqTasks:
    """Enqueues at any time into `queues` and those registered; `run` works on those registered, until cancelled or
    until the process is to be renewed: then it returns, with the reason in `renewal`."""

    def __init__(
        self,
        connector: Connector,
        clock: Clock,
        registry: CollectorRegistry,
        queues: Sequence[str] = (),
        pool: Pool | None = None,
    ) -> None:
        self._connector = connector
        self._clock = clock
        self._metrics = TaskMetrics(registry)
        self._pool = pool or Pool()
        self._registered: dict[str, _Registered] = {}
        self._publisher = Publisher(connector, Topology())
        for queue in queues:
            self._publisher.topology |= task_queue(queue)
        self._renew = asyncio.Event()
        self.renewal: str | None = None
        self.working = False
        """Whether every worker runs, and none is asked to stop."""

    def register(
        self, queue: str, actors: Mapping[str, Actor], dead_letters: DeadLetters, concurrency: int, attempts: int = 20
    ) -> None:
        self._registered[queue] = _Registered(actors, dead_letters, concurrency, attempts)
        self._publisher.topology |= task_queue(queue)

    async def enqueue(self, task: Task) -> None:
        with publishing(task.queue, task.traceparent, "enqueue", task.actor):
            body = encode(replace(task, traceparent=current_traceparent() or task.traceparent), self._clock)
            try:
                await self._publisher.publish(_DEFAULT_EXCHANGE, task.queue, Outgoing.plain(body, task.id))
            except UnroutableError as error:
                raise UnroutableError(f"no worker pool serves the queue {task.queue}") from error

    async def declare(self) -> None:
        """Make the queues, so that what is enqueued from now on waits in them. Raises as `run`."""
        connection = await self._connector.reach()
        try:
            await Declarer().declare(connection, self._publisher.topology)
        finally:
            await closed(connection)

    async def redrive(self) -> int:
        """Put dead letters back into their queues, where each has one more try. Returns how many."""
        return sum(
            [
                await redrive(self._publisher, queue, one.dead_letters, one.attempts, self._clock)
                for queue, one in self._registered.items()
            ]
        )

    async def run(self) -> None:
        """Raises:
        BrokerError: the broker refuses us.
        """
        await self.declare()
        stopping = asyncio.Event()
        workers = [self._worker(queue, one, stopping) for queue, one in self._registered.items()]
        try:
            with _async_actors_here():
                starting = [asyncio.ensure_future(asyncio.to_thread(_start, worker)) for worker in workers]
                try:
                    await asyncio.shield(asyncio.gather(*starting))
                    self.working = True
                    await self._renew.wait()
                finally:
                    self.working = False
                    stopping.set()
                    # A start that is not waited for any more goes on in its thread; only then can it be undone.
                    await asyncio.gather(*starting, return_exceptions=True)
                    await asyncio.gather(*(_stopped(worker, self._pool.grace) for worker in workers))
        finally:
            await self._publisher.close()

    async def close(self) -> None:
        """For whoever only enqueues, without `run`."""
        await self._publisher.close()

    def _worker(self, queue: str, one: _Registered, stopping: asyncio.Event) -> dramatiq.Worker:
        loop = asyncio.get_running_loop()

        def run(work: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(work, loop).result()

        def renew(reason: str) -> None:
            loop.call_soon_threadsafe(self._renew_for, reason)

        waiting = Waiting(stopping, self._pool.waits, self._connector.rng)
        # After the others: what comes of a failure is part of neither measure nor trace. dramatiq asks in reverse.
        middleware: list[dramatiq.Middleware] = [
            Recycling(self._pool.memory, self._pool.tasks, renew),
            Failures(queue, one.attempts, one.dead_letters, waiting, self._pool.retries, run),
            Metrics(self._metrics),
            Tracing(),
        ]
        broker = QuorumBroker(self._connector.nodes, middleware)
        broker.expect_unknown(queue, Exception)
        for name, actor in one.actors.items():
            # All failures are expected: they are told with the reason, where it is decided what comes of them.
            declare = dramatiq.actor(actor_name=name, queue_name=queue, broker=broker, throws=Exception)
            declare(self._patient(queue, actor, waiting))
        poll = round(self._pool.poll * 1000)
        worker = dramatiq.Worker(broker, queues={queue}, worker_threads=one.concurrency, worker_timeout=poll)
        # dramatiq fetches two for each thread, so that threads wait for the broker; it reads another number from the
        # environment alone.
        worker.queue_prefetch = one.concurrency * self._pool.prefetch
        return worker

    def _patient(self, queue: str, actor: Actor, waiting: Waiting) -> Actor:
        async def act(**arguments: Any) -> None:
            async def attempt() -> None:
                async with asyncio.timeout(self._pool.task_seconds):
                    await actor(**arguments)

            await waiting.until_available(queue, attempt)

        return act

    def _renew_for(self, reason: str) -> None:
        if self.renewal is None:
            _log.info("the worker is to be renewed", reason=reason)
            self.renewal = reason
            self._renew.set()


def _start(worker: dramatiq.Worker) -> None:
    """Returns once every thread of the worker runs: one that is asked to stop before that does not hear of it."""
    worker.start()
    threads: list[WorkerThread | ConsumerThread] = [*worker.workers, *worker.consumers.values()]
    for thread in threads:
        while thread.is_alive() and not thread.running:
            time.sleep(_LOOK_SECONDS)


async def _stopped(worker: dramatiq.Worker, grace: float) -> None:
    await asyncio.to_thread(worker.stop, round(grace * 1000))
    await asyncio.to_thread(worker.broker.close)


class _Here(EventLoopThread):
    """The running event loop, where dramatiq's middleware would start a thread with another one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        middleware = AsyncIO()
        super().__init__(middleware.logger)
        self.loop.close()
        self.loop = loop

    def run_coroutine(self, coro: Awaitable[T]) -> T:
        """As dramatiq's, without looking up ten times a second for interrupts, of which there are none here: a task has
        its timeout on the loop."""

        async def act() -> T:
            return await coro

        return asyncio.run_coroutine_threadsafe(act(), self.loop).result()


@contextlib.contextmanager
def _async_actors_here() -> Iterator[None]:
    set_event_loop_thread(_Here(asyncio.get_running_loop()))
    try:
        yield
    finally:
        set_event_loop_thread(None)
