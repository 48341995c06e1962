"""What callers wrote → what others are told of it. Pure."""

from datetime import datetime
from uuid import uuid4

from google.protobuf.message import Message as Body

from bet_intel.api.domain.pricing import PricingSettings
from bet_intel.api.wire import SOURCE
from bet_intel.events.v1.pricing_settings_changed_pb2 import (
    BookmakerPricing,
    CategoryBounds,
    PricingSettingsChanged,
)
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import to_us

PRICING_SETTINGS_CHANGED = "pricing.settings.changed.v1"


def pricing_settings_changed(profile: str, revision: int, settings: PricingSettings, at: datetime) -> Message:
    body = PricingSettingsChanged(
        profile=profile,
        revision=revision,
        at_us=to_us(at),
        method=settings.method,
        bookmakers=[
            BookmakerPricing(
                key=key, weight=one.weight, commission=one.commission, sharp=one.sharp, exchange=one.exchange
            )
            for key, one in sorted(settings.bookmakers.items())
        ],
        bounds=[
            CategoryBounds(
                category=category,
                stale_seconds=one.stale_seconds,
                divergence=one.divergence,
                plausible_ev=one.plausible_ev,
            )
            for category, one in sorted(settings.bounds.items())
        ],
        behind_newest_seconds=settings.behind_newest_seconds,
        min_references=settings.min_references,
        dispersion=settings.dispersion,
        lowest_probability=settings.lowest_probability,
        highest_probability=settings.highest_probability,
        take_ev=settings.take_ev,
        reopen_seconds=settings.reopen_seconds,
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


def _packed(body: Body) -> bytes:
    return body.SerializeToString()
