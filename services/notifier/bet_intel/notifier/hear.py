"""What the gateway tells: subscriptions, and deliveries that somebody asks for."""

from collections.abc import Sequence

from bet_intel.notifier import subscription_store as subscriptions
from bet_intel.notifier.channels.webhook import WEBHOOK
from bet_intel.notifier.delivery_store import add_test, send_again
from bet_intel.notifier.tasks import IN_HAND, send
from bet_intel.notifier.wire_subscriptions import delivery_updated, request, subscription
from bet_intel.shared.message_metrics import OLD_REVISION, MessageMetrics
from bet_intel.shared.messaging import Message
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.partitions import DaysOf
from bet_intel.shared.revisions import newest_and_late
from bet_intel.shared.times import Clock


class HearOfSubscriptions:
    """Handles `subscription.changed`."""

    def __init__(self, outbox: Outbox, messages: MessageMetrics) -> None:
        self._outbox = outbox
        self._messages = messages

    async def changed(self, messages: Sequence[Message]) -> None:
        """Keep what is newer; the rest is ignored."""
        told = map(subscription, messages)
        newest, late = newest_and_late(told, lambda one: one.id, lambda one: one.revision)
        async with self._outbox.transaction() as unit:
            kept = await subscriptions.put(unit.connection, list(newest.values()))
        old = late + [one for id, one in newest.items() if id not in kept]
        self._messages.ignored(messages[0].type, OLD_REVISION, [f"{one.id} {one.revision}" for one in old])


class HearOfRequests:
    """Handles `delivery.requested`."""

    def __init__(self, outbox: Outbox, delivery_days: DaysOf, clock: Clock) -> None:
        self._outbox = outbox
        self._delivery_days = delivery_days
        self._clock = clock

    async def requested(self, messages: Sequence[Message]) -> None:
        """Make the delivery of a test message, or give one that has ended its attempts again, with the task."""
        asked = {one.id: one for one in map(request, messages)}
        now = self._clock()
        await self._delivery_days.prepare([now])
        async with self._outbox.transaction() as unit:
            for id in sorted(asked):
                one = asked[id]
                if one.delivery:
                    delivery = await send_again(unit.connection, one.delivery, one.subscription_id, now, now + IN_HAND)
                else:
                    delivery = await add_test(unit.connection, id, one.subscription_id, WEBHOOK, now, now + IN_HAND)
                if delivery is not None:
                    unit.append(send(delivery.id, delivery.attempts), delivery_updated(delivery, now))
