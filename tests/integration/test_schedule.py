"""A provider that is asked league by league, on a real PostgreSQL and bus, in time that passes when it is slept."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bet_intel.events.v1 import demand_observed_pb2, refresh_requested_pb2
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
from fixtures.scheduling import BASEBALL, HOCKEY, LEAGUES, NOON, Feed, feed, hours, scheduled
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

ONE = "0b9f6c1e-6a57-4a52-8d3e-6f2f3f1f5a10"


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


def requested(**wanted: list[str]) -> Message:
    body = refresh_requested_pb2.RefreshRequested(id=ONE, at_us=to_us(NOON), **wanted)
    return Message(ONE, "refresh.requested.v1", "api", ONE, NOON, 0, body.SerializeToString())


async def test_a_refresh_asks_for_what_was_named_and_tells_what_it_cost(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(day=70)) as run:
        await run.until(hours(0.01))
        await run.bus.publish(requested(leagues=[HOCKEY]))
        await run.until(hours(0.02))
        await until(lambda: len(run.answered()) == 1)
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY, HOCKEY]
    (status,) = run.answered()
    assert (status.refresh_id, status.error_kind, status.credits) == (ONE, "", 2)
    assert (status.credit_state.spent_day, status.credit_state.left_day) == (6, 64)


@pytest.mark.parametrize(
    ("day", "wanted", "failure", "kind"),
    [
        (5, {"leagues": [BASEBALL, HOCKEY]}, None, "quota"),
        (50, {"leagues": ["tennis_atp"]}, None, "validation"),
        (50, {"sports": ["baseball"]}, TransientProviderError("status 503"), "transient"),
    ],
)
async def test_a_refresh_that_is_not_possible_says_why(
    dsn: str, day: int, wanted: dict[str, list[str]], failure: ProviderError | None, kind: str
) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(day=day)) as run:
        await run.until(hours(0.01))
        given.failures[BASEBALL] = [failure] if failure else []
        await run.bus.publish(requested(**wanted))
        await run.until(hours(0.02))
        await until(lambda: len(run.answered()) == 1)
    assert run.answered()[0].error_kind == kind
    assert run.answered()[0].message


async def test_a_refresh_of_several_leagues_goes_on_after_one_that_is_refused(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.01))
        given.failures[BASEBALL] = [RefusedRequestError("no such market")]
        await run.bus.publish(requested(leagues=[BASEBALL, HOCKEY]))
        await run.until(hours(0.02))
        await until(lambda: len(run.answered()) == 1)
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY, BASEBALL, HOCKEY]
    (status,) = run.answered()
    assert (status.error_kind, status.message, status.credits) == ("validation", "no such market", 2)


async def test_a_refresh_while_nobody_is_there_says_so_and_not_that_there_is_no_such_league(dsn: str) -> None:
    given = feed()
    given.failures[LEAGUES] = [TransientProviderError("nobody there")] * 9
    async with scheduled(dsn, given, given) as run:
        await run.until(NOON + timedelta(seconds=4))
        assert not run.answered()
        await run.bus.publish(requested(leagues=[HOCKEY]))
        await run.until(NOON + timedelta(seconds=6))
        await until(lambda: len(run.answered()) == 1)
    assert (run.answered()[0].error_kind, run.answered()[0].message) == ("transient", "nobody there")


async def test_a_refresh_that_another_process_has_heard_of_is_answered(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as leads, scheduled(dsn, given, given) as follows:
        await leads.until(hours(0.01))
        await follows.bus.publish(requested(leagues=[HOCKEY]))
        await until(follows.refreshes.arrived.is_set)
        await leads.until(hours(0.05))
        await until(lambda: len(leads.answered()) == 1)


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
