"""What callers wrote → what others are told of it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from google.protobuf.message import Message as Body

from bet_intel.api.domain import pricing
from bet_intel.api.domain.accounts import EVERYTHING, View
from bet_intel.api.domain.pricing import Category, PricingSettings
from bet_intel.api.domain.subscriptions import Rule, SubscriptionRow
from bet_intel.api.wire import SOURCE
from bet_intel.events.v1.delivery_requested_pb2 import DeliveryRequested
from bet_intel.events.v1.pricing_settings_changed_pb2 import (
    BookmakerSettings,
    CategoryBounds,
    LineSlope,
    PricingOverride,
    PricingSettingsChanged,
)
from bet_intel.events.v1.subscription_changed_pb2 import SubscriptionChanged, SubscriptionStatus, Webhook
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import to_us

DELIVERY_REQUESTED = "delivery.requested.v1"
SUBSCRIPTION_CHANGED = "subscription.changed.v1"
PRICING_SETTINGS_CHANGED = "pricing.settings.changed.v1"

_STATUS = {
    "active": SubscriptionStatus.SUBSCRIPTION_STATUS_ACTIVE,
    "paused": SubscriptionStatus.SUBSCRIPTION_STATUS_PAUSED,
    "disabled": SubscriptionStatus.SUBSCRIPTION_STATUS_DISABLED,
}


def pricing_settings_changed(profile: str, revision: int, settings: PricingSettings, at: datetime) -> Message:
    body = PricingSettingsChanged(
        profile=profile,
        revision=revision,
        at_us=to_us(at),
        method=settings.method,
        bookmaker_settings=[
            BookmakerSettings(
                key=key,
                weight=one.weight,
                commission=one.commission,
                sharp=one.sharp,
                exchange=one.exchange,
                stake_step=_decimal(one.stake_step),
            )
            for key, one in sorted(settings.bookmakers.items())
        ],
        bounds=_bounds(settings.bounds),
        behind_newest_seconds=settings.behind_newest_seconds,
        min_references=settings.min_references,
        dispersion=settings.dispersion,
        lowest_probability=settings.lowest_probability,
        highest_probability=settings.highest_probability,
        take_ev=settings.take_ev,
        kelly_fraction=settings.kelly_fraction,
        stake_cap=settings.stake_cap,
        reopen_seconds=settings.reopen_seconds,
        low_hold=settings.low_hold,
        middle_cost=settings.middle_cost,
        stake=_decimal(settings.stake),
        stake_step=_decimal(settings.stake_step),
        sharp_references=settings.sharp_references,
        worst_case=settings.worst_case,
        limit_weight=settings.limit_weight,
        estimate_divergence=settings.estimate_divergence,
        slopes=[
            LineSlope(sport=sport, by_market=one.by_market, half_points=one.half_points)
            for sport, one in sorted(settings.slopes.items())
        ],
        overrides=[_override(one) for one in settings.overrides],
    )
    return Message(
        id=str(uuid4()),
        type=PRICING_SETTINGS_CHANGED,
        source=SOURCE,
        subject=profile,
        time=at,
        revision=revision,
        data=_packed(body),
    )


def _decimal(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _bounds(bounds: Mapping[Category, pricing.CategoryBounds]) -> list[CategoryBounds]:
    return [
        CategoryBounds(
            category=category,
            stale_seconds=one.stale_seconds,
            divergence=one.divergence,
            plausible_ev=one.plausible_ev,
        )
        for category, one in sorted(bounds.items())
    ]


def _override(one: pricing.PricingOverride) -> PricingOverride:
    return PricingOverride(
        sport=one.sport,
        market=one.market,
        weights=one.weights,
        stake_steps={key: str(step) for key, step in one.stake_steps.items()},
        bounds=_bounds(one.bounds),
        min_references=one.min_references,
        dispersion=one.dispersion,
        lowest_probability=one.lowest_probability,
        highest_probability=one.highest_probability,
    )


def subscription_changed(row: SubscriptionRow, at: datetime, view: View) -> Message:
    """The whole subscription as it is now, and what its account sees."""
    return _subscription(row, _STATUS[row.status], at, view)


def subscription_deleted(row: SubscriptionRow, at: datetime) -> Message:
    """Nothing of it is told but that it is no more."""
    return _subscription(
        row._replace(rule=Rule(), url="", secret=b""), SubscriptionStatus.SUBSCRIPTION_STATUS_DELETED, at, EVERYTHING
    )


def _subscription(row: SubscriptionRow, status: SubscriptionStatus.ValueType, at: datetime, view: View) -> Message:
    rule = row.rule
    body = SubscriptionChanged(
        id=row.id,
        revision=row.revision,
        at_us=to_us(at),
        account=row.account,
        status=status,
        sports=rule.sports,
        leagues=rule.leagues,
        markets=rule.markets,
        bookmakers=rule.bookmakers,
        profile=rule.profile,
        classes=rule.classes,
        min_ev=rule.min_ev,
        realert_step=rule.realert_step,
        kinds=rule.kinds,
        categories=view.categories,
        delay_us=round(view.delay * 1_000_000),
        webhook=Webhook(url=row.url, encrypted_secret=row.secret),
    )
    return Message(
        id=str(uuid4()),
        type=SUBSCRIPTION_CHANGED,
        source=SOURCE,
        subject=row.id,
        time=at,
        revision=row.revision,
        data=_packed(body),
    )


def delivery_requested(id: str, subscription_id: str, delivery_id: str, at: datetime) -> Message:
    """A test message (`delivery_id` is ""), or a delivery once more."""
    body = DeliveryRequested(id=id, at_us=to_us(at), subscription_id=subscription_id, delivery_id=delivery_id)
    return Message(
        id=id,
        type=DELIVERY_REQUESTED,
        source=SOURCE,
        subject=subscription_id,
        time=at,
        revision=0,
        data=_packed(body),
    )


def _packed(body: Body) -> bytes:
    return body.SerializeToString()
