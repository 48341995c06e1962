"""Webhooks from the notifier to a real receiver, which checks their signatures."""

import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

import bet_intel.notifier.app
import bet_intel.shared.outbox
from bet_intel.events.v1.delivery_requested_pb2 import DeliveryRequested
from bet_intel.events.v1.delivery_updated_pb2 import DeliveryKind, DeliveryState, DeliveryUpdated
from bet_intel.events.v1.subscription_changed_pb2 import SubscriptionChanged, SubscriptionStatus, Webhook
from bet_intel.notifier.app import Notifier, open_notifier
from bet_intel.notifier.settings import NotifierSettings
from bet_intel.shared.cache import InProcessCache
from bet_intel.shared.engines import Engines
from bet_intel.shared.heartbeat import HEARTBEAT
from bet_intel.shared.inprocess import InProcessBus, InProcessTasks
from bet_intel.shared.messaging import Message, Queue
from bet_intel.shared.resync import RESYNC_REQUESTED
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.times import from_us
from fixtures.engines import QUICK, KeptInMemory
from fixtures.opportunities import Open, message
from fixtures.postgres import MakeDatabase
from fixtures.waiting import running, until
from fixtures.webhooks import Receiver, receiving

pytestmark = pytest.mark.integration

MIGRATIONS = [
    Path(bet_intel.shared.outbox.__file__).with_name("migrations"),
    Path(bet_intel.notifier.app.__file__).with_name("migrations"),
]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER_KEY = "YTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
ACTIVE = SubscriptionStatus.SUBSCRIPTION_STATUS_ACTIVE
DELIVERED = DeliveryState.DELIVERY_STATE_DELIVERED
FAILED = DeliveryState.DELIVERY_STATE_FAILED
PENDING = DeliveryState.DELIVERY_STATE_PENDING
SKIPPED = DeliveryState.DELIVERY_STATE_SKIPPED


def envelope(type_: str, subject: str, revision: int, data: bytes) -> Message:
    return Message(str(uuid4()), type_, "api", subject, datetime.now(UTC), revision, data)


@dataclass
class Told:
    """What the notifier tells of deliveries."""

    updates: list[DeliveryUpdated] = field(default_factory=list)

    async def updated(self, messages: Sequence[Message]) -> None:
        self.updates += [DeliveryUpdated.FromString(one.data) for one in messages]

    def newest(self) -> dict[str, DeliveryUpdated]:
        newest: dict[str, DeliveryUpdated] = {}
        for one in self.updates:
            if one.id not in newest or one.revision > newest[one.id].revision:
                newest[one.id] = one
        return newest

    def states(self) -> list[int]:
        return sorted(one.state for one in self.newest().values())


@dataclass
class Run:
    """One process of the notifier on a database, with a receiver."""

    notifier: Notifier
    bus: InProcessBus
    told: Told
    receiver: Receiver
    database: "asyncpg.Connection[asyncpg.Record]"
    registry: CollectorRegistry

    async def subscribe(
        self,
        id: str,
        *,
        revision: int = 1,
        status: SubscriptionStatus.ValueType = ACTIVE,
        url: str | None = None,
        markets: Sequence[str] = (),
        key: str = KEY,
    ) -> None:
        body = SubscriptionChanged(
            id=id,
            revision=revision,
            status=status,
            markets=markets,
            profile="consensus",
            classes=["take"],
            min_ev=0.045,
            realert_step=0.02,
            webhook=Webhook(
                url=self.receiver.url if url is None else url,
                encrypted_secret=SecretBox(key).close(SECRET.encode()),
            ),
        )
        await self.bus.publish(envelope("subscription.changed.v1", id, revision, body.SerializeToString()))

    async def request(self, subscription: str, delivery: str = "") -> str:
        id = str(uuid4())
        body = DeliveryRequested(id=id, at_us=1, subscription_id=subscription, delivery_id=delivery)
        await self.bus.publish(envelope("delivery.requested.v1", subscription, 0, body.SerializeToString()))
        return id

    async def until_told(self, *states: int) -> None:
        await until(lambda: self.told.states() == sorted(states))


