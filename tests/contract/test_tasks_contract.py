"""What all task queues promise, within one process and on dramatiq's workers with a real RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bet_intel.shared.messaging import TerminalError, UnavailableError, UnroutableError
from bet_intel.shared.tasks import Task
from fixtures.engines import KeptInMemory, TasksUnderTest, dramatiq_tasks, in_process_tasks
from fixtures.waiting import until


@pytest.fixture(params=["inprocess", pytest.param("dramatiq", marks=pytest.mark.integration)])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[TasksUnderTest]:
    opening = (
        in_process_tasks() if request.param == "inprocess" else dramatiq_tasks(request.getfixturevalue("vhost").url)
    )
    async with opening as opened:
        yield opened


@pytest.fixture
def dead_letters() -> KeptInMemory:
    return KeptInMemory()


def task(number: int, queue: str = "notifications", actor: str = "send_notification") -> Task:
    return Task(f"{actor}:{number}", queue, actor, {"delivery_id": number})


class Worker:
    """An actor that remembers its calls, fails as told, and waits at `gate` where there is one."""

    def __init__(self, failures: dict[int, Exception] | None = None, gate: asyncio.Event | None = None) -> None:
        self.calls: list[int] = []
        self.done: list[int] = []
        self.at_work = 0
        self.failures = failures or {}
        self._gate = gate

    async def __call__(self, delivery_id: int) -> None:
        self.calls.append(delivery_id)
        self.at_work += 1
        try:
            if self._gate is not None:
                await self._gate.wait()
            if delivery_id in self.failures:
                raise self.failures[delivery_id]
            self.done.append(delivery_id)
        finally:
            self.at_work -= 1


async def test_a_task_runs_its_actor_with_its_arguments(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    sender, refresher = Worker(), Worker()
    actors = {"send_notification": sender, "refresh_odds_data": refresher}
    engine.tasks.register("notifications", actors, dead_letters, concurrency=2)
    async with engine.working():
        await engine.tasks.enqueue(task(1))
        await engine.tasks.enqueue(task(2, actor="refresh_odds_data"))
        await until(lambda: sender.done == [1] and refresher.done == [2])


async def test_a_queue_works_on_as_many_tasks_at_a_time_as_allowed(
    engine: TasksUnderTest, dead_letters: KeptInMemory
) -> None:
    gate = asyncio.Event()
    worker = Worker(gate=gate)
    engine.tasks.register("notifications", {"send_notification": worker}, dead_letters, concurrency=3)
    async with engine.working(), asyncio.TaskGroup() as group:
        for number in range(7):
            group.create_task(engine.tasks.enqueue(task(number)))
        await until(lambda: worker.at_work == 3)
        assert len(worker.calls) == 3
        gate.set()
        await until(lambda: len(worker.done) == 7)


async def test_queues_do_not_wait_for_each_other(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    gate = asyncio.Event()
    busy, idle = Worker(gate=gate), Worker()
    engine.tasks.register("data_refresh", {"send_notification": busy}, dead_letters, concurrency=1)
    engine.tasks.register("notifications", {"send_notification": idle}, dead_letters, concurrency=1)
    async with engine.working(), asyncio.TaskGroup() as group:
        group.create_task(engine.tasks.enqueue(task(1, "data_refresh")))
        await until(lambda: busy.at_work == 1)
        await engine.tasks.enqueue(task(2))
        await until(lambda: idle.done == [2])
        gate.set()


async def test_a_task_for_a_queue_that_nobody_serves_raises(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    engine.tasks.register("notifications", {"send_notification": Worker()}, dead_letters, concurrency=1)
    async with engine.working():
        with pytest.raises(UnroutableError, match="data_refresh"):
            await engine.tasks.enqueue(task(1, "data_refresh"))


async def test_a_task_of_an_unknown_actor_is_set_aside_at_once(
    engine: TasksUnderTest, dead_letters: KeptInMemory
) -> None:
    engine.tasks.register("notifications", {"send_notification": Worker()}, dead_letters, concurrency=1)
    async with engine.working():
        await engine.tasks.enqueue(task(1, actor="forgotten"))
        await until(lambda: len(dead_letters.letters) == 1)
    letter = dead_letters.letters["notifications", "forgotten:1"]
    assert "forgotten" in letter.reason
    assert letter.attempts == 1


async def test_a_failing_task_is_tried_again_then_set_aside_and_holds_up_no_other(
    engine: TasksUnderTest, dead_letters: KeptInMemory
) -> None:
    worker = Worker({1: ValueError("refused")})
    engine.tasks.register("notifications", {"send_notification": worker}, dead_letters, concurrency=2, attempts=4)
    async with engine.working():
        await asyncio.gather(*(engine.tasks.enqueue(task(number)) for number in range(5)))
        await until(lambda: len(dead_letters.letters) == 1 and len(worker.done) == 4)
    assert sorted(worker.done) == [0, 2, 3, 4]
    assert worker.calls.count(1) == 4
    letter = dead_letters.letters["notifications", "send_notification:1"]
    assert (letter.name, letter.attempts, letter.reason) == ("send_notification", 4, "ValueError: refused")


async def test_a_task_never_runs_twice_at_a_time(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    at_work: list[int] = []
    overlaps: list[int] = []

    async def actor(delivery_id: int) -> None:
        if delivery_id in at_work:
            overlaps.append(delivery_id)
        at_work.append(delivery_id)
        await asyncio.sleep(0)
        at_work.remove(delivery_id)
        raise ValueError("refused")

    engine.tasks.register("notifications", {"send_notification": actor}, dead_letters, concurrency=4, attempts=8)
    async with engine.working():
        await asyncio.gather(*(engine.tasks.enqueue(task(number)) for number in range(4)))
        await until(lambda: len(dead_letters.letters) == 4)
    assert overlaps == []


async def test_a_terminal_failure_is_set_aside_at_once(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    worker = Worker({1: TerminalError("no such delivery")})
    engine.tasks.register("notifications", {"send_notification": worker}, dead_letters, concurrency=1)
    async with engine.working():
        await engine.tasks.enqueue(task(1))
        await until(lambda: len(dead_letters.letters) == 1)
    assert worker.calls == [1]


async def test_tasks_wait_while_the_database_is_away(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    away = UnavailableError("no connection to the database")
    worker = Worker({1: away, 2: away})
    engine.tasks.register("notifications", {"send_notification": worker}, dead_letters, concurrency=1, attempts=2)
    async with engine.working(), asyncio.TaskGroup() as group:
        for number in (1, 2):
            group.create_task(engine.tasks.enqueue(task(number)))
        await until(lambda: len(worker.calls) >= 10)
        assert dead_letters.letters == {}
        worker.failures.clear()
        await until(lambda: sorted(worker.done) == [1, 2])
    assert dead_letters.letters == {}


async def test_redrive_runs_dead_tasks_again(engine: TasksUnderTest, dead_letters: KeptInMemory) -> None:
    worker = Worker({1: TerminalError("channel is switched off"), 2: TerminalError("channel is switched off")})
    engine.tasks.register("notifications", {"send_notification": worker}, dead_letters, concurrency=1)
    async with engine.working():
        await asyncio.gather(engine.tasks.enqueue(task(1)), engine.tasks.enqueue(task(2)))
        await until(lambda: len(dead_letters.letters) == 2)
        del worker.failures[2]
        await engine.redrive()
        await until(lambda: worker.done == [2] and worker.calls.count(1) == 2 and len(dead_letters.letters) == 1)
    assert list(dead_letters.letters) == [("notifications", "send_notification:1")]
