"""Refreshes of a provider that is asked league by league, on a real PostgreSQL and bus."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from bet_intel.odds_ingest.domain.budget import Budget, Usage
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.providers.pollable import Told
from bet_intel.odds_ingest.providers.port import (
    ProviderError,
    RefusedRequestError,
    TransientProviderError,
)
from bet_intel.odds_ingest.quota import Quota
from bet_intel.shared.times import to_us
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import BASEBALL, HOCKEY, LEAGUES, NOON, ONE, Feed, feed, hours, requested, scheduled
from fixtures.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


async def test_a_refresh_asks_for_what_was_named_and_tells_what_it_cost(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(day=70)) as run:
        await run.until(hours(0.02))
        await run.bus.publish(requested(leagues=[HOCKEY]))
        await run.until(hours(0.03))
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
        await run.until(hours(0.02))
        given.failures[BASEBALL] = [failure] if failure else []
        await run.bus.publish(requested(**wanted))
        await run.until(hours(0.03))
        await until(lambda: len(run.answered()) == 1)
    assert run.answered()[0].error_kind == kind
    assert run.answered()[0].message


async def test_refreshes_spend_no_more_than_the_plan_may_today(dsn: str) -> None:
    # 500 credits over the fifteen days that are left of April.
    share, given = 34, feed(price=6)
    async with scheduled(dsn, given, given) as run:
        for number in range(1, 13):
            await run.until(hours(0.03 * number))
            await run.bus.publish(requested(str(UUID(int=number))))
        await run.until(hours(0.4))
        await until(lambda: len(run.answered()) == 12)
    assert share - 6 < given.charged <= share
    last = run.answered()[-1]
    assert (last.error_kind, last.credits) == ("quota", 0)
    assert "today" in last.message


async def test_a_refresh_of_what_was_just_asked_for_is_answered_with_what_is_there(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.01))
        await run.bus.publish(requested())
        await run.until(hours(0.015))
        await until(lambda: len(run.answered()) == 1)
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]
    (status,) = run.answered()
    assert (status.error_kind, status.credits, status.as_of_us) == ("", 0, to_us(NOON))
    assert status.message == (f"asked for less than 60 s ago, answered with what is there: {BASEBALL}, {HOCKEY}")


async def test_a_refresh_of_what_has_just_failed_says_so(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = [TransientProviderError("half a body")]
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.01))
        await run.bus.publish(requested(leagues=[BASEBALL]))
        await run.until(hours(0.015))
        await until(lambda: len(run.answered()) == 1)
    assert [league for league, _ in given.asked] == [BASEBALL, HOCKEY]
    assert (run.answered()[0].error_kind, run.answered()[0].message) == ("transient", "half a body")


async def test_a_refresh_tells_what_its_own_calls_cost_and_not_what_others_spent_meanwhile(dsn: str) -> None:
    @dataclass
    class Shared(Feed):
        beside: Quota | None = None

        async def odds(self, league: str) -> Told[Answer]:
            if self.beside is not None:
                reservation = await self.beside.reserve(7)
                assert reservation is not None
                await self.beside.settle(reservation, Usage(7))
            return await super().odds(league)

    given = Shared(NOON, {HOCKEY: [hours(50)]})
    async with scheduled(dsn, given, given, Budget(day=70)) as run:
        await run.until(hours(0.02))
        given.beside = run.quota
        await run.bus.publish(requested(leagues=[HOCKEY]))
        await run.until(hours(0.03))
        await until(lambda: len(run.answered()) == 1)
        assert (await run.quota.state()).spent_day == 11
    assert run.answered()[0].credits == 2


async def test_a_refresh_of_several_leagues_goes_on_after_one_that_is_refused(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.02))
        given.failures[BASEBALL] = [RefusedRequestError("no such market")]
        await run.bus.publish(requested(leagues=[BASEBALL, HOCKEY]))
        await run.until(hours(0.03))
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
