"""What the plan says is due, asked for as tasks of `data_refresh`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from bet_intel.odds_ingest.domain.budget import Budget
from bet_intel.odds_ingest.poll_store import TargetId, polled
from bet_intel.odds_ingest.providers.port import AuthError, NotTakenError, TransientProviderError
from bet_intel.odds_ingest.tasks import DATA_REFRESH, HEALTH_CHECK, REFRESH_ODDS_DATA
from bet_intel.shared.tasks import Actor, Task
from fixtures.answers import PROVIDER
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase
from fixtures.scheduling import BASEBALL, HOCKEY, Feed, Run, feed, hours, scheduled
from fixtures.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def dsn(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


def refresh(league: str, provider: str = PROVIDER) -> Task:
    arguments = {"provider": provider, "league": league, "event": ""}
    return Task(f"{REFRESH_ODDS_DATA}:{league}", DATA_REFRESH, REFRESH_ODDS_DATA, arguments)


@dataclass
class Sent:
    """Task queues between a process that plans and one that works, as a broker's: `tasks` wait until they are given
    to the worker."""

    tasks: list[Task] = field(default_factory=list)

    async def enqueue(self, task: Task) -> None:
        self.tasks.append(task)

    def register(self, queue: str, actors: Mapping[str, Actor], *_: object, **__: object) -> None: ...

    def refreshes(self) -> list[Task]:
        return [task for task in self.tasks if task.actor == REFRESH_ODDS_DATA]

    def of(self, league: str) -> Task:
        """The newest one."""
        return next(task for task in reversed(self.refreshes()) if task.arguments["league"] == league)


@dataclass
class Apart:
    """One process that plans and one that works, on one database."""

    plans: Run
    works: Run
    sent: Sent

    async def polled_at(self, league: str) -> datetime | None:
        async with self.plans.database.latest() as connection:
            return (await polled(connection, PROVIDER))[TargetId(league)].polled_at

    async def work_on_both(self) -> None:
        """The first plan, and its two tasks."""
        await self.plans.until(hours(0.001))
        await until(lambda: len(self.sent.refreshes()) == 2)
        for league in (BASEBALL, HOCKEY):
            await self.works.tasks.enqueue(self.sent.of(league))


@asynccontextmanager
async def apart(dsn: str, given: Feed) -> AsyncIterator[Apart]:
    sent = Sent()
    async with scheduled(dsn, given, given, by_tasks=True, queues=sent) as plans, scheduled(dsn, given, given) as works:
        yield Apart(plans, works, sent)


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


async def test_leagues_whose_task_finds_the_provider_left_alone_are_sent_again_as_soon_as_it_may_be_asked(
    dsn: str,
) -> None:
    given = feed()
    given.failures[BASEBALL] = [NotTakenError("status 503", retry_after=40)]
    async with apart(dsn, given) as processes:
        sent, works = processes.sent, processes.works
        await processes.work_on_both()
        assert (works.refreshed("failed"), works.refreshed("left_alone")) == (1, 1)
        assert await processes.polled_at(HOCKEY) is None
        await processes.plans.until(given.now + timedelta(seconds=35))
        assert len(sent.refreshes()) == 2, "nothing is sent while the provider is left alone"
        await processes.plans.until(given.now + timedelta(seconds=35))
        await until(lambda: len(sent.refreshes()) == 3)
        await works.tasks.enqueue(sent.of(HOCKEY))
    assert [target for target, _ in given.asked] == [BASEBALL, HOCKEY]


async def test_a_passing_refusal_of_the_login_ends_neither_worker_nor_plan_and_is_not_repeated_at_once(
    dsn: str,
) -> None:
    given = feed()
    given.failures[BASEBALL] = [AuthError("wrong key")]
    async with apart(dsn, given) as processes:
        sent, works = processes.sent, processes.works
        await processes.work_on_both()
        await until(lambda: [status.error_kind for status in works.statuses] == ["auth"])
        await processes.plans.until(given.now + timedelta(minutes=4, seconds=50))
        assert len(sent.refreshes()) == 2
        await processes.plans.until(given.now + timedelta(minutes=1))
        await until(lambda: len(sent.refreshes()) == 3)
        await works.tasks.enqueue(sent.of(HOCKEY))
        assert works.refreshed("answered") == 1
        await until(lambda: not works.statuses[-1].error_kind)


async def test_a_process_that_begins_to_plan_asks_whatever_was_found_before(dsn: str) -> None:
    """Its key may be another one."""
    given = feed()
    given.failures[BASEBALL] = [AuthError("wrong key")]
    async with scheduled(dsn, given, given) as works:
        await works.tasks.enqueue(refresh(BASEBALL))
    async with scheduled(dsn, given, given) as run:
        await run.until(hours(0.01))
    assert [target for target, _ in given.asked] == [BASEBALL, HOCKEY]


async def test_a_task_that_comes_twice_is_asked_for_once(dsn: str) -> None:
    given = feed()
    async with apart(dsn, given) as processes:
        sent, works = processes.sent, processes.works
        await processes.plans.until(hours(0.001))
        await until(lambda: len(sent.refreshes()) == 2)
        given.now += timedelta(seconds=1)
        for _ in range(2):
            await works.tasks.enqueue(sent.of(BASEBALL))
        assert (works.refreshed("answered"), works.refreshed("superseded")) == (1, 1)
    assert given.charged == 2
    assert works.dead_letters.letters == {}


async def test_of_tasks_that_waited_for_a_worker_the_newest_of_a_league_is_asked_for(dsn: str) -> None:
    given = feed(price=0)
    given.starts.pop(HOCKEY)
    async with apart(dsn, given) as processes:
        sent, works = processes.sent, processes.works
        await processes.plans.until(hours(3))
        await until(lambda: len(sent.refreshes()) > 3)
        for task in sent.refreshes():
            await works.tasks.enqueue(task)
        assert works.refreshed("superseded") == len(sent.refreshes()) - 1
    assert [target for target, _ in given.asked] == [BASEBALL]


async def test_a_task_without_the_time_of_its_claim_is_asked_for_in_any_case(dsn: str) -> None:
    given = feed()
    async with scheduled(dsn, given, given) as run:
        for number in range(2):
            await run.tasks.enqueue(replace(refresh(BASEBALL), id=str(number)))
    assert [target for target, _ in given.asked] == [BASEBALL, BASEBALL]
