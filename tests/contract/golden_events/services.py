"""The golden events of the services themselves: how they do, how they price, what they ask to be told again."""

from google.protobuf.message import Message

from bet_intel.events.v1 import pricing_settings_changed_pb2, resync_requested_pb2, service_heartbeat_pb2
from contract.golden_events.values import AS_OF_US


def service_heartbeat() -> Message:
    return service_heartbeat_pb2.ServiceHeartbeat(
        service="ev-engine",
        version="0.1.0",
        at_us=AS_OF_US,
        outbox_depth=12,
        outbox_age_seconds=0.75,
        dead_letters=1,
    )


def pricing_settings_changed() -> Message:
    return pricing_settings_changed_pb2.PricingSettingsChanged(
        profile="consensus",
        revision=AS_OF_US + 5,
        at_us=AS_OF_US,
        method="shin",
        bookmakers=[
            pricing_settings_changed_pb2.BookmakerPricing(
                key="betfair_ex_*", weight=2.0, commission=0.05, sharp=True, exchange=True
            )
        ],
        bookmaker_settings=[pricing_settings_changed_pb2.BookmakerSettings(key="circa", weight=3.0, stake_step="0.50")],
        overrides=[pricing_settings_changed_pb2.PricingOverride(market="h2h", stake_steps={"circa": "5"})],
        bounds=[
            pricing_settings_changed_pb2.CategoryBounds(
                category="prop", stale_seconds=120.0, divergence=0.1, plausible_ev=0.2
            )
        ],
        behind_newest_seconds=300.0,
        min_references=3,
        dispersion=0.2,
        lowest_probability=0.02,
        highest_probability=0.98,
        take_ev=0.045,
        reopen_seconds=0.0,
        low_hold=0.015,
        middle_cost=0.04,
        stake="500",
        stake_step="0.50",
        sharp_references=True,
        worst_case=False,
    )


def resync_requested() -> Message:
    return resync_requested_pb2.ResyncRequested(
        service="notifier",
        at_us=AS_OF_US,
        kinds=[resync_requested_pb2.RESYNC_KIND_OPPORTUNITIES, resync_requested_pb2.RESYNC_KIND_SUBSCRIPTIONS],
    )
