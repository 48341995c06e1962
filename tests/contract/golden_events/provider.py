"""The golden events of a provider: how its polls go, and what it is asked for."""

from google.protobuf.message import Message

from bet_intel.events.v1 import demand_observed_pb2, provider_status_pb2, refresh_requested_pb2
from bet_intel.shared.columns import Strings, fill
from contract.golden_events.values import AS_OF_US


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