@dataclass
class World:
    dsn: str
    database: "asyncpg.Connection[asyncpg.Record]"
    receiver: Receiver

    @asynccontextmanager
    async def running(
        self, *, waits: tuple[float, ...] = (0.001,) * 4, allow_loopback: bool = True, key: str | None = KEY
    ) -> AsyncIterator[Run]:
        told = Told()
        bus, tasks = InProcessBus(random.Random(1), QUICK), InProcessTasks(random.Random(1), QUICK)
        bus.subscribe(Queue("tests.heartbeat", HEARTBEAT), _ignore, KeptInMemory())
        bus.subscribe(Queue("tests.resync", RESYNC_REQUESTED), _ignore, KeptInMemory())
        bus.subscribe(Queue("tests.deliveries", "delivery.updated.v1"), told.updated, KeptInMemory())
        cache = InProcessCache(1, time.monotonic)
        engines = Engines(bus, tasks, cache, CollectorRegistry(), lambda: datetime.now(UTC), time.monotonic)
        settings = NotifierSettings(
            dsn=SecretStr(self.dsn),
            rules=(),
            retry_seconds=waits,
            sweep_seconds=0.01,
            secrets_key=None if key is None else SecretStr(key),
            webhook_allow_loopback=allow_loopback,
        )
        async with open_notifier(settings, engines) as notifier, running(bus.run(), tasks.run(), notifier.run()):
            yield Run(notifier, bus, told, self.receiver, self.database, engines.registry)


async def _ignore(_messages: Sequence[Message]) -> None:
    pass


@pytest.fixture
async def world(make_database: MakeDatabase) -> AsyncIterator[World]:
    dsn = await make_database(MIGRATIONS)
    connection = await asyncpg.connect(dsn)
    async with receiving() as receiver:
        receiver.secret = SECRET
        yield World(dsn, connection, receiver)
    await connection.close()


async def test_an_alert_arrives_signed(world: World) -> None:
    async with world.running() as run:
        await run.subscribe("s")
        await run.bus.publish(message(Open("a"), Open("b", ev=0.01)))
        await run.until_told(DELIVERED)
    (received,) = world.receiver.received
    assert (received.type, world.receiver.unsigned) == ("opportunity.alert", 0)
    assert received.data["text"].startswith("+5.2 % Harbour City at 2.45 (DraftKings)")
    assert received.data["opportunity"]["id"] == "a"
    assert received.data["opportunity"]["ev"] == pytest.approx(0.052)
    assert received.data["event"]["home"] == "Harbour City"
    assert received.data["subscription_id"] == "s"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("bet-intel/")
    (told,) = run.told.newest().values()
    assert (told.id, told.kind, told.opportunity_id) == (received.id, DeliveryKind.DELIVERY_KIND_ALERT, "a")
    assert (told.attempts, told.response_status, told.next_attempt_at_us) == (1, 204, 0)
    assert [one.state for one in run.told.updates] == [PENDING, DELIVERED]


async def test_the_rules_are_those_of_the_newest_revision(world: World) -> None:
    async with world.running() as run:
        await run.subscribe("s", revision=5, markets=["totals"])
        # Late: it is about everything.
        await run.subscribe("s", revision=4)
        await run.subscribe("t", status=SubscriptionStatus.SUBSCRIPTION_STATUS_PAUSED)
        await run.bus.publish(message(Open("a")))
        await run.subscribe("u")
        await run.bus.publish(message(Open("a"), revision=2))
        await run.until_told(DELIVERED)
        old = {"type": "subscription.changed.v1", "reason": "old_revision"}
        assert run.registry.get_sample_value("bet_intel_messages_ignored_total", old) == 1
    assert [one.data["subscription_id"] for one in world.receiver.received] == ["u"]


