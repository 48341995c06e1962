"""Hearing of a new set: the inbox, the alerts it calls for, and the tasks that send them, in one transaction."""

from collections.abc import Sequence

from bet_intel.notifier.domain.alerts import due_alerts, newest, of_interest
from bet_intel.notifier.domain.rules import Rule
from bet_intel.notifier.metrics import Metrics
from bet_intel.notifier.store import add_deliveries, last_alerted, save_newer
from bet_intel.notifier.wire import opportunity_set
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import Clock

NOTIFICATIONS = "notifications"
SEND_NOTIFICATION = "send_notification"


class AlertOnSets:
    """Handler of `opportunities.updated.v1`."""

    def __init__(
        self, outbox: Outbox, delivery_days: DaysOf, rules: Sequence[Rule], metrics: Metrics, clock: Clock
    ) -> None:
        self._outbox = outbox
        self._delivery_days = delivery_days
        self._clock = clock
        self._rules = rules
        self._metrics = metrics

    async def handle(self, messages: Sequence[Message]) -> None:
        """Keep what is new and make a delivery of each alert that is due; a late or repeated set is ignored."""
        sets = [of_interest(one, self._rules) for one in newest(opportunity_set(message) for message in messages)]
        now = self._clock()
        await self._delivery_days.prepare([now])
        async with self._outbox.transaction() as unit:
            applied = await save_newer(unit.connection, sets)
            fresh = [one for one in sets if one.event.id in applied]
            ids = {opportunity.id for one in fresh for opportunity in one.opportunities}
            last = await last_alerted(unit.connection, ids) if ids else {}
            deliveries = await add_deliveries(unit.connection, list(due_alerts(fresh, self._rules, last)), now)
            unit.append(*[_send(id) for id in deliveries])
        self._metrics.sets.labels("applied").inc(len(applied))
        self._metrics.sets.labels("ignored").inc(len(messages) - len(applied))


def _send(delivery_id: int) -> Task:
    return Task(
        id=f"{SEND_NOTIFICATION}:{delivery_id}",
        queue=NOTIFICATIONS,
        actor=SEND_NOTIFICATION,
        arguments={"delivery_id": delivery_id},
    )
