"""What is measured of every service alike: which build runs, what is not told yet, how old odds are on their way."""

import math
import platform
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector

from bet_intel.shared.messaging import Message
from bet_intel.shared.times import Clock

_AGE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

Handler = Callable[[Sequence[Message]], Awaitable[None]]


def show_build(registry: CollectorRegistry, service: str, process: str) -> None:
    """Say what runs in this process: once, where it begins."""
    Gauge(
        "bet_intel_build_info",
        "1; the labels say which build runs, and as what.",
        ("service", "process", "version", "python"),
        registry=registry,
    ).labels(service, process, version("bet-intel"), platform.python_version()).set(1)
    Gauge(
        "bet_intel_process_start_time_seconds",
        "When this process was started, as Unix time; NaN where the machine does not tell.",
        ("service", "process"),
        registry=registry,
    ).labels(service, process).set(_started_at())


def _started_at() -> float:
    """As the kernel knows it: a process that begins anew in its own place, for its memory, was not started again."""
    told = (sample for metric in ProcessCollector(registry=None).collect() for sample in metric.samples)
    return next((sample.value for sample in told if sample.name == "process_start_time_seconds"), math.nan)


class OutboxMetrics:
    """The outboxes and dead letters of the services of a process, as of each one's last heartbeat."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("service",)
        self.depth = Gauge("bet_intel_outbox_rows", "Rows that are not confirmed yet.", labels, registry=registry)
        self.age = Gauge("bet_intel_outbox_age_seconds", "Age of the oldest of them.", labels, registry=registry)
        self.set_aside = Gauge(
            "bet_intel_outbox_set_aside", "Rows that could not be published.", labels, registry=registry
        )
        self.dead_letters = Gauge(
            "bet_intel_dead_letters", "Messages and tasks that could not be handled.", labels, registry=registry
        )


class Hops:
    """How old odds are, in seconds since the provider's answer was taken, wherever they have come to."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._age = Histogram(
            "bet_intel_odds_age_seconds",
            "Age of odds in source time where they have come to: stored (odds-ingest), priced (ev-engine), board and "
            "opportunity (the read model), alerted (notifier), client (a stream). A recording is as old as it is.",
            ("hop",),
            buckets=_AGE_SECONDS,
            registry=registry,
        )

    def reached(self, hop: str, as_of: datetime) -> None:
        self._age.labels(hop).observe((self._clock() - as_of).total_seconds())

    def after(self, hop: str, handle: Handler) -> Handler:
        """`handle`, whose messages have reached `hop` when it is done; their time is when the odds were taken."""

        async def handled(messages: Sequence[Message]) -> None:
            await handle(messages)
            for message in messages:
                self.reached(hop, message.time)

        return handled
