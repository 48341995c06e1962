"""The notifier on a real PostgreSQL, with the real bus, task queues and outbox."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

import bet_intel.notifier.app
import bet_intel.shared.outbox
from bet_intel.notifier.app import Notifier, open_notifier
from bet_intel.notifier.channels.log import LogChannel
from bet_intel.notifier.channels.port import Channel, Notification
from bet_intel.notifier.settings import NotifierSettings, RuleSettings
from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import HEARTBEAT
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.resync import RESYNC_REQUESTED
from bet_intel.shared.tasks import Task
from fixtures.engines import QUICK, KeptInMemory
from fixtures.opportunities import Open, envelope, message, updated
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until

pytestmark = pytest.mark.integration

MIGRATIONS = [
    Path(bet_intel.shared.outbox.__file__).with_name("migrations"),
    Path(bet_intel.notifier.app.__file__).with_name("migrations"),
]
TAKE = (RuleSettings(id="take"),)


@dataclass(slots=True)
class Pigeon:
    """A channel that remembers what it carried, and fails as long as `broken` says."""

    carried: list[Notification] = field(default_factory=list)
    broken: Exception | None = None
    tries: int = 0

    async def send(self, notification: Notification) -> None:
        self.tries += 1
        if self.broken is not None:
            raise self.broken
        self.carried.append(notification)

    def texts(self) -> list[str]:
        return [one.text.partition(" at ")[0] for one in self.carried]


@dataclass(slots=True)
class World:
    """The notifier's database, and one run after another of the service on it."""

    dsn: str
    database: "asyncpg.Connection[asyncpg.Record]"

    @asynccontextmanager
    async def opened(
        self, pigeon: Channel, rules: tuple[RuleSettings, ...] = TAKE, attempts: int = 5, send_timeout: float = 10.0
    ) -> AsyncIterator["Run"]:
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)

        async def ignore(messages: Sequence[Message]) -> None:
            pass

        bus.subscribe(Queue("tests.heartbeat", HEARTBEAT), ignore, KeptInMemory())
        bus.subscribe(Queue("tests.resync", RESYNC_REQUESTED), ignore, KeptInMemory())
        registry = CollectorRegistry()
        cache = InProcessCache(1, time.monotonic)
        engines = Engines(bus, tasks, cache, registry, lambda: datetime.now(UTC), time.monotonic)
        settings = NotifierSettings(
            dsn=SecretStr(self.dsn),
            rules=rules,
            retry_seconds=(0.001,) * (attempts - 1),
            sweep_seconds=0.01,
            send_timeout=send_timeout,
        )
        async with open_notifier(settings, engines, {"log": pigeon}) as notifier:
            yield Run(notifier, bus, tasks, registry)

    async def deliveries(self) -> list[Mapping[str, object]]:
        rows = await self.database.fetch(
            "select subscription_id, opening, level, state, attempts, reason, text from delivery order by id"
        )
        return [dict(row) for row in rows]

    async def states(self) -> list[tuple[object, ...]]:
        """Opening, level and state of each delivery, in the order in which they came up."""
        return [(row["opening"], row["level"], row["state"]) for row in await self.deliveries()]

    def all_ended(self, count: int) -> Callable[[], Awaitable[bool]]:
        async def ended() -> bool:
            waiting = await self.database.fetchval("select count(*) from outbox where failed_at is null")
            states = [row["state"] for row in await self.deliveries()]
            return len(states) == count and "pending" not in states and waiting == 0

        return ended


@dataclass(slots=True)
class Run:
    """One process of the notifier."""

    notifier: Notifier
    bus: InProcessBus
    tasks: InProcessTasks
    registry: CollectorRegistry

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with running(self.bus.run(), self.tasks.run(), self.notifier.run()):
            yield

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"bet_intel_notifier_{name}_total", labels)


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    dsn = await make_database(MIGRATIONS)
    connection = await asyncpg.connect(dsn)
    yield World(dsn, connection)
    await connection.close()


