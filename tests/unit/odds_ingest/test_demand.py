"""What was asked for lately, and for how long it is remembered."""

from datetime import UTC, datetime, timedelta

from bet_intel.events.v1 import demand_observed_pb2
from bet_intel.odds_ingest.demand import Demand
from bet_intel.shared.messaging import Message
from bet_intel.shared.times import to_us

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def observed(at: datetime, *leagues: str, sport: str) -> Message:
    body = demand_observed_pb2.DemandObserved(at_us=to_us(at), leagues=leagues, sports=[sport])
    return Message("1", "demand.observed.v1", "api", "gateway", at, 0, body.SerializeToString())


async def test_the_newest_time_counts_whichever_way_it_was_asked_for() -> None:
    demand = Demand()
    await demand.observed([observed(AT, "soccer_epl", sport="tennis"), observed(AT - timedelta(1), sport="soccer")])
    assert demand.asked_for_at("soccer_epl", "soccer") == AT
    assert demand.asked_for_at("tennis_atp", "tennis") == AT
    assert demand.asked_for_at("baseball_mlb", "baseball") is None


async def test_names_that_nobody_has_asked_for_lately_are_forgotten() -> None:
    demand = Demand()
    for minute in range(30):
        at = AT + timedelta(minutes=minute)
        await demand.observed([observed(at, f"made_up_{minute}", sport=f"sport_{minute}")])
    assert demand.asked_for_at("made_up_29", "") == AT + timedelta(minutes=29)
    assert demand.asked_for_at("made_up_25", "") == AT + timedelta(minutes=25)
    assert demand.asked_for_at("made_up_20", "") is None
    assert demand.asked_for_at("", "sport_20") is None
