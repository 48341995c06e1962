"""Between the gateway's events about subscriptions and deliveries and the notifier's words. Pure."""

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from google.protobuf.message import DecodeError

from bet_intel.events.v1.delivery_requested_pb2 import DeliveryRequested
from bet_intel.events.v1.delivery_updated_pb2 import DeliveryKind, DeliveryState, DeliveryUpdated
from bet_intel.events.v1.subscription_changed_pb2 import SubscriptionChanged, SubscriptionStatus
from bet_intel.notifier.channels.webhook import WEBHOOK
from bet_intel.notifier.delivery_store import Delivery, Kind, State
from bet_intel.notifier.domain.opportunities import EV
from bet_intel.notifier.domain.rules import Rule
from bet_intel.notifier.subscription_store import DELETED, Subscription
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.times import to_us

SOURCE = "notifier"
SUBSCRIPTION_CHANGED = "subscription.changed.v1"
DELIVERY_REQUESTED = "delivery.requested.v1"
DELIVERY_UPDATED = "delivery.updated.v1"

_STATUS = {
    SubscriptionStatus.SUBSCRIPTION_STATUS_ACTIVE: "active",
    SubscriptionStatus.SUBSCRIPTION_STATUS_PAUSED: "paused",
    SubscriptionStatus.SUBSCRIPTION_STATUS_DISABLED: "disabled",
    SubscriptionStatus.SUBSCRIPTION_STATUS_DELETED: DELETED,
}
_KINDS = {Kind.ALERT: DeliveryKind.DELIVERY_KIND_ALERT, Kind.TEST: DeliveryKind.DELIVERY_KIND_TEST}
_STATES = {
    State.PENDING: DeliveryState.DELIVERY_STATE_PENDING,
    State.DELIVERED: DeliveryState.DELIVERY_STATE_DELIVERED,
    State.FAILED: DeliveryState.DELIVERY_STATE_FAILED,
    State.SKIPPED: DeliveryState.DELIVERY_STATE_SKIPPED,
}


class Request(NamedTuple):
    """Somebody wants a delivery to be sent again, or (`delivery` is "") a test message under the request's id."""

    id: str
    subscription_id: str
    delivery: str


def subscription(message: Message) -> Subscription:
    """
    Raises:
        TerminalError: the message cannot be decoded.
    """
    try:
        body = SubscriptionChanged.FromString(message.data)
    except DecodeError as error:
        raise TerminalError(f"{message.type} {message.id} cannot be decoded: {error}") from error
    status = _STATUS.get(body.status)
    if not body.id or body.revision <= 0 or status is None:
        raise TerminalError(f"{message.type} {message.id} names no subscription, revision or status")
    if status == DELETED:
        return Subscription(body.id, body.revision, status, None, None, None)
    rule = Rule(
        id=body.id,
        channel=WEBHOOK,
        sports=frozenset(body.sports),
        leagues=frozenset(body.leagues),
        markets=frozenset(body.markets),
        bookmakers=frozenset(body.bookmakers),
        profile=body.profile,
        classes=frozenset(body.classes),
        min_ev=body.min_ev,
        realert_step=body.realert_step,
        kinds=frozenset(body.kinds or (EV,)),
        sees=frozenset(body.categories),
        delay=body.delay_us / 1_000_000,
    )
    return Subscription(body.id, body.revision, status, rule, body.webhook.url, body.webhook.encrypted_secret)


def request(message: Message) -> Request:
    """
    Raises:
        TerminalError: the message cannot be decoded.
    """
    try:
        body = DeliveryRequested.FromString(message.data)
    except DecodeError as error:
        raise TerminalError(f"{message.type} {message.id} cannot be decoded: {error}") from error
    if not body.id or not body.subscription_id:
        raise TerminalError(f"{message.type} {message.id} names no subscription")
    return Request(body.id, body.subscription_id, body.delivery_id)


def delivery_updated(
    delivery: Delivery, at: datetime, *, receiver_gone: bool = False, subscription_revision: int = 0
) -> Message:
    """What has become of a delivery; `receiver_gone`: of that subscription at that revision."""
    body = DeliveryUpdated(
        id=delivery.key,
        revision=delivery.revision,
        at_us=to_us(at),
        subscription_id=delivery.subscription_id,
        kind=_KINDS[delivery.kind],
        opportunity_id=delivery.opportunity_id,
        event_id=delivery.event_id,
        opening=delivery.opening,
        level=delivery.level,
        channel=delivery.channel,
        state=_STATES[delivery.state],
        attempts=delivery.attempts,
        reason=delivery.reason or "",
        response_status=delivery.response_status or 0,
        created_at_us=to_us(delivery.created_at),
        next_attempt_at_us=to_us(delivery.next_attempt_at) if delivery.next_attempt_at else 0,
        ended_at_us=to_us(delivery.ended_at) if delivery.ended_at else 0,
        receiver_gone=receiver_gone,
        subscription_revision=subscription_revision,
    )
    return Message(
        id=str(uuid4()),
        type=DELIVERY_UPDATED,
        source=SOURCE,
        subject=delivery.key,
        time=at,
        revision=delivery.revision,
        data=body.SerializeToString(),
    )