async def test_an_opportunity_is_alerted_once_per_opening_and_level(world: World) -> None:
    pigeon = Pigeon()
    async with world.opened(pigeon) as run, run.working():

        async def hear(revision: int, *opportunities: Open, alerts: int) -> None:
            await run.bus.publish(message(*opportunities, revision=revision))
            await until(world.all_ended(alerts))

        await hear(1, Open(ev=0.03), alerts=0)
        await hear(2, Open(ev=0.052), Open("p", ev=0.09, class_="suspect"), alerts=1)
        await hear(3, Open(ev=0.06), alerts=1)
        await hear(4, Open(ev=0.075), alerts=2)
        await hear(5, alerts=2)
        await hear(6, Open(ev=0.05, opening=2), alerts=3)
        await hear(7, Open(ev=0.055, opening=2), alerts=3)
    assert await world.states() == [(1, 1, "delivered"), (1, 2, "delivered"), (2, 1, "delivered")]
    assert pigeon.texts() == ["+5.2 % Harbour City", "+7.5 % Harbour City", "+5.0 % Harbour City"]
    assert run.counted("delivery_attempts", channel="log", outcome="delivered") == 3


async def test_nothing_is_alerted_again_after_redelivery_or_restart(world: World) -> None:
    pigeon = Pigeon()
    for _ in range(2):
        async with world.opened(pigeon) as run, run.working():
            await run.bus.publish(message(Open(), revision=2))
            await run.bus.publish(message(Open(), revision=2))
            await run.bus.publish(message(Open(), revision=3))
            await until(world.all_ended(1))
    assert len(pigeon.carried) == 1


async def test_a_late_set_is_ignored(world: World) -> None:
    pigeon = Pigeon()
    async with world.opened(pigeon) as run, run.working():
        await run.bus.publish(message(Open(), revision=5))
        await until(world.all_ended(1))
        # Older: another opportunity, and a higher EV of this one.
        await run.bus.publish(message(Open(ev=0.15), Open("gone"), revision=4))
        await run.bus.publish(message(Open("other"), revision=1, event_id="simulator:2"))
        await until(world.all_ended(2))
    assert [row["level"] for row in await world.deliveries()] == [1, 1]
    assert run.counted("sets", outcome="ignored") == 1
    kept = await world.database.fetch("select event_id, revision, as_of from opportunity_set order by event_id")
    assert [(row["event_id"], row["revision"]) for row in kept] == [("simulator:1", 5), ("simulator:2", 1)]
    assert kept[0]["as_of"] == datetime(2026, 5, 2, 18, 4, tzinfo=UTC)


async def test_each_subscription_is_alerted_by_its_own_rule(world: World) -> None:
    pigeon = Pigeon()
    rules = (
        RuleSettings(id="high", min_ev=0.1),
        RuleSettings(id="mlb", leagues=frozenset({"baseball_mlb"})),
        RuleSettings(id="nhl", leagues=frozenset({"icehockey_nhl"})),
    )
    async with world.opened(pigeon, rules) as run, run.working():
        await run.bus.publish(message(Open("a"), Open("b", ev=0.12)))
        await until(world.all_ended(3))
    assert sorted(one.subscription_id for one in pigeon.carried) == ["high", "mlb", "mlb"]


async def test_a_crash_between_commit_and_publish_loses_no_alert(world: World) -> None:
    """The first process hears the set and ends before it publishes the tasks it has committed."""
    pigeon = Pigeon()
    async with world.opened(pigeon) as crashed:
        async with running(crashed.bus.run()):
            await crashed.bus.publish(message(Open("a"), Open("b")))
        assert await world.states() == [(1, 1, "pending"), (1, 1, "pending")]
        assert await world.database.fetchval("select count(*) from outbox where kind = 'task'") == 2
    assert pigeon.carried == []
    async with world.opened(pigeon) as run, run.working():
        await until(world.all_ended(2))
        await run.bus.publish(message(Open("a"), Open("b")))
    assert len(pigeon.carried) == 2
    assert await world.states() == [(1, 1, "delivered"), (1, 1, "delivered")]


