"""Credits on a real PostgreSQL: whatever workers do at the same time, never more is charged than there is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bet_intel.odds_ingest.domain.budget import LONGEST_CALL, Budget, Left, PeriodKind, Reservation, Usage, periods_of
from bet_intel.odds_ingest.quota import Quota
from bet_intel.shared.postgres import Database
from fixtures.odds_ingest_service import MIGRATIONS
from fixtures.postgres import MakeDatabase

pytestmark = pytest.mark.integration

T = TypeVar("T")
WORKERS = 3
START = datetime(2026, 4, 29, 23, 56, tzinfo=UTC)
"""Shortly before the end of a day, a day before the end of a month."""


@dataclass
class Provider:
    """The account at the provider itself: charges when a call reaches it, and begins anew with each month."""

    plan: int
    now: datetime = START
    charged: Counter[tuple[PeriodKind, datetime]] = field(default_factory=Counter)

    def charge(self, cost: int) -> Usage:
        for period in periods_of(self.now):
            self.charged[period.kind, period.starts] += cost
        used = self.charged[PeriodKind.MONTH, periods_of(self.now)[1].starts]
        return Usage(cost, self.plan - used, used)

    def most(self, kind: PeriodKind) -> int:
        return max((cost for (each, _), cost in self.charged.items() if each is kind), default=0)


@asynccontextmanager
async def workers(dsn: str, provider: Provider, name: str, budget: Budget) -> AsyncIterator[list[Quota]]:
    """Workers with a connection each, as in processes of their own."""
    async with AsyncExitStack() as stack:
        databases = [
            await stack.enter_async_context(Database.open(dsn, name=f"worker {number}", max_size=1))
            for number in range(WORKERS)
        ]
        yield [Quota(database, name, budget, lambda: provider.now) for database in databases]


@dataclass
class Call:
    """A call on its way: `usage` is what its answer will tell, once the provider has charged it."""

    reservation: Reservation
    worker: int
    usage: Usage | None = None


class Interleaving(RuleBasedStateMachine):
    """Workers reserve, the provider charges some time later, answers arrive in any order or never, time goes on."""

    dsn = ""
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.calls: list[Call] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize(
        bounds=st.tuples(st.none() | st.integers(3, 12), st.none() | st.integers(3, 20), st.integers(3, 20))
        | st.tuples(st.integers(3, 8), st.none(), st.just(10_000))
        | st.tuples(st.none(), st.integers(3, 8), st.just(10_000))
        | st.tuples(st.none(), st.none(), st.integers(3, 10)),
        start=st.sampled_from([START - timedelta(hours=9), START, START + timedelta(days=1)]),
    )
    def open(self, bounds: tuple[int | None, int | None, int], start: datetime) -> None:
        type(self).runs += 1
        day, month, plan = bounds
        self.budget = Budget(month, day)
        self.provider = Provider(plan, start)
        context = workers(self.dsn, self.provider, f"provider {type(self).runs}", self.budget)
        self.workers = self.run(self.stack.enter_async_context(context))
        self._free_call(0)

    def _free_call(self, worker: int) -> None:
        """Tells the workers what is left at the provider."""
        reservation = self.run(self.workers[worker].reserve(0))
        assert reservation is not None
        self.run(self.workers[worker].settle(reservation, self.provider.charge(0)))

    @rule(worker=st.integers(0, WORKERS - 1), most=st.integers(1, 5))
    def reserve(self, worker: int, most: int) -> None:
        reservation = self.run(self.workers[worker].reserve(most))
        if reservation is not None:
            self.calls.append(Call(reservation, worker))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """The call reaches the provider, which charges the worst case or less."""
        call = data.draw(st.sampled_from(self.calls), label="call")
        if call.usage is None:
            call.usage = self.provider.charge(
                data.draw(st.just(call.reservation.credits) | st.integers(0, call.reservation.credits), label="cost")
            )

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), silent=st.booleans())
    def answer(self, data: st.DataObject, silent: bool) -> None:
        """The answer arrives, perhaps twice, perhaps without a word on credits; one not charged yet is charged now."""
        call = data.draw(st.sampled_from(self.calls), label="call")
        self.calls.remove(call)
        usage = call.usage or self.provider.charge(call.reservation.credits)
        for _ in range(data.draw(st.integers(1, 2), label="times")):
            self.run(self.workers[call.worker].settle(call.reservation, Usage() if silent else usage))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), charged=st.booleans())
    def lose(self, data: st.DataObject, charged: bool) -> None:
        """The answer never arrives; whether the provider charged the call nobody knows."""
        call = data.draw(st.sampled_from(self.calls), label="call")
        self.calls.remove(call)
        if charged and call.usage is None:
            self.provider.charge(call.reservation.credits)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """The call never left."""
        call = data.draw(st.sampled_from(self.calls), label="call")
        if call.usage is None:
            self.calls.remove(call)
            self.run(self.workers[call.worker].release(call.reservation))

    @rule(worker=st.integers(0, WORKERS - 1))
    def look(self, worker: int) -> None:
        self._free_call(worker)

    @rule(minutes=st.sampled_from([1, 2, 4, 4, 60, 24 * 60]))
    def pass_time(self, minutes: int) -> None:
        """A call is charged within `LONGEST_CALL` or never."""
        self.provider.now += timedelta(minutes=minutes)
        for call in self.calls:
            if call.usage is None and self.provider.now - call.reservation.made_at > LONGEST_CALL:
                call.usage = Usage(0)

    @invariant()
    def never_above(self) -> None:
        if not hasattr(self, "budget"):
            return
        most_of_day, most_of_month = (self.provider.most(kind) for kind in PeriodKind)
        assert self.budget.day is None or most_of_day <= self.budget.day
        assert self.budget.month is None or most_of_month <= self.budget.month
        # What the provider gives is known since the first call of the first month.
        first = (PeriodKind.MONTH, periods_of(START)[1].starts)
        assert self.provider.charged[first] <= self.provider.plan

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()


async def test_of_many_that_want_the_last_credits_as_many_get_them_as_there_are(make_database: MakeDatabase) -> None:
    provider = Provider(plan=500)
    async with workers(await make_database(MIGRATIONS), provider, "a", Budget(day=10)) as quotas:
        made = await asyncio.gather(*(quotas[number % WORKERS].reserve(3) for number in range(30)))
        assert len([reservation for reservation in made if reservation]) == 3


def test_no_interleaving_spends_more_than_there_is(make_database_now: str) -> None:
    Interleaving.dsn = make_database_now
    run_state_machine_as_test(Interleaving, settings=settings(max_examples=150, stateful_step_count=25, deadline=None))


@pytest.fixture
async def make_database_now(make_database: MakeDatabase) -> str:
    return await make_database(MIGRATIONS)


steps = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["answer", "answer", "lose", "release"]), st.integers(1, 5)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 12), st.integers(1, 12), st.lists(steps, min_size=WORKERS, max_size=WORKERS))
async def test_workers_at_the_same_time_never_spend_more_than_there_is(
    make_database_now: str, month: int, plan: int, work: list[list[tuple[int, str, int]]]
) -> None:
    provider = Provider(plan)
    # The same work may be tried twice: each time is a provider of its own.
    name = f"provider {uuid4()}"

    async def follow(quota: Quota, steps: list[tuple[int, str, int]]) -> int:
        """The worker's calls, one after another and beside those of the others; returns what stays reserved."""
        lost = 0
        for most, end, cost in steps:
            reservation = await quota.reserve(most)
            if reservation is None:
                continue
            if end == "release":
                await quota.release(reservation)
                continue
            usage = provider.charge(min(cost, most))
            if end == "answer":
                await asyncio.sleep(0)
                await quota.settle(reservation, usage)
            else:
                lost += most
        return lost

    async with workers(make_database_now, provider, name, Budget(month, None)) as quotas:
        opening = await quotas[0].reserve(0)
        assert opening is not None
        await quotas[0].settle(opening, provider.charge(0))
        lost = sum(await asyncio.gather(*(follow(quota, each) for quota, each in zip(quotas, work, strict=True))))
        charged = provider.most(PeriodKind.MONTH)
        state = await quotas[0].state()
        assert charged <= min(month, plan)
        # Nothing is forgotten: what is left is what was neither charged nor lost.
        assert state.left.month == month - state.spent_month - lost
        assert charged <= state.spent_month + lost