async def test_nothing_is_sent_for_one_that_was_deleted_or_paused_meanwhile(world: World) -> None:
    async with world.running(waits=(0.001,) * 200) as run:
        world.receiver.answers = [(500, {})] * 500
        await run.subscribe("s")
        await run.subscribe("t")
        await run.bus.publish(message(Open("a")))
        await until(lambda: len(world.receiver.received) >= 4)
        await run.subscribe("s", revision=2, status=SubscriptionStatus.SUBSCRIPTION_STATUS_DELETED)
        await run.subscribe("t", revision=2, status=SubscriptionStatus.SUBSCRIPTION_STATUS_PAUSED)
        await run.until_told(SKIPPED, SKIPPED)
        reasons = {one.subscription_id: one.reason for one in run.told.newest().values()}
        assert reasons == {"s": "the subscription was deleted", "t": "the subscription is paused"}
        row = await world.database.fetchrow("select rule, url, secret from subscription where id = 's'")
        assert row is not None
        assert tuple(row) == (None, None, None)
        # What comes late does not bring it back.
        await run.subscribe("s", revision=1)
        await run.bus.publish(message(Open("a"), Open("b"), revision=2))
        assert await world.database.fetchval("select count(*) from delivery") == 2


async def test_a_receiver_that_fails_is_tried_again_under_the_same_id(world: World) -> None:
    world.receiver.answers = [(500, {}), (302, {"Location": "http://127.0.0.1:1/"}), (429, {"Retry-After": "0"})]
    async with world.running() as run:
        await run.subscribe("s")
        await run.bus.publish(message(Open("a")))
        await run.until_told(DELIVERED)
    assert len(world.receiver.received) == 4
    assert len(set(world.receiver.ids())) == 1
    (told,) = run.told.newest().values()
    assert (told.attempts, told.reason) == (4, "")
    failures = [(one.reason, one.response_status) for one in run.told.updates if one.reason]
    assert failures == [
        ("the receiver answered 500", 500),
        ("the receiver redirects, which are not followed", 302),
        ("the receiver answered 429", 429),
    ]


