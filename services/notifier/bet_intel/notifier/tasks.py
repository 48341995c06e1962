"""The task that sends a delivery, and the sweeper that sees to those that are due."""

from datetime import timedelta

import structlog

from bet_intel.notifier.delivery_store import take_due
from bet_intel.shared.messaging import UnavailableError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.runtime import every
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import Clock

NOTIFICATIONS = "notifications"
SEND_NOTIFICATION = "send_notification"
IN_HAND = timedelta(minutes=10)
"""How long a task may be under way before the sweeper makes another: that one finds the delivery ended, or locked."""
_AT_ONCE = 500

_log = structlog.get_logger(__name__)


def send(delivery_id: int, attempts: int) -> Task:
    """The task that makes the attempt after `attempts` others."""
    return Task(
        id=f"{SEND_NOTIFICATION}:{delivery_id}:{attempts}",
        queue=NOTIFICATIONS,
        actor=SEND_NOTIFICATION,
        arguments={"delivery_id": delivery_id, "attempts": attempts},
    )


class Sweeper:
    """Has every delivery sent whose next attempt is due. Any number of them may run."""

    def __init__(self, outbox: Outbox, seconds: float, clock: Clock) -> None:
        self._outbox = outbox
        self._seconds = seconds
        self._clock = clock

    async def run(self) -> None:
        await every(self._seconds, self._sweep)

    async def _sweep(self) -> None:
        try:
            while await self.sweep() == _AT_ONCE:
                pass
        except UnavailableError as error:
            _log.warning("deliveries wait for the database", reason=str(error))

    async def sweep(self) -> int:
        """Have what is due sent; returns how many."""
        now = self._clock()
        async with self._outbox.transaction() as unit:
            due = await take_due(unit.connection, now, now + IN_HAND, _AT_ONCE)
            unit.append(*[send(id, attempts) for id, attempts in due])
        return len(due)