async def test_what_was_spent_is_known_to_every_worker_and_after_a_restart(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    provider = Provider(500, START - timedelta(hours=9))
    budget = Budget(month=100, day=10)
    async with workers(dsn, provider, "a", budget) as [first, second, _]:
        one, other = await first.reserve(4), await second.reserve(6)
        assert one is not None
        assert other is not None
        assert await first.reserve(1) is None
        await first.settle(one, provider.charge(3))
        assert (await second.state()).left == Left(day=1, month=91, provider=491)
    async with workers(dsn, provider, "a", budget) as [first, *_]:
        # The answer of the second worker was lost with it.
        state = await first.state()
        assert (state.spent_day, state.spent_month, state.left.day) == (3, 3, 1)
        provider.now += timedelta(days=1)
        state = await first.state()
        assert (state.spent_day, state.spent_month, state.left) == (0, 3, Left(10, 91, 491))


async def test_an_answer_that_comes_late_hides_no_call_that_was_lost_meanwhile(make_database: MakeDatabase) -> None:
    provider = Provider(10, START - timedelta(hours=9))
    async with workers(await make_database(MIGRATIONS), provider, "a", Budget()) as [one, other, _]:
        opening, late, lost = await one.reserve(0), await one.reserve(1), await other.reserve(5)
        assert opening is not None
        assert late is not None
        assert lost is not None
        await one.settle(opening, provider.charge(0))
        told_before = provider.charge(1)
        provider.charge(5)
        provider.now += timedelta(minutes=20)
        await one.settle(late, told_before)
        assert (await one.state()).left.provider == 4
        # Whatever became of the lost one, the provider's newest word holds it.
        free = await one.reserve(0)
        assert free is not None
        await one.settle(free, provider.charge(0))
        assert (await one.state()).left.provider == 4


async def test_accounts_of_different_providers_are_apart(make_database: MakeDatabase) -> None:
    dsn = await make_database(MIGRATIONS)
    provider = Provider(plan=500)
    async with (
        workers(dsn, provider, "a", Budget(day=5)) as [one, *_],
        workers(dsn, provider, "b", Budget(day=5)) as [other, *_],
    ):
        assert await one.reserve(5) is not None
        assert await one.reserve(5) is None
        assert await other.reserve(5) is not None
