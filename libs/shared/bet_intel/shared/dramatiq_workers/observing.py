"""What is measured and traced of tasks, and when a worker has grown too large to go on."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dramatiq
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bet_intel.shared.dramatiq_workers.broker import TRACEPARENT
from bet_intel.shared.tracing import processing

_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)


class TaskMetrics:
    """Made once for a process: several queues may report to it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("queue", "actor")
        self.tasks = Counter("bet_intel_tasks", "Tasks by outcome.", (*labels, "outcome"), registry=registry)
        self.seconds = Histogram("bet_intel_task_seconds", "Time at work.", labels, registry=registry, buckets=_BUCKETS)
        self.at_work = Gauge("bet_intel_tasks_at_work", "Tasks at work now.", labels, registry=registry)


class Metrics(dramatiq.Middleware):
    """Counts on the registry of the process, which serves it itself: dramatiq's own listens on every address."""

    def __init__(self, metrics: TaskMetrics) -> None:
        self._metrics = metrics
        self._since: dict[int, float] = {}

    def before_process_message(self, broker: Any, message: Any) -> None:
        self._since[id(message)] = time.monotonic()
        self._metrics.at_work.labels(message.queue_name, message.actor_name).inc()

    def after_process_message(
        self, broker: Any, message: Any, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        labels = (message.queue_name, message.actor_name)
        self._metrics.at_work.labels(*labels).dec()
        self._metrics.seconds.labels(*labels).observe(time.monotonic() - self._since.pop(id(message)))
        self._metrics.tasks.labels(*labels, "done" if exception is None else "failed").inc()


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
        self._done = 0

    def after_process_message(
        self, broker: Any, message: Any, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        self._done += 1
        resident = resident_megabytes()
        if resident > self._memory:
            self._renew(f"{resident} MB of memory, more than {self._memory}")
        elif self._done >= self._tasks:
            self._renew(f"{self._done} tasks done")


def resident_megabytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000
