"""The golden events of subscriptions, and of the deliveries that come of them."""

from google.protobuf.message import Message

from bet_intel.events.v1 import delivery_requested_pb2, delivery_updated_pb2, subscription_changed_pb2
from contract.golden_events.values import AS_OF_US, SUBSCRIPTION


def subscription_changed() -> Message:
    return subscription_changed_pb2.SubscriptionChanged(
        id=SUBSCRIPTION,
        revision=AS_OF_US + 9,
        at_us=AS_OF_US,
        account="local",
        status=subscription_changed_pb2.SUBSCRIPTION_STATUS_ACTIVE,
        sports=["baseball"],
        leagues=["baseball_mlb"],
        markets=["h2h"],
        bookmakers=["draftkings"],
        profile="consensus",
        classes=["take"],
        min_ev=0.045,
        realert_step=0.02,
        webhook=subscription_changed_pb2.Webhook(url="https://hooks.example.com/x", encrypted_secret=b"\x80\x00\x01"),
        kinds=["arbitrage"],
        categories=["main"],
        delay_us=300_000_000,
    )


def delivery_requested() -> Message:
    return delivery_requested_pb2.DeliveryRequested(
        id="0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10",
        at_us=AS_OF_US,
        subscription_id=SUBSCRIPTION,
        delivery_id="4d3c2b1a",
    )


def delivery_updated() -> Message:
    return delivery_updated_pb2.DeliveryUpdated(
        id="4d3c2b1a",
        revision=AS_OF_US + 13,
        at_us=AS_OF_US + 2_000_000,
        subscription_id=SUBSCRIPTION,
        kind=delivery_updated_pb2.DELIVERY_KIND_ALERT,
        opportunity_id="5f0c3d1a9be24471",
        event_id="simulator:1",
        opening=2,
        level=1,
        channel="webhook",
        state=delivery_updated_pb2.DELIVERY_STATE_FAILED,
        attempts=3,
        reason="the receiver is gone",
        response_status=410,
        created_at_us=AS_OF_US,
        next_attempt_at_us=AS_OF_US + 3_000_000,
        ended_at_us=AS_OF_US + 2_000_000,
        receiver_gone=True,
        subscription_revision=AS_OF_US + 9,
    )