@pytest.mark.parametrize("asked", ["3600", "date"])
async def test_retry_after_is_honoured(world: World, asked: str) -> None:
    if asked == "date":
        asked = datetime.fromtimestamp(time.time() + 3600, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    world.receiver.answers = [(503, {"Retry-After": asked})]
    async with world.running() as run:
        await run.subscribe("s")
        await run.bus.publish(message(Open("a")))
        await until(lambda: any(one.attempts for one in run.told.updates))
        (told,) = run.told.newest().values()
        assert told.state == PENDING
        assert 3590 < (from_us(told.next_attempt_at_us) - datetime.now(UTC)).total_seconds() < 3610
        assert await run.notifier.sweeper.sweep() == 0
        # When its time has come.
        await world.database.execute("update delivery set next_attempt_at = now()")
        await run.until_told(DELIVERED)


async def test_a_receiver_that_keeps_failing_is_given_up_and_can_be_redelivered(world: World) -> None:
    world.receiver.answers = [(500, {})] * 3
    async with world.running(waits=(0.001, 0.001)) as run:
        await run.subscribe("s")
        await run.bus.publish(message(Open("a")))
        await run.until_told(FAILED)
        (told,) = run.told.newest().values()
        assert (told.attempts, len(world.receiver.received)) == (3, 3)
        # Its opportunity is gone by now: what was sent is sent again as it was.
        await run.bus.publish(message(revision=2))
        await run.request("s", told.id)
        await run.until_told(DELIVERED)
        assert world.receiver.received[-1].body == world.receiver.received[-2].body
        await run.request("other", told.id)
        await run.request("s", "unknown")
        await run.request("s", told.id)
        await until(lambda: len(world.receiver.received) == 5)
    assert len(set(world.receiver.ids())) == 1


async def test_410_disables_the_subscription(world: World) -> None:
    world.receiver.answers = [(410, {})]
    async with world.running() as run:
        await run.subscribe("s", revision=7)
        await run.bus.publish(message(Open("a")))
        await run.until_told(FAILED)
        (told,) = run.told.newest().values()
        assert (told.receiver_gone, told.subscription_revision, told.attempts) == (True, 7, 1)
        assert await world.database.fetchval("select status from subscription") == "disabled"
        await run.bus.publish(message(Open("a"), Open("b"), revision=2))
        assert await world.database.fetchval("select count(*) from delivery") == 1
        # Its owner has it again.
        await run.subscribe("s", revision=8)
        await run.bus.publish(message(Open("a"), Open("b"), revision=3))
        await run.until_told(FAILED, DELIVERED)


async def test_a_test_message_is_sent_also_while_paused_and_before_the_subscription_is_heard_of(world: World) -> None:
    async with world.running(waits=(0.05,) * 100) as run:
        id = await run.request("s")
        await until(lambda: any(one.attempts for one in run.told.updates))
        await run.subscribe("s", status=SubscriptionStatus.SUBSCRIPTION_STATUS_PAUSED)
        await run.until_told(DELIVERED)
    (received,) = world.receiver.received
    assert (received.id, received.type) == (id, "subscription.test")
    assert run.told.newest()[id].kind == DeliveryKind.DELIVERY_KIND_TEST


async def test_a_request_that_comes_twice_sends_once(world: World) -> None:
    async with world.running() as run:
        await run.subscribe("s")
        body = DeliveryRequested(id=str(uuid4()), subscription_id="s")
        twice = envelope("delivery.requested.v1", "s", 0, body.SerializeToString())
        await run.bus.publish(twice)
        await run.bus.publish(twice)
        await run.until_told(DELIVERED)
    assert len(world.receiver.received) == 1


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x", "http://0.0.0.0:9/", "http://2130706433:9/"],
)
async def test_this_machine_is_not_reached_unless_it_is_allowed(world: World, url: str) -> None:
    async with world.running(waits=(), allow_loopback=False) as run:
        await run.subscribe("s", url=url)
        await run.request("s")
        await run.until_told(FAILED)
        (told,) = run.told.newest().values()
    assert "not an address of the public internet" in told.reason


async def test_a_receiver_that_is_not_there(world: World) -> None:
    async with world.running(waits=()) as run:
        await run.subscribe("s", url="http://127.0.0.1:1/")
        await run.request("s")
        await run.until_told(FAILED)
        (told,) = run.told.newest().values()
    assert told.reason.startswith("the receiver was not reached: ")


@pytest.mark.parametrize(
    ("key", "reason"),
    [(None, "BET_INTEL_NOTIFIER_SECRETS_KEY_FILE"), (OTHER_KEY, "encrypted with another key")],
)
async def test_without_the_right_key_it_is_said(world: World, key: str | None, reason: str) -> None:
    async with world.running(waits=(), key=key) as run:
        await run.subscribe("s")
        await run.request("s")
        await run.until_told(FAILED)
        (told,) = run.told.newest().values()
    assert reason in told.reason
    assert world.receiver.received == []


async def test_a_database_that_was_emptied_makes_the_same_id_again(world: World) -> None:
    for times in (1, 2):
        async with world.running() as run:
            await run.subscribe("s")
            await run.bus.publish(message(Open("a")))
            await until(lambda times=times: len(world.receiver.received) == times)  # type: ignore[misc]
            await run.until_told(DELIVERED)
        await world.database.execute("truncate subscription, delivery, alerted, opportunity_set")
    assert len(world.receiver.received) == 2
    assert len(set(world.receiver.ids())) == 1


@pytest.mark.parametrize(
    "data", [b"\xff\xff", SubscriptionChanged(id="s").SerializeToString()], ids=["bytes", "no revision"]
)
async def test_a_message_that_cannot_be_read_is_set_aside(world: World, data: bytes) -> None:
    async with world.running() as run:
        await run.bus.publish(envelope("subscription.changed.v1", "s", 1, data))
        assert await world.database.fetchval("select count(*) from dead_letter") == 1
        assert await world.database.fetchval("select count(*) from subscription") == 0
