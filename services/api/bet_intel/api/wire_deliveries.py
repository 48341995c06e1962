"""`delivery.updated` → what the log keeps. Pure."""

from uuid import UUID

from google.protobuf.message import DecodeError

from bet_intel.api.domain.subscriptions import DeliveryReport
from bet_intel.api.wire import WireError
from bet_intel.api.wire_values import time
from bet_intel.events.v1.delivery_updated_pb2 import DeliveryKind, DeliveryState, DeliveryUpdated
from bet_intel.shared.times import from_us

_KINDS = {DeliveryKind.DELIVERY_KIND_ALERT: "alert", DeliveryKind.DELIVERY_KIND_TEST: "test"}
_STATES = {
    DeliveryState.DELIVERY_STATE_PENDING: "pending",
    DeliveryState.DELIVERY_STATE_DELIVERED: "delivered",
    DeliveryState.DELIVERY_STATE_FAILED: "failed",
    DeliveryState.DELIVERY_STATE_SKIPPED: "skipped",
}


def delivery_report(data: bytes) -> DeliveryReport:
    """Decode `delivery.updated.v1`. Raises `WireError`."""
    message = DeliveryUpdated()
    try:
        message.ParseFromString(data)
        return DeliveryReport(
            message.id,
            str(UUID(message.subscription_id)),
            message.revision,
            _KINDS[message.kind],
            message.opportunity_id or None,
            message.event_id or None,
            message.opening,
            message.level,
            _STATES[message.state],
            message.attempts,
            message.reason or None,
            message.response_status or None,
            from_us(message.created_at_us),
            time(message.next_attempt_at_us),
            time(message.ended_at_us),
            message.receiver_gone,
            message.subscription_revision,
        )
    except (DecodeError, OverflowError, ValueError, KeyError) as error:
        raise WireError(f"not a valid delivery.updated.v1: {error}") from error
