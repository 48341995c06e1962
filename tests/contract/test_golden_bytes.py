"""The bytes of each event, pinned: a message that yesterday's program stored must mean the same to today's.

`BET_INTEL_REGENERATE_GOLDEN=1 pytest tests/contract/test_golden_bytes.py` writes the files anew. Do that only
for fields added to the contract: where the old bytes change, what is under way between two versions breaks.
"""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from google.protobuf.message import Message

from bet_intel.events import v1
from bet_intel.shared.columns import read
from contract.golden_events import odds, opportunities, provider, services, subscriptions

GOLDEN = Path(__file__).with_name("golden")
REGENERATE = os.environ.get("BET_INTEL_REGENERATE_GOLDEN") == "1"

EVENTS: dict[str, Callable[[], Message]] = {
    "closing.line.fixed.v1": odds.closing_line_fixed,
    "delivery.requested.v1": subscriptions.delivery_requested,
    "delivery.updated.v1": subscriptions.delivery_updated,
    "demand.observed.v1": provider.demand_observed,
    "odds.changed.v1": odds.odds_changed,
    "opportunities.updated.v1": opportunities.opportunities_updated,
    "pricing.settings.changed.v1": services.pricing_settings_changed,
    "provider.status.v1": provider.provider_status,
    "refresh.requested.v1": provider.refresh_requested,
    "resync.requested.v1": services.resync_requested,
    "service.heartbeat.v1": services.service_heartbeat,
    "subscription.changed.v1": subscriptions.subscription_changed,
}


def packed(body: Message) -> bytes:
    return body.SerializeToString(deterministic=True)


def lines(data: bytes) -> str:
    """Hexadecimal, 32 bytes a line."""
    return "".join(data[start : start + 32].hex() + "\n" for start in range(0, len(data), 32))


@pytest.mark.parametrize("name", EVENTS)
def test_the_bytes_are_those_that_were_agreed(name: str) -> None:
    file = GOLDEN / f"{name}.hex"
    if REGENERATE:
        file.write_text(lines(packed(EVENTS[name]())))
    assert file.read_text() == lines(packed(EVENTS[name]()))


@pytest.mark.parametrize("name", EVENTS)
def test_the_agreed_bytes_are_read_as_they_were_meant(name: str) -> None:
    meant = EVENTS[name]()
    stored = type(meant).FromString(bytes.fromhex((GOLDEN / f"{name}.hex").read_text()))
    assert stored == meant
    for table, columns in read(stored).items():
        assert all(len(column) for column in columns.values()), f"{table} is not pinned by any row"


def test_every_event_of_the_contracts_is_pinned() -> None:
    modules = [import_module(f"{v1.__name__}.{one.name}") for one in iter_modules(v1.__path__)]
    # Parts of events: neither columns nor a message of their own.
    names = (
        "BookmakerPricing",
        "BookmakerSettings",
        "CategoryBounds",
        "CreditState",
        "LineSlope",
        "PricingOverride",
        "SportingEvent",
        "Webhook",
    )
    parts = {f"bet_intel.events.v1.{name}" for name in names}
    events = {
        message.full_name
        for module in modules
        for message in module.DESCRIPTOR.message_types_by_name.values()
        if not message.name.endswith("Columns")
    } - parts
    assert {make().DESCRIPTOR.full_name for make in EVENTS.values()} == events
    assert {file.stem for file in GOLDEN.iterdir()} == set(EVENTS)
