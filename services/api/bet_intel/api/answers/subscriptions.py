"""Who is told of which opportunities, and what has become of each message."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bet_intel.api.answers.common import NextCursor
from bet_intel.api.domain.subscriptions import Rule, WebhookAddress


class Subscription(Rule, frozen=True, kw_only=True):
    """Who is told of which opportunities, and where."""

    id: str
    status: Annotated[str, Meta(description="active, paused, or disabled because its receiver is gone.")]
    disabled_reason: str | None
    webhook: WebhookAddress
    revision: int
    created_at: datetime
    updated_at: datetime


class CreatedSubscription(Subscription, frozen=True, kw_only=True):
    secret: Annotated[str, Meta(description="Signs every message. It is shown here alone: keep it.")]


class SubscriptionList(msgspec.Struct, frozen=True):
    data: list[Subscription]
    next_cursor: NextCursor


class Delivery(msgspec.Struct, frozen=True):
    """One message, and what has become of it."""

    id: Annotated[str, Meta(description="Also its webhook-id, however often it is sent.")]
    kind: Annotated[str, Meta(description="alert or test.")]
    opportunity_id: str | None
    event_id: str | None
    opening: Annotated[int, Meta(description="Of the opportunity.")]
    level: Annotated[int, Meta(description="1 at the first alert of an opening, one more with each realert_step.")]
    state: Annotated[str, Meta(description="pending, delivered, failed, or skipped because there was nothing to tell.")]
    attempts: int
    reason: Annotated[str | None, Meta(description="Why it failed or was skipped, or why the last attempt did.")]
    response_status: Annotated[int | None, Meta(description="HTTP status of the receiver's last answer.")]
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None


class DeliveryList(msgspec.Struct, frozen=True):
    data: list[Delivery]
    next_cursor: NextCursor


class DeliveryAccepted(msgspec.Struct, frozen=True):
    delivery_id: str