async def test_a_task_that_comes_twice_sends_once(world: World) -> None:
    pigeon = Pigeon()
    async with world.opened(pigeon) as run, run.working():
        await run.bus.publish(message(Open()))
        await until(world.all_ended(1))
        delivery = await world.database.fetchval("select id from delivery")
        await run.tasks.enqueue(
            Task("again", "notifications", "send_notification", {"delivery_id": delivery, "attempts": 0})
        )
    assert len(pigeon.carried) == 1


async def test_a_task_that_comes_while_it_is_being_sent_waits_and_sends_nothing(world: World) -> None:
    gate = asyncio.Event()

    class Slow(Pigeon):
        async def send(self, notification: Notification) -> None:
            self.tries += 1
            await gate.wait()
            await Pigeon.send(self, notification)

    async def waits_for_the_row() -> bool:
        return bool(
            await world.database.fetchval("select count(*) = 1 from pg_stat_activity where wait_event_type = 'Lock'")
        )

    pigeon = Slow()
    async with world.opened(pigeon) as run, run.working(), asyncio.TaskGroup() as group:
        await run.bus.publish(message(Open()))
        await until(lambda: pigeon.tries == 1)
        delivery = await world.database.fetchval("select id from delivery")
        again = Task("again", "notifications", "send_notification", {"delivery_id": delivery, "attempts": 0})
        group.create_task(run.tasks.enqueue(again))
        await until(waits_for_the_row)
        gate.set()
    assert len(pigeon.carried) == 1


async def test_a_channel_that_hangs_has_failed(world: World) -> None:
    class Lost(Pigeon):
        async def send(self, notification: Notification) -> None:
            await asyncio.Event().wait()

    async with world.opened(Lost(), attempts=1, send_timeout=0.02) as run, run.working():
        await run.bus.publish(message(Open()))
        await until(world.all_ended(1))
    [row] = await world.deliveries()
    assert (row["state"], row["reason"]) == ("failed", "the channel took more than 0.02 s")


async def test_a_failing_channel_is_tried_again(world: World) -> None:
    pigeon = Pigeon(broken=ConnectionRefusedError("the loft is closed"))
    async with world.opened(pigeon, attempts=20) as run, run.working():
        await run.bus.publish(message(Open()))

        async def tried() -> bool:
            return bool(await world.database.fetchval("select count(*) = 1 from delivery where attempts >= 2"))

        await until(tried)
        [waiting] = await world.deliveries()
        assert (waiting["state"], waiting["reason"]) == ("pending", "ConnectionRefusedError: the loft is closed")
        pigeon.broken = None
        await until(world.all_ended(1))
    [row] = await world.deliveries()
    assert row["state"] == "delivered"
    assert row["reason"] is None
    assert row["attempts"] == pigeon.tries
    assert len(pigeon.carried) == 1


async def test_a_channel_that_keeps_failing_is_given_up(world: World) -> None:
    pigeon = Pigeon(broken=ConnectionRefusedError("the loft is closed"))
    async with world.opened(pigeon, attempts=3) as run, run.working():
        await run.bus.publish(message(Open("a")))
        await until(world.all_ended(1))
        [row] = await world.deliveries()
        assert (row["state"], row["attempts"]) == ("failed", 3)
        assert row["reason"] == "ConnectionRefusedError: the loft is closed"
        assert pigeon.tries == 3
        # The next set does not start it over.
        await run.bus.publish(message(Open("a"), revision=2))
        assert len(await world.deliveries()) == 1
    assert await world.database.fetchval("select count(*) from dead_letter") == 0


