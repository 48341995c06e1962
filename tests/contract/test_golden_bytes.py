"""The bytes of each event, pinned: a message that yesterday's program stored must mean the same to today's.

`BET_INTEL_REGENERATE_GOLDEN=1 pytest tests/contract/test_golden_bytes.py` writes the files anew. Do that only
for fields added to the contract: where the old bytes change, what is under way between two versions breaks.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.message import Message

from bet_intel.events.v1 import (
    closing_line_fixed_pb2,
    common_pb2,
    delivery_requested_pb2,
    delivery_updated_pb2,
    demand_observed_pb2,
    odds_changed_pb2,
    opportunities_updated_pb2,
    pricing_settings_changed_pb2,
    provider_status_pb2,
    refresh_requested_pb2,
    resync_requested_pb2,
    service_heartbeat_pb2,
    subscription_changed_pb2,
)
from bet_intel.shared.columns import Strings, fill, read

GOLDEN = Path(__file__).with_name("golden")
REGENERATE = os.environ.get("BET_INTEL_REGENERATE_GOLDEN") == "1"
NAN = math.nan
AS_OF_US = 1_777_744_800_000_000  # 2026-05-02T18:00:00Z
SUBSCRIPTION = "7c1d7a3e-51c8-4f5e-9c53-0d5b6e1f2a34"


def sporting_event() -> common_pb2.SportingEvent:
    return common_pb2.SportingEvent(
        id="simulator:1",
        provider="simulator",
        sport="baseball",
        league="baseball_mlb",
        league_title="MLB",
        commence_time_us=AS_OF_US + 3_900_000_000,
        home="Harbour City",
        away="Riverside",
    )


def odds_changed() -> Message:
    """A total of 8.5 that moved, a moneyline whose prices were confirmed."""
    strings = Strings()
    body = odds_changed_pb2.OddsChanged(event=sporting_event(), as_of_us=AS_OF_US, revision=AS_OF_US + 7)
    fill(
        body.bookmakers,
        key_s=strings.rows(["pinnacle", "betfair_ex_uk"]),
        title_s=strings.rows(["Pinnacle", "Betfair"]),
    )
    fill(
        body.markets,
        market_s=strings.rows(["totals", "h2h"]),
        period_s=strings.rows(["full", "full"]),
        line=[8.5, NAN],
        subject_s=strings.rows(["", ""]),
        status=[1, 2],
        revision=[AS_OF_US + 7, AS_OF_US + 3],
    )
    fill(
        body.books,
        market=[0, 0, 1],
        bookmaker=[0, 1, 0],
        last_update_us=[AS_OF_US - 38_000_000, AS_OF_US - 94_000_000, AS_OF_US],
    )
    fill(
        body.quotes,
        market=[0, 0, 0],
        bookmaker=[0, 0, 1],
        outcome_s=strings.rows(["Over", "Under", "Over"]),
        side=[0, 0, 1],
        price=[1.9091, 1.9524, 2.02],
        limit=[5000.0, NAN, 12.5],
    )
    body.strings.extend(strings.table())
    return body


def opportunities_updated() -> Message:
    """One open opportunity with its working, one that closed."""
    strings = Strings()
    body = opportunities_updated_pb2.OpportunitiesUpdated(
        event=sporting_event(),
        as_of_us=AS_OF_US,
        revision=AS_OF_US + 11,
        odds_revision=AS_OF_US + 7,
        pricing_revision=2,
    )
    fill(
        body.bookmakers,
        key_s=strings.rows(["draftkings", "pinnacle"]),
        title_s=strings.rows(["DraftKings", "Pinnacle"]),
    )
    fill(
        body.markets,
        market_s=strings.rows(["h2h", "spreads"]),
        period_s=strings.rows(["full", "h1"]),
        line=[NAN, -1.5],
        subject_s=strings.rows(["", ""]),
        profile_s=strings.rows(["consensus", "consensus"]),
        method_s=strings.rows(["power", "power"]),
        category_s=strings.rows(["main", "main"]),
        reason_s=strings.rows(["", "incomplete_market"]),
        dispersion=[0.0213, NAN],
        books_used=[2, 0],
    )
    fill(
        body.outcomes,
        market=[0, 0],
        outcome_s=strings.rows(["Harbour City", "Riverside"]),
        consensus=[0.4301, 0.5699],
        band_low=[0.4287, 0.5681],
        band_high=[0.4319, 0.5713],
    )
    fill(
        body.references,
        market=[0, 0],
        bookmaker=[0, 1],
        last_update_us=[AS_OF_US - 38_000_000, AS_OF_US - 12_000_000],
        weight=[0.0, 1.0],
        overround=[0.0471, 0.0218],
        left_out_s=strings.rows(["reference_stale", ""]),
    )
    fill(
        body.prices,
        outcome=[0, 1, 0],
        bookmaker=[0, 0, 1],
        back=[2.45, 1.62, 2.28],
        lay=[NAN, NAN, 2.34],
        devigged=[0.3972, 0.6028, NAN],
    )
    fill(
        body.opportunities,
        id_s=[strings.row("5f0c3d1a9be24471")],
        kind_s=[strings.row("ev")],
        outcome=[0],
        bookmaker=[0],
        side=[0],
        price=[2.45],
        net_price=[2.45],
        limit=[NAN],
        fair=[0.4294],
        band_low=[0.4281],
        band_high=[0.4312],
        ev=[0.05203],
        ev_worst=[0.048845],
        class_s=[strings.row("take")],
        dispersion=[0.0198],
        opened_us=[AS_OF_US - 300_000_000],
        first_seen_us=[AS_OF_US - 900_000_000],
        last_seen_us=[AS_OF_US],
        opening=[2],
        peak_ev=[0.0611],
        peak_us=[AS_OF_US - 120_000_000],
    )
    fill(body.terms, opportunity=[0], push=[NAN], per_s=[strings.row("standing_stake")], stake=[0.0125])
    fill(body.leave_one_out, opportunity=[0, 0], bookmaker=[0, 1], weight=[0.0, 1.0], outlier=[1, 0])
    fill(
        body.gates,
        opportunity=[0, 0],
        gate_s=strings.rows(["stale", "dispersion"]),
        passed=[1, 1],
        value=[38.0, 0.0198],
        bound=[600.0, 0.2],
    )
    fill(body.closed, id_s=[strings.row("0a77c2e6d5b84f19")], reason_s=[strings.row("price_gone")])
    _fill_what_was_added(body, strings)
    body.strings.extend(strings.table())
    return body


def _fill_what_was_added(body: opportunities_updated_pb2.OpportunitiesUpdated, strings: Strings) -> None:
    """A middle of two legs, a market pooled as another, a price that was refused, and two profiles."""
    fill(
        body.combinations,
        id_s=[strings.row("9d1f0be27a3c4e55")],
        kind_s=[strings.row("middle")],
        market=[0],
        cost=[1.0103],
        ev=[0.0134],
        class_s=[strings.row("marginal")],
        window_low=[8.5],
        window_high=[9.5],
        window_probability=[0.0871],
        opened_us=[AS_OF_US - 60_000_000],
        first_seen_us=[AS_OF_US - 600_000_000],
        last_seen_us=[AS_OF_US],
        opening=[3],
        peak_ev=[0.0202],
        peak_us=[AS_OF_US - 30_000_000],
    )
    fill(
        body.legs,
        combination=[0, 0],
        outcome=[0, 1],
        bookmaker=[0, 1],
        side=[0, 1],
        price=[1.98, 1.97],
        net_price=[1.98, 2.0103],
        limit=[250.0, NAN],
        share=[0.5038, 0.4962],
        fair=[0.5103, NAN],
    )
    fill(body.same_pools, market=[1], pooled_as=[0])
    fill(body.judged, price=[0, 2], fair=[0.4294, 0.4310])
    fill(
        body.refusals,
        outcome=[1],
        bookmaker=[0],
        gate_s=[strings.row("price_fresh")],
        reason_s=[strings.row("price_stale")],
        value=[812.0],
        bound=[600.0],
    )
    fill(
        body.refused_lays,
        outcome=[0],
        bookmaker=[1],
        gate_s=[strings.row("dispersion")],
        reason_s=[strings.row("bookmakers_disagree")],
        value=[0.31],
        bound=[0.2],
    )
    fill(body.pooling, winning=[1, 1], worst_end=[0, 1])
    fill(body.reference_weights, weight=[4.0, 0.0], mid=[0, 1])
    fill(body.estimates, outcome=[1], bookmaker=[0], low=[0.41], high=[0.44], half_points=[2.0])
    fill(body.estimate_lines, estimate=[0], market=[0], part=[1.0])
    fill(body.refusal_gates, refusal=[0], gate_s=[strings.row("not_started")], value=[3900.0], bound=[0.0])
    fill(body.refused_lay_gates, refusal=[0], gate_s=[strings.row("market_open")], value=[1.0], bound=[1.0])
    fill(body.certainties, opportunity=[0], confidence=[0.94], half_points=[NAN])
    fill(body.profiles, profile_s=strings.rows(["consensus", "sharp"]), revision=[AS_OF_US + 5, 0])
    fill(body.commissions, profile_s=[strings.row("sharp")], bookmaker=[1], commission=[0.02])


def provider_status() -> Message:
    """A poll that was refused, as the answer to a refresh."""
    strings = Strings()
    body = provider_status_pb2.ProviderStatus(
        provider="the-odds-api",
        at_us=AS_OF_US + 1_000_000,
        as_of_us=AS_OF_US,
        state=provider_status_pb2.PROVIDER_STATE_FAILING,
        error_kind="rate",
        message="asked too often, waiting 2 s",
        position=17,
        total=432,
        events=15,
        prices=1042,
        rejections=3,
        refresh_id="0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10",
        credits=6,
        polled_at_us=AS_OF_US + 900_000,
        due_at_us=AS_OF_US + 61_000_000,
        credit_state=provider_status_pb2.CreditState(
            spent_day=12, spent_month=130, left_day=0, left_month=370, provider_remaining=369, provider_used=131
        ),
    )
    fill(
        body.bookmaker_ages,
        key_s=strings.rows(["draftkings", "pinnacle"]),
        title_s=strings.rows(["DraftKings", "Pinnacle"]),
        age=[212.0, 9.5],
        norm=[38.0, 11.25],
    )
    body.strings.extend(strings.table())
    return body


def demand_observed() -> Message:
    return demand_observed_pb2.DemandObserved(
        at_us=AS_OF_US, window_seconds=30.0, everything=True, sports=["tennis"], leagues=["baseball_mlb"]
    )


def refresh_requested() -> Message:
    return refresh_requested_pb2.RefreshRequested(
        id="0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10", at_us=AS_OF_US, sports=["tennis"], leagues=["baseball_mlb"]
    )


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


def closing_line_fixed() -> Message:
    """A moneyline at the start, and a total that has no fair price."""
    strings = Strings()
    body = closing_line_fixed_pb2.ClosingLineFixed(
        event=sporting_event(), as_of_us=AS_OF_US, revision=AS_OF_US + 17, voided=True, pricing_revision=2
    )
    fill(
        body.bookmakers,
        key_s=strings.rows(["draftkings", "betfair_ex_uk"]),
        title_s=strings.rows(["DraftKings", "Betfair"]),
    )
    fill(
        body.markets,
        market_s=strings.rows(["h2h", "totals"]),
        period_s=strings.rows(["full", "h1"]),
        line=[NAN, 8.5],
        subject_s=strings.rows(["", ""]),
        profile_s=strings.rows(["consensus", "consensus"]),
        method_s=strings.rows(["power", "power"]),
        category_s=strings.rows(["main", "alternate"]),
        reason_s=strings.rows(["", "reference_stale"]),
        as_of_us=[AS_OF_US - 60_000_000, AS_OF_US - 3_600_000_000],
        books_used=[2, 0],
    )
    fill(
        body.outcomes,
        market=[0, 0, 1],
        outcome_s=strings.rows(["Harbour City", "Riverside", "Over"]),
        consensus=[0.4301, 0.5699, NAN],
        band_low=[0.4287, 0.5681, NAN],
        band_high=[0.4319, 0.5713, NAN],
    )
    fill(body.prices, outcome=[0, 1, 2], bookmaker=[0, 1, 0], back=[2.28, 1.75, 1.9], lay=[NAN, 1.77, NAN])
    body.strings.extend(strings.table())
    return body


def resync_requested() -> Message:
    return resync_requested_pb2.ResyncRequested(
        service="notifier",
        at_us=AS_OF_US,
        kinds=[resync_requested_pb2.RESYNC_KIND_OPPORTUNITIES, resync_requested_pb2.RESYNC_KIND_SUBSCRIPTIONS],
    )


EVENTS: dict[str, Callable[[], Message]] = {
    "closing.line.fixed.v1": closing_line_fixed,
    "delivery.requested.v1": delivery_requested,
    "delivery.updated.v1": delivery_updated,
    "demand.observed.v1": demand_observed,
    "odds.changed.v1": odds_changed,
    "opportunities.updated.v1": opportunities_updated,
    "pricing.settings.changed.v1": pricing_settings_changed,
    "provider.status.v1": provider_status,
    "refresh.requested.v1": refresh_requested,
    "resync.requested.v1": resync_requested,
    "service.heartbeat.v1": service_heartbeat,
    "subscription.changed.v1": subscription_changed,
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
    modules = (
        closing_line_fixed_pb2,
        delivery_requested_pb2,
        delivery_updated_pb2,
        demand_observed_pb2,
        odds_changed_pb2,
        opportunities_updated_pb2,
        pricing_settings_changed_pb2,
        provider_status_pb2,
        refresh_requested_pb2,
        resync_requested_pb2,
        service_heartbeat_pb2,
        subscription_changed_pb2,
    )
    # Parts of events: neither columns nor a message of their own.
    names = ("BookmakerPricing", "CategoryBounds", "CreditState", "LineSlope", "PricingOverride", "Webhook")
    parts = {f"bet_intel.events.v1.{name}" for name in names}
    events = {
        message.full_name
        for module in modules
        for message in module.DESCRIPTOR.message_types_by_name.values()
        if not message.name.endswith("Columns")
    } - parts
    assert {make().DESCRIPTOR.full_name for make in EVENTS.values()} == events
    assert {file.stem for file in GOLDEN.iterdir()} == set(EVENTS)
