"""Each service says every few seconds that it lives (`service.heartbeat.v1`)."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from uuid import uuid4

import structlog

from bet_intel.events.v1 import service_heartbeat_pb2
from bet_intel.shared.messaging import DeadLetters, EventBus, Message
from bet_intel.shared.outbox import Backlog
from bet_intel.shared.postgres import DatabaseUnavailableError
from bet_intel.shared.runtime import every
from bet_intel.shared.service_metrics import OutboxMetrics
from bet_intel.shared.times import Clock, to_us

HEARTBEAT = "service.heartbeat.v1"
_EVERY = 5.0

_log = structlog.get_logger(__name__)


class Heart:
    """The heartbeat of one service. `run` beats until cancelled."""

    def __init__(
        self,
        service: str,
        bus: EventBus,
        dead_letters: DeadLetters,
        backlog: Callable[[], Awaitable[Backlog]],
        clock: Clock,
        metrics: OutboxMetrics | None = None,
    ) -> None:
        self._service = service
        self._version = version("bet-intel")
        self._bus = bus
        self._dead_letters = dead_letters
        self._backlog = backlog
        self._clock = clock
        self._metrics = metrics

    async def run(self) -> None:
        await every(_EVERY, self.beat)

    async def beat(self) -> None:
        """Announce one heartbeat."""
        now = self._clock()
        try:
            backlog = await self._backlog()
            dead_letters = await self._dead_letters.count()
        except DatabaseUnavailableError as error:
            _log.warning("no heartbeat: the database does not answer", service=self._service, reason=str(error))
            return
        self._show(backlog, dead_letters)
        body = service_heartbeat_pb2.ServiceHeartbeat(
            service=self._service,
            version=self._version,
            at_us=to_us(now),
            outbox_depth=backlog.depth,
            outbox_age_seconds=backlog.age,
            dead_letters=dead_letters + backlog.set_aside,
        )
        self._bus.announce(
            Message(
                id=str(uuid4()),
                type=HEARTBEAT,
                source=self._service,
                subject=self._service,
                time=now,
                revision=0,
                data=body.SerializeToString(),
            )
        )

    def _show(self, backlog: Backlog, dead_letters: int) -> None:
        if self._metrics is not None:
            self._metrics.depth.labels(self._service).set(backlog.depth)
            self._metrics.age.labels(self._service).set(backlog.age)
            self._metrics.set_aside.labels(self._service).set(backlog.set_aside)
            self._metrics.dead_letters.labels(self._service).set(dead_letters)
