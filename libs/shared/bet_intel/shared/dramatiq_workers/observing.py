"""What is measured and traced of tasks, and when a worker has grown too large to go on."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import dramatiq
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bet_intel.shared.dramatiq_workers.broker import TRACEPARENT
from bet_intel.shared.tracing import processing

_STATM_BYTES = 256
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)


class TaskMetrics:
    """Made once for a process: several queues may report to it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("queue", "actor")
        self.tasks = Counter("bet_intel_tasks", "Tasks by outcome.", (*labels, "outcome"), registry=registry)
        self.seconds = Histogram("bet_intel_task_seconds", "Time at work.", labels, registry=registry, buckets=_BUCKETS)
        self.at_work = Gauge("bet_intel_tasks_at_work", "Tasks at work now.", labels, registry=registry)


class _ActorMetrics:
    """Those of one actor: found once, for to find them takes longer than to count."""

    def __init__(self, metrics: TaskMetrics, labels: tuple[str, str]) -> None:
        self.at_work = metrics.at_work.labels(*labels)
        self.seconds = metrics.seconds.labels(*labels)
        self.done = metrics.tasks.labels(*labels, "done")
        self.failed = metrics.tasks.labels(*labels, "failed")


class Metrics(dramatiq.Middleware):
    """Counts on the registry of the process, which serves it itself: dramatiq's own listens on every address."""

    def __init__(self, metrics: TaskMetrics) -> None:
        self._metrics = metrics
        self._since: dict[int, float] = {}
        self._of_actor: dict[tuple[str, str], _ActorMetrics] = {}

    def _of(self, message: Any) -> "_ActorMetrics":
        labels = (message.queue_name, message.actor_name)
        found = self._of_actor.get(labels)
        if found is None:
            found = self._of_actor[labels] = _ActorMetrics(self._metrics, labels)
        return found

    def before_process_message(self, broker: Any, message: Any) -> None:
        self._since[id(message)] = time.monotonic()
        self._of(message).at_work.inc()

    def after_process_message(
        self, broker: Any, message: Any, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        metrics = self._of(message)
        metrics.at_work.dec()
        metrics.seconds.observe(time.monotonic() - self._since.pop(id(message)))
        (metrics.done if exception is None else metrics.failed).inc()


class Tracing(dramatiq.Middleware):
    """A span around each task, below the one that enqueued it. An async actor inherits it from the thread."""

    def __init__(self) -> None:
        self._open: dict[int, contextlib.ExitStack] = {}

    def before_process_message(self, broker: Any, message: Any) -> None:
        stack = contextlib.ExitStack()
        traceparent = str(message.options.get(TRACEPARENT, ""))
        stack.enter_context(processing(message.queue_name, [traceparent], message.actor_name))
        self._open[id(message)] = stack

    def after_process_message(
        self, broker: Any, message: Any, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        stack = self._open.pop(id(message))
        if exception is None:
            stack.close()
        else:
            with contextlib.suppress(type(exception)):
                stack.__exit__(type(exception), exception, exception.__traceback__)


class Recycling(dramatiq.Middleware):
    """Calls `renew` with the reason once the process is larger than `memory` (MB resident) or has done `tasks`."""

    def __init__(self, memory: int, tasks: int, renew: Callable[[str], None]) -> None:
        self._memory = memory
        self._tasks = tasks
        self._renew = renew
        self._done = itertools.count(1)  # all threads count, and += is not one step

    def after_process_message(
        self, broker: Any, message: Any, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        done = next(self._done)
        resident = resident_megabytes()
        if resident > self._memory:
            self._renew(f"{resident} MB of memory, more than {self._memory}")
        elif done >= self._tasks:
            self._renew(f"{done} tasks done")


def resident_megabytes() -> int:
    # After every task: a file object would cost more than the three calls.
    file = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        pages = int(os.read(file, _STATM_BYTES).split()[1])
    finally:
        os.close(file)
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000
