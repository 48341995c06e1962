"""Hearing of a new set: the inbox, the alerts it calls for, and the tasks that send them, in one transaction."""

from collections.abc import Sequence

from bet_intel.notifier.channels.webhook import WEBHOOK
from bet_intel.notifier.delivery_store import add_alerts, tellable
from bet_intel.notifier.domain.alerts import due_alerts, newest, of_interest
from bet_intel.notifier.domain.rules import Rule
from bet_intel.notifier.metrics import Metrics
from bet_intel.notifier.store import last_alerted, save_newer
from bet_intel.notifier.subscription_store import ActiveRules
from bet_intel.notifier.tasks import IN_HAND, send
from bet_intel.notifier.wire import opportunity_set
from bet_intel.notifier.wire_subscriptions import delivery_updated
from bet_intel.shared.message_metrics import OLD_REVISION, MessageMetrics
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.times import Clock


class AlertOnSets:
    """Handler of `opportunities.updated.v1`."""

    def __init__(
        self,
        outbox: Outbox,
        delivery_days: DaysOf,
        rules: Sequence[Rule],
        metrics: Metrics,
        messages: MessageMetrics,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._delivery_days = delivery_days
        self._clock = clock
        self._rules = list(rules)
        self._active = ActiveRules()
        self._metrics = metrics
        self._messages = messages

    async def handle(self, messages: Sequence[Message]) -> None:
        """Keep what is new and make a delivery of each alert that is due; a late or repeated set is ignored."""
        heard = list(newest(opportunity_set(message) for message in messages))
        now = self._clock()
        await self._delivery_days.prepare([now])
        async with self._outbox.transaction() as unit:
            rules = self._rules + await self._active.read(unit.connection)
            sets = [of_interest(one, rules) for one in heard]
            applied = await save_newer(unit.connection, sets)
            fresh = [one for one in sets if one.event.id in applied]
            ids = {opportunity.id for one in fresh for opportunity in one.opportunities}
            last = await last_alerted(unit.connection, ids) if ids else {}
            alerts = list(due_alerts(fresh, rules, last))
            deliveries = await add_alerts(unit.connection, alerts, now, now + IN_HAND)
            unit.append(*[send(delivery.id, delivery.attempts) for delivery in deliveries])
            unit.append(*[delivery_updated(delivery, now) for delivery in tellable(deliveries, WEBHOOK)])
        self._metrics.sets.labels("applied").inc(len(applied))
        self._metrics.sets.labels("ignored").inc(len(messages) - len(applied))
        old = [f"{one.event.id} {one.revision}" for one in sets if one.event.id not in applied]
        self._messages.ignored(messages[0].type, OLD_REVISION, old)
