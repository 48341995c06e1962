"""The task `send_notification`: one delivery by its channel."""

import asyncio
from collections.abc import Mapping

import structlog

from bet_intel.notifier.channels.port import Channel, Notification
from bet_intel.notifier.domain.text import alert_line
from bet_intel.notifier.metrics import Metrics
from bet_intel.notifier.store import Delivery, State, current_set, end_delivery, lock_delivery
from bet_intel.shared.messaging import TerminalError, reason_of
from bet_intel.shared.postgres import Database, Writer

_log = structlog.get_logger(__name__)


class DeliveryError(Exception):
    """A channel did not take a notification; the delivery is tried again."""


class DeliveryFailedError(TerminalError):
    """A delivery that used up its attempts, or that no later attempt can help."""


class SendNotification:
    """Sends deliveries; `attempts` is how often one may fail, `timeout` the seconds a channel has for each."""

    def __init__(
        self, database: Database, channels: Mapping[str, Channel], metrics: Metrics, *, attempts: int, timeout: float
    ) -> None:
        self._database = database
        self._channels = channels
        self._metrics = metrics
        self._attempts = attempts
        self._timeout = timeout

    async def __call__(self, delivery_id: int) -> None:
        """Send the delivery, unless that was done or its opportunity has closed. A failed one may be sent again.

        Its row is locked meanwhile: a task that came twice waits, and finds it done.

        Raises:
            DeliveryError: not sent, the task is to be tried again.
            DeliveryFailedError: not sent for the last time, or there is no such delivery.
        """
        async with self._database.transaction() as connection:
            delivery = await lock_delivery(connection, delivery_id)
            if delivery is None:
                raise DeliveryFailedError(f"there is no delivery {delivery_id}")
            if delivery.state in (State.DELIVERED, State.SKIPPED):
                return
            error = await self._deliver(connection, delivery)
        # Raised only now: what the attempt came to is committed first.
        if error is not None:
            raise error

    async def _deliver(self, connection: Writer, delivery: Delivery) -> DeliveryError | DeliveryFailedError | None:
        text = await _text(connection, delivery)
        if text is None:
            await end_delivery(connection, delivery, State.SKIPPED, reason="the opportunity has closed", text=None)
            return self._counted(delivery, "skipped", None)
        try:
            await self._send(delivery, text)
        except Exception as error:  # noqa: BLE001 - the edge of a task: whatever a channel raises is kept as the reason
            reason = reason_of(error)
            if delivery.attempts + 1 < self._attempts:
                await end_delivery(connection, delivery, State.PENDING, reason=reason, text=None)
                return self._counted(delivery, "retry", DeliveryError(reason))
            await end_delivery(connection, delivery, State.FAILED, reason=reason, text=None)
            return self._counted(delivery, "failed", DeliveryFailedError(reason))
        await end_delivery(connection, delivery, State.DELIVERED, reason=None, text=text)
        return self._counted(delivery, "delivered", None)

    async def _send(self, delivery: Delivery, text: str) -> None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            known = ", ".join(sorted(self._channels))
            raise DeliveryError(f"there is no channel {delivery.channel!r}, only {known}")
        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                await channel.send(Notification(delivery.id, delivery.subscription_id, text))
        except TimeoutError as error:
            if deadline.expired():
                raise DeliveryError(f"the channel took more than {self._timeout:g} s") from error
            raise

    def _counted(
        self, delivery: Delivery, outcome: str, error: DeliveryError | DeliveryFailedError | None
    ) -> DeliveryError | DeliveryFailedError | None:
        self._metrics.attempts.labels(delivery.channel, outcome).inc()
        return error


async def _text(connection: Writer, delivery: Delivery) -> str | None:
    """What to say now, with the price of now; None where the opening that called for the alert is over."""
    current = await current_set(connection, delivery.event_id)
    if current is None:
        return None
    for opportunity in current.opportunities:
        if opportunity.id == delivery.opportunity_id and opportunity.opening == delivery.opening:
            return alert_line(current.event, opportunity, current.as_of)
    return None