async def test_a_delivery_that_nobody_has_in_hand_is_found(world: World) -> None:
    """Its task was lost, as no queue should: the sweeper makes another when it should long have been done."""
    pigeon = Pigeon()
    async with world.opened(pigeon) as run:
        async with running(run.bus.run()):
            await run.bus.publish(message(Open("a")))
        await world.database.execute("delete from outbox where kind = 'task'")
        await world.database.execute("update delivery set next_attempt_at = now() - interval '1 second'")
    async with world.opened(pigeon) as run, run.working():
        await until(world.all_ended(1))
    assert len(pigeon.carried) == 1


async def test_a_failing_delivery_holds_up_no_other(world: World) -> None:
    class Picky(Pigeon):
        async def send(self, notification: Notification) -> None:
            if "Nowhere" in notification.text:
                raise LookupError("no such place")
            await Pigeon.send(self, notification)

    pigeon = Picky()
    others = [Open(str(number)) for number in range(12)]
    async with world.opened(pigeon, attempts=4) as run, run.working():
        await run.bus.publish(message(Open("bad", outcome="Nowhere"), *others))
        await until(world.all_ended(13))
    assert sorted(str(row["state"]) for row in await world.deliveries()) == ["delivered"] * 12 + ["failed"]


async def test_an_opportunity_that_closed_meanwhile_is_not_alerted(world: World) -> None:
    pigeon = Pigeon()
    async with world.opened(pigeon) as run:
        async with running(run.bus.run()):
            await run.bus.publish(message(Open("a"), Open("b"), Open("c"), revision=1))
            # One is gone, one has opened again, one is worth more now: nothing has been sent yet.
            await run.bus.publish(message(Open("b", opening=2), Open("c", ev=0.064, price=2.48), revision=2))
        async with run.working():
            await until(world.all_ended(4))
    rows = await world.deliveries()
    assert [(row["state"], row["reason"]) for row in rows] == [
        ("skipped", "the opportunity has closed"),
        ("skipped", "the opportunity has closed"),
        ("delivered", None),
        ("delivered", None),
    ]
    assert sorted(one.text.partition(" (")[0] for one in pigeon.carried) == [
        "+5.2 % Harbour City at 2.45",
        "+6.4 % Harbour City at 2.48",
    ]
    assert run.counted("delivery_attempts", channel="log", outcome="skipped") == 2


async def test_an_undecodable_set_is_set_aside_alone(world: World) -> None:
    pigeon = Pigeon()
    broken = updated(Open("broken"), event_id="simulator:0")
    broken.opportunities.price = b"\0"
    async with world.opened(pigeon) as run, run.working():
        await run.bus.publish(envelope(broken, "broken"))
        await run.bus.publish(message(Open("a")))
        await until(world.all_ended(1))
    letter = await world.database.fetchrow("select queue, id, reason from dead_letter")
    assert letter is not None
    assert (letter["queue"], letter["id"]) == ("notifier.opportunities-updated", "broken")
    assert "OpportunityColumns.price" in letter["reason"]


async def test_without_rules_sets_are_heard_and_nobody_is_alerted(world: World) -> None:
    async with world.opened(Pigeon(), ()) as run, run.working():
        await run.bus.publish(message(Open()))
    assert await world.deliveries() == []
    assert await world.database.fetchval("select revision from opportunity_set") == 1


async def test_the_log_channel_writes_the_alert_as_a_line(world: World) -> None:
    line = "+5.2 % Harbour City at 2.45 (DraftKings), fair 2.33, h2h, Harbour City v Riverside, starts 19:05 UTC"
    with capture_logs() as logs:
        async with world.opened(LogChannel()) as run, run.working():
            await run.bus.publish(message(Open()))
            await until(world.all_ended(1))
    assert [entry["log_level"] for entry in logs if entry["event"] == line] == ["info"]
    [row] = await world.deliveries()
    assert row["text"] == line
