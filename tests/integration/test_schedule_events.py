"""Single events beside leagues, within one budget: props, alternate lines, periods."""

from datetime import timedelta
from itertools import pairwise

import pytest

from bet_intel.events.v1 import demand_observed_pb2
from bet_intel.odds_ingest.domain.budget import Budget
from bet_intel.odds_ingest.poll_store import TargetId, answered, claim, polled
from bet_intel.odds_ingest.providers.port import RefusedRequestError, TransientProviderError
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import to_us
from fixtures.answers import PROVIDER
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import BASEBALL, HOCKEY, NOON, Feed, hours, scheduled

pytestmark = pytest.mark.integration

SOON, LATER, FAR = f"{BASEBALL}-16T16", f"{BASEBALL}-17T08", f"{BASEBALL}-19T00"
OF_HOCKEY = f"{HOCKEY}-16T16"


def feed(plan: int = 500, event_price: int | None = 4) -> Feed:
    starts = {BASEBALL: [hours(4), hours(20), hours(60)], HOCKEY: [hours(4)]}
    return Feed(NOON, starts, price=2, plan=plan, event_price=event_price)


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


async def test_events_are_asked_for_near_their_start_the_nearer_the_more_often_and_never_after_it(dsn: str) -> None:
    given = feed(plan=1_000_000)
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(5))
    near, next_day = given.times(SOON), given.times(LATER)
    assert len(near) > len(next_day) > 1
    assert max(near) < hours(4)
    between = [later - earlier for earlier, later in pairwise(near)]
    assert between[-1] < between[1]
    assert given.times(FAR) == []
    assert len(given.times(BASEBALL)) > 1


async def test_nothing_is_asked_of_single_events_where_no_market_of_theirs_is_wanted(dsn: str) -> None:
    given = feed(event_price=None)
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(4))
    assert {target for target, _ in given.asked} == {BASEBALL, HOCKEY}


@pytest.mark.parametrize("most", [0, 3, 9, 40])
async def test_leagues_and_events_together_never_cost_more_than_the_day_has(dsn: str, most: int) -> None:
    given = feed(plan=1_000_000)
    async with scheduled(dsn, given, given, Budget(day=most)) as run:
        await run.until(hours(5))
        assert given.charged <= most
        assert (await run.quota.state()).spent_day == given.charged
    assert bool(given.asked) == (most >= 3)


async def test_the_worst_case_of_an_event_is_reserved_although_less_is_charged(dsn: str) -> None:
    given = feed(event_price=10)
    async with scheduled(dsn, given, given, Budget(day=9)) as run:
        await run.until(hours(4))
    assert given.times(SOON) == []
    assert given.times(BASEBALL) != []


async def test_events_of_a_league_that_somebody_looks_at_are_asked_for_more_often(dsn: str) -> None:
    given = feed(plan=1_000_000)
    async with scheduled(dsn, given, given) as run:
        wanted = demand_observed_pb2.DemandObserved(at_us=to_us(hours(3)), leagues=[HOCKEY])
        message = Message("1", "demand.observed.v1", "api", "demand", NOON, 1, wanted.SerializeToString())
        await run.bus.publish(message)
        await run.until(hours(3))
    assert len(given.times(OF_HOCKEY)) > 2 * len(given.times(SOON))


async def test_a_market_that_the_provider_refuses_ends_the_events_of_its_league_alone(dsn: str) -> None:
    given = feed(plan=1_000_000)
    given.failures = {SOON: [RefusedRequestError("no such market")]}
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(4))
    assert len(given.times(SOON)) == 1
    assert given.times(LATER) == []
    assert len(given.times(OF_HOCKEY)) > 1
    assert len(given.times(BASEBALL)) > 1


async def test_an_event_whose_call_fails_is_asked_for_again(dsn: str) -> None:
    given = feed(plan=1_000_000)
    given.failures = {SOON: [TransientProviderError("away")]}
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(2))
    assert len(given.times(SOON)) > 1


async def test_events_that_are_long_over_are_forgotten(dsn: str) -> None:
    old, new = TargetId(BASEBALL, SOON), TargetId(BASEBALL, FAR)
    async with Database.open(dsn, name="tests") as database:
        for target, at in ((TargetId(BASEBALL), NOON), (old, NOON), (new, NOON + timedelta(days=8))):
            async with database.transaction() as connection:
                assert await claim(connection, PROVIDER, target, None, at)
                await answered(connection, PROVIDER, target, at, None)
        async with database.snapshot() as connection:
            assert set(await polled(connection, PROVIDER)) == {TargetId(BASEBALL), new}
