"""A provider that is asked league by league, on a real PostgreSQL and bus, in time that passes when it is slept."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bet_intel.events.v1 import demand_observed_pb2
from bet_intel.odds_ingest.domain.budget import Budget, Usage
from bet_intel.odds_ingest.poll_store import TargetId, polled
from bet_intel.odds_ingest.providers.pollable import PollableProvider
from bet_intel.odds_ingest.providers.port import (
    AuthError,
    NotMadeError,
    NotTakenError,
    ProviderError,
    QuotaError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.providers.the_odds_api.pollable import PollableOddsApi
from bet_intel.shared.messaging import Message
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import to_us
from fixtures.answers import PROVIDER
from fixtures.fake_odds_api import BASKETBALL, SOCCER, TWO_RESPONSES, fake_odds_api, write
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import BASEBALL, HOCKEY, NOON, Feed, feed, hours, requested, scheduled
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


async def test_near_events_are_looked_at_often_and_far_ones_rarely(dsn: str) -> None:
    given = feed(price=0)
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(4.5))
    counted = Counter(league for league, _ in given.asked)
    assert counted[BASEBALL] > 4 * counted[HOCKEY] > 0
    before_start = [at for at in given.times(BASEBALL) if at < hours(4)]
    gaps = [later - sooner for sooner, later in pairwise(before_start)]
    assert gaps[-1] < gaps[0] / 3
    # A minute, four times as long because nobody asks, twice as long because no price moves.
    assert gaps[-1] == timedelta(minutes=8)


async def test_the_budget_of_the_day_is_kept_and_told(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(month=400, day=9)) as run:
        await run.until(hours(11.9))
        state = await run.quota.state()
        assert given.charged == state.spent_day == 8
        last = run.statuses[-1].credit_state
        assert (last.spent_day, last.left_day, last.left_month, last.provider_remaining) == (8, 1, 392, 492)
        await run.until(hours(20))
        assert 8 < given.charged <= 17
    assert Counter(league for league, at in given.asked if at < hours(12))[BASEBALL] >= 3


async def test_a_restart_asks_for_nothing_that_was_just_asked_for(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.01))
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.05))
    assert len(given.asked) == 2


async def test_what_somebody_looks_at_is_asked_for_more_often(dsn: str) -> None:
    given = Feed(NOON, {BASEBALL: [hours(30)], HOCKEY: [hours(30)]}, price=0)
    body = demand_observed_pb2.DemandObserved(at_us=to_us(NOON + timedelta(days=1)), sports=["icehockey"])
    async with scheduled(dsn, given, given) as run:
        # Somebody keeps looking at hockey: here, in one message from the end of it.
        await run.bus.publish(Message("1", "demand.observed.v1", "api", "g", NOON, 0, body.SerializeToString()))
        await run.until(hours(12))
    counted = Counter(league for league, _ in given.asked)
    assert counted[HOCKEY] > 2.5 * counted[BASEBALL]


async def test_lost_answers_cost_no_more_than_the_plan_may_today(dsn: str) -> None:
    given = feed()
    given.failures = {BASEBALL: [TransientProviderError("half a body")] * 500}
    given.starts.pop(HOCKEY)
    body = demand_observed_pb2.DemandObserved(at_us=to_us(NOON + timedelta(days=1)), everything=True)
    async with scheduled(dsn, given, given, Budget(month=150)) as run:
        await run.bus.publish(Message("1", "demand.observed.v1", "api", "g", NOON, 0, body.SerializeToString()))
        await run.until(hours(4))
        state = await run.quota.state()
    # 150 credits over fifteen days; whether any was charged nobody knows.
    assert state.left.month is not None
    assert 140 <= state.left.month < 150


@pytest.mark.parametrize("table", ["quota_reservation", "event"])
@pytest.mark.parametrize("by_tasks", [False, True])
async def test_an_answer_that_cannot_be_stored_is_kept_until_the_database_is_back(
    dsn: str, table: str, *, by_tasks: bool
) -> None:
    """The server shuts down when the answer is settled (deletes its reservation), or when it is stored."""
    given = Feed(NOON, {BASEBALL: [hours(4)]})
    async with Database.open(dsn, name="tests") as database, scheduled(dsn, given, given, by_tasks=by_tasks) as run:
        async with database.transaction() as connection:
            await connection.execute("""
                create function shut_down() returns trigger language plpgsql as
                $$ begin raise exception 'terminating connection due to administrator command' using errcode = '57P01';
                end $$
                """)
            what = "delete on quota_reservation for each row when (old.credits > 0)"
            what = what if table == "quota_reservation" else "insert on event for each row"
            await connection.execute(f"create trigger shut_down before {what} execute function shut_down()")
        await run.until(NOON + timedelta(seconds=20))
        await until(lambda: bool(given.asked))
        async with database.transaction() as connection:
            await connection.execute("drop function shut_down cascade")
        await run.until(NOON + timedelta(seconds=50))
        await until(lambda: any(status.prices for status in run.statuses))
        state = await run.quota.state()
        async with database.snapshot() as connection:
            as_of = await connection.fetchval("select as_of from event")
    assert len(given.asked) == 1
    assert (as_of, state.spent_day, state.left.provider) == (NOON, 2, 498)


async def test_a_wrong_key_ends_the_asking(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = [AuthError("wrong key")]
    async with scheduled(dsn, given, given, Budget(day=10)) as run:
        await run.until(hours(1))
        assert isinstance(run.poller.failure, AuthError)
        assert run.poller.ended.is_set()
        # It cost nothing.
        assert (await run.quota.state()).left.day == 10
    assert len(given.asked) == 1


async def test_prices_grow_old_after_a_key_has_died(dsn: str) -> None:
    given = feed()
    given.failures[HOCKEY] = [AuthError("wrong key")]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(1))
        assert run.poller.ended.is_set()
        run.end, run.reached = hours(2), asyncio.Event()
        async with running(run.poller.pass_time()):
            await run.reached.wait()
    async with Database.open(dsn, name="tests") as database, database.snapshot() as connection:
        as_of = await connection.fetchval("select min(as_of) from event")
    assert hours(1.9) < as_of <= hours(2)


async def test_a_call_that_is_refused_as_wrong_is_not_made_again(dsn: str) -> None:
    given = feed(price=0)
    given.failures[BASEBALL] = [RefusedRequestError("no such market")]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(30))
    assert len(given.times(BASEBALL)) == 1
    assert len(given.times(HOCKEY)) > 1


async def test_a_lost_answer_keeps_its_credits_and_is_not_asked_for_at_once(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = [TransientProviderError("half a body")]
    async with scheduled(dsn, given, given, Budget(day=100)) as run:
        await run.until(hours(0.05))
        state = await run.quota.state()
        assert (state.spent_day, state.left.day) == (2, 96)
        assert run.statuses[0].error_kind == "transient"
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]


@pytest.mark.parametrize("failure", [NotTakenError("status 503"), NotMadeError("the breaker is open")])
async def test_a_call_that_cannot_have_cost_anything_keeps_no_credits(dsn: str, failure: ProviderError) -> None:
    given = feed()
    given.failures = {BASEBALL: [failure] * 50, HOCKEY: [failure] * 50}
    async with scheduled(dsn, given, given, Budget(day=100)) as run:
        await run.until(hours(11))
        assert len(given.asked) > 5
        assert (await run.quota.state()).left.day == 100


async def test_spent_credits_pause_the_asking_until_the_provider_has_some_again(dsn: str) -> None:
    given = feed()
    given.failures[HOCKEY] = [QuotaError("spent", retry_after=600.0)]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.45))
        assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]
        assert run.statuses[-1].error_kind == "quota"
        assert (await run.quota.state()).left.provider == 0
        # The next look at the fixtures is free, and tells of what was bought meanwhile.
        await run.until(hours(3))
        assert len(given.asked) > 2
        assert run.statuses[-1].error_kind == ""


async def test_a_new_month_is_planned_with_what_the_provider_gives_for_it(dsn: str) -> None:
    eve = datetime(2026, 4, 30, 23, 50, tzinfo=UTC)
    given = Feed(eve, {BASEBALL: [eve + timedelta(minutes=40)], HOCKEY: [eve + timedelta(minutes=50)]}, 2, 60)
    body = demand_observed_pb2.DemandObserved(at_us=to_us(eve + timedelta(hours=1)), everything=True)
    async with scheduled(dsn, given, given) as run:
        await run.bus.publish(Message("1", "demand.observed.v1", "api", "g", eve, 0, body.SerializeToString()))
        await run.until(eve + timedelta(minutes=9.9))
        before = given.charged
        given.plan = before + 60
        await run.until(eve + timedelta(minutes=60))
    # 60 credits over the 31 days of May are 2 on the first.
    assert given.charged - before <= 2


async def test_two_workers_never_ask_for_the_same_twice(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as one, scheduled(dsn, given, given) as other:
        await asyncio.gather(one.until(hours(0.02)), other.until(hours(0.02)))
    assert sorted(league for league, _ in given.asked) == [BASEBALL, HOCKEY]
    async with Database.open(dsn, name="tests") as database, database.snapshot() as connection:
        assert set(await polled(connection, PROVIDER)) == {TargetId(BASEBALL), TargetId(HOCKEY)}


async def test_the_odds_api_over_http_is_asked_league_by_league(dsn: str, tmp_path: Path) -> None:
    async with fake_odds_api([write(tmp_path / "tape.jsonl.gz", *TWO_RESPONSES)]) as stand:
        provider = PollableOddsApi(stand.settings(), lambda: NOON, stand.ticker)
        stand.opened.append(provider)
        assert isinstance(provider, PollableProvider)
        told = await provider.leagues()
        assert {(league.key, league.sport) for league in told.value} == {(SOCCER, "soccer"), (BASKETBALL, "basketball")}
        assert told.usage == Usage(0, 500, 0)
        assert len((await provider.events(SOCCER)).value) == 2
        answer = await provider.odds(SOCCER)
        assert answer.usage == Usage(provider.cost(SOCCER), 494, 6)
        assert {each.event.league for each in answer.value.events} == {SOCCER}
        # The recording is of January: its clock is what is polled by.
        clock = Feed(answer.value.as_of - timedelta(hours=1), {})
        async with scheduled(dsn, provider, clock, Budget(month=100)) as run:
            await run.bus.publish(requested())
            await run.until(clock.now + timedelta(minutes=1))
            await until(lambda: len(run.answered()) == 1)
            state = await run.quota.state()
        assert run.answered()[0].error_kind == ""
        assert (state.spent_month, state.report and state.report.remaining) == (12, 482)


async def test_spent_credits_of_the_odds_api_are_looked_at_again_within_the_hour(dsn: str, tmp_path: Path) -> None:
    async with fake_odds_api([write(tmp_path / "tape.jsonl.gz", *TWO_RESPONSES)]) as stand:
        begin = datetime(2026, 1, 31, 12, tzinfo=UTC)
        clock = Feed(begin, {})
        provider = PollableOddsApi(stand.settings(), lambda: clock.now, lambda: (clock.now - begin).total_seconds())
        stand.opened.append(provider)
        await provider.leagues()
        stand.faults.add("spent:1")
        async with scheduled(dsn, provider, clock) as run:
            await run.until(begin + timedelta(minutes=59))
            assert run.statuses[-1].error_kind == "quota"
            # The plan was changed meanwhile; the month would end in twelve hours only.
            await run.until(begin + timedelta(minutes=70))
            await until(lambda: run.statuses[-1].error_kind == "")
            assert (await run.quota.state()).left.provider == 500 - (await run.quota.state()).spent_month
