"""What the plan says is due, asked for as tasks of `data_refresh`."""

import pytest

from bet_intel.odds_ingest.domain.budget import Budget
from bet_intel.odds_ingest.providers.port import AuthError, TransientProviderError
from bet_intel.odds_ingest.tasks import DATA_REFRESH, HEALTH_CHECK, REFRESH_ODDS_DATA
from bet_intel.shared.tasks import Task
from fixtures.answers import PROVIDER
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import BASEBALL, HOCKEY, feed, hours, scheduled
from fixtures.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


def refresh(league: str, provider: str = PROVIDER) -> Task:
    arguments = {"provider": provider, "league": league, "event": ""}
    return Task(f"{REFRESH_ODDS_DATA}:{league}", DATA_REFRESH, REFRESH_ODDS_DATA, arguments)


async def test_what_is_due_is_asked_for_once_by_a_task(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given, Budget(day=100), by_tasks=True) as run:
        await run.until(hours(0.01))
        await until(lambda: sorted(target for target, _ in given.asked) == [BASEBALL, HOCKEY])
        await until(lambda: any(status.prices for status in run.statuses))

        async def both_are_paid() -> bool:
            state = await run.quota.state()
            return (state.spent_day, state.reserved_day) == (4, 0)

        await until(both_are_paid)
    assert run.dead_letters.letters == {}


async def test_two_plans_have_nothing_asked_for_twice(dsn: str) -> None:
    given = feed()
    async with (
        scheduled(dsn, given, given, by_tasks=True) as one,
        scheduled(dsn, given, given, by_tasks=True) as other,
    ):
        await one.until(hours(0.01))
        await other.until(hours(0.01))
        await until(lambda: len(given.asked) >= 2)
    assert sorted(target for target, _ in given.asked) == [BASEBALL, HOCKEY]


async def test_a_failure_is_told_and_left_to_the_plan(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = [TransientProviderError("status 503")]
    async with scheduled(dsn, given, given) as run:
        await run.tasks.enqueue(refresh(BASEBALL))
        await until(lambda: [status.error_kind for status in run.statuses] == ["transient"])
        # It is left alone for a while, by tasks too.
        await run.tasks.enqueue(refresh(HOCKEY))
    assert [target for target, _ in given.asked] == [BASEBALL]
    assert run.dead_letters.letters == {}


async def test_a_wrong_key_ends_the_asking(dsn: str) -> None:
    given = feed()
    given.failures[BASEBALL] = given.failures[HOCKEY] = [AuthError("wrong key")]
    async with scheduled(dsn, given, given, by_tasks=True) as run:
        await run.until(hours(1))
        assert isinstance(run.poller.failure, AuthError)
        assert run.poller.ended.is_set()
    # Two calls may have been under way when the first was refused.
    assert 1 <= len(given.asked) <= 2


async def test_a_target_that_is_not_polled_is_not_asked_for(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.tasks.enqueue(refresh("tennis_atp"))
        await run.tasks.enqueue(refresh(BASEBALL, "another_provider"))
    assert given.asked == []
    [letter] = run.dead_letters.letters.values()
    assert letter.reason == f"TerminalError: this worker reads {PROVIDER}, not another_provider"


async def test_a_check_costs_nothing(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        await run.tasks.enqueue(Task("1", DATA_REFRESH, HEALTH_CHECK, {"provider": PROVIDER}))
        assert (await run.quota.state()).spent_day == 0
    assert given.asked == []
    assert run.dead_letters.letters == {}
