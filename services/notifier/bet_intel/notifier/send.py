"""The task `send_notification`: one attempt of one delivery by its channel."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bet_intel.notifier import delivery_store as deliveries
from bet_intel.notifier import subscription_store as subscriptions
from bet_intel.notifier.channels.port import Channel, Notification, Receiver, SendError
from bet_intel.notifier.channels.webhook import WEBHOOK
from bet_intel.notifier.delivery_store import Delivery, Kind, Outcome, State
from bet_intel.notifier.domain.body import alert_body, test_body, test_text
from bet_intel.notifier.domain.retries import seconds_until_next
from bet_intel.notifier.domain.rules import Rule
from bet_intel.notifier.domain.text import alert_line
from bet_intel.notifier.metrics import Metrics
from bet_intel.notifier.store import current_set
from bet_intel.notifier.subscription_store import Subscription
from bet_intel.notifier.wire_subscriptions import delivery_updated
from bet_intel.shared.messaging import TerminalError, reason_of
from bet_intel.shared.outbox import Outbox, UnitOfWork
from bet_intel.shared.postgres import Writer
from bet_intel.shared.times import Clock

_log = structlog.get_logger(__name__)

_CLOSED = "the opportunity has closed"


@dataclass(frozen=True, slots=True)
class Sending:
    """How deliveries are sent: `timeout` seconds for an attempt; `waits` in seconds after each that failed."""

    timeout: float
    waits: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Content:
    text: str
    body: str


class SendNotification:
    """Sends deliveries. `chance` gives numbers in [0, 1) that spread retries."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Mapping[str, Channel],
        sending: Sending,
        metrics: Metrics,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._sending = sending
        self._metrics = metrics
        self._clock = clock
        self._chance = chance

    async def __call__(self, delivery_id: int, attempts: int) -> None:
        """Make the attempt after `attempts` others, unless it was made or there is nothing to tell any more.

        The delivery's row is locked meanwhile: a task that came twice waits, and finds it done. What it came to is
        stored, and told, in the transaction that holds the lock.

        Raises:
            TerminalError: there is no such delivery.
        """
        async with self._outbox.transaction() as unit:
            delivery = await deliveries.lock(unit.connection, delivery_id)
            if delivery is None:
                raise TerminalError(f"there is no delivery {delivery_id}")
            if delivery.state is State.PENDING and delivery.attempts == attempts:
                await self._attempt(unit, delivery)

    async def _attempt(self, unit: UnitOfWork, delivery: Delivery) -> None:
        subscription = None
        if delivery.channel == WEBHOOK:
            subscription = await subscriptions.get(unit.connection, delivery.subscription_id)
        outcome, is_gone = await self._outcome(unit.connection, delivery, subscription)
        now = self._clock()
        ended = await deliveries.end_attempt(unit.connection, delivery, outcome, now)
        revision = subscription.revision if subscription else 0
        if is_gone:
            await subscriptions.disable(unit.connection, delivery.subscription_id, revision)
        if delivery.channel == WEBHOOK:
            unit.append(delivery_updated(ended, now, receiver_gone=is_gone, subscription_revision=revision))
        counted = "retry" if outcome.state is State.PENDING else outcome.state.value
        self._metrics.attempts.labels(delivery.channel, counted).inc()

    async def _outcome(
        self, connection: Writer, delivery: Delivery, subscription: Subscription | None
    ) -> tuple[Outcome, bool]:
        """What comes of this attempt, and whether the receiver is gone for good."""
        receiver = None
        if delivery.channel == WEBHOOK:
            if subscription is None:
                # Its test may be asked for before it is heard of.
                return self._failed(delivery, SendError("the subscription is not known here yet"), None), False
            if subscription.url is None or subscription.secret is None:
                return Outcome(State.SKIPPED, "the subscription was deleted"), False
            asked_for = delivery.kind is Kind.TEST or delivery.is_resend
            if subscription.status == "disabled" or (subscription.status == "paused" and not asked_for):
                return Outcome(State.SKIPPED, f"the subscription is {subscription.status}"), False
            receiver = Receiver(subscription.url, subscription.secret)
        rule = subscription.rule if subscription else None
        content = await self._content(connection, delivery, rule)
        if isinstance(content, str):
            return Outcome(State.SKIPPED, content), False
        try:
            status = await self._send(delivery, content, receiver)
        except Exception as error:  # noqa: BLE001 - the edge of a task: whatever a channel raises is kept as the reason
            return self._failed(delivery, error, content), isinstance(error, SendError) and error.is_gone
        return Outcome(State.DELIVERED, None, status, content.text, content.body), False

    def _failed(self, delivery: Delivery, error: Exception, content: _Content | None) -> Outcome:
        reason = str(error) if isinstance(error, SendError) else reason_of(error)
        status = error.status if isinstance(error, SendError) else None
        asked = error.retry_after if isinstance(error, SendError) else 0.0
        body = None if content is None else content.body
        wait = seconds_until_next(delivery.attempts + 1, self._sending.waits, asked, self._chance())
        if wait is None or (isinstance(error, SendError) and error.is_gone):
            return Outcome(State.FAILED, reason, status, body=body)
        at = self._clock() + timedelta(seconds=wait)
        return Outcome(State.PENDING, reason, status, body=body, next_attempt_at=at)

    async def _send(self, delivery: Delivery, content: _Content, receiver: Receiver | None) -> int | None:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            known = ", ".join(sorted(self._channels))
            raise SendError(f"there is no channel {delivery.channel!r}, only {known}")
        deadline = asyncio.timeout(self._sending.timeout)
        try:
            async with deadline:
                notification = Notification(
                    delivery.key, delivery.subscription_id, content.text, content.body, receiver
                )
                return await channel.send(notification)
        except TimeoutError as error:
            if deadline.expired():
                raise SendError(f"the channel took more than {self._sending.timeout:g} s") from error
            raise

    async def _content(self, connection: Writer, delivery: Delivery, rule: Rule | None) -> _Content | str:
        """What to say now, with the price of now; or why there is nothing to say: the opening that called for the alert
        is over, or the owner of the rule does not see it any more."""
        now = self._clock()
        if delivery.is_resend and delivery.body is not None:
            return _Content("sent again", delivery.body)
        if delivery.kind is Kind.TEST:
            return _Content(test_text(), test_body(delivery.subscription_id, now))
        current = await current_set(connection, delivery.event_id)
        if current is None:
            return _CLOSED
        for opportunity in current.opportunities:
            if (opportunity.id, opportunity.opening) == (delivery.opportunity_id, delivery.opening):
                if rule is not None and not rule.shows(opportunity, current.as_of):
                    return "the account's tier does not see it any more"
                return _Content(
                    alert_line(current.event, opportunity, current.as_of),
                    alert_body(
                        delivery.subscription_id, delivery.level, current.event, opportunity, current.as_of, now
                    ),
                )
        return _CLOSED
