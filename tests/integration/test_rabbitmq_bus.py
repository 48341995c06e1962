"""The event bus on a real RabbitMQ: what is on the wire, and what happens when something goes away."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bet_intel.compose.servers.ports import free_port
from bet_intel.compose.servers.rabbitmq import Permissions
from bet_intel.shared.message_metrics import MessageMetrics
from bet_intel.shared.messaging import DeadLetter, Message, Queue, TerminalError
from bet_intel.shared.rabbitmq.bus import RabbitBus
from bet_intel.shared.rabbitmq.consumer import ConsumingEndedError
from bet_intel.shared.rabbitmq.envelope import to_amqp
from bet_intel.shared.rabbitmq.errors import BrokerError, BrokerUnavailableError
from bet_intel.shared.rabbitmq.publisher import Patience
from bet_intel.shared.rabbitmq.topology import Declarer, Topology, dead_queue, quorum_queue
from fixtures.engines import ODDS_QUEUE, QUICK, KeptInMemory, connector
from fixtures.outgoing_amqp import for_driver
from fixtures.servers import Vhost
from fixtures.waiting import running, until
from fixtures.ways import open_way

pytestmark = pytest.mark.integration

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOWHERE = "127.0.0.1:1"


def message(id: str, kind: str = "odds.changed.v1") -> Message:
    time = datetime(2026, 5, 1, 18, 30, 0, 250, UTC)
    return Message(id, kind, "odds-ingest", f"subject of {id}", time, 7, b"\x00\xff", TRACEPARENT)


class Seen:
    """A handler that remembers the ids it got, and waits at `gate`."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.done: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, messages: Sequence[Message]) -> None:
        self.began += [one.id for one in messages]
        await self.gate.wait()
        self.done += [one.id for one in messages]


def bus_of(vhost: Vhost, seen: Seen, dead_letters: KeptInMemory | None = None) -> RabbitBus:
    bus = RabbitBus(connector(vhost.url), QUICK)
    bus.subscribe(ODDS_QUEUE, seen, dead_letters or KeptInMemory())
    return bus


@asynccontextmanager
async def looking_in(vhost: Vhost) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(vhost.url)
    async with connection, connection.channel() as channel:
        yield channel


async def depth(channel: AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def test_an_event_on_the_wire_is_cloudevents_in_binary_mode(vhost: Vhost) -> None:
    bus = bus_of(vhost, Seen())
    await bus.declare()
    await bus.publish(message("1"))
    async with looking_in(vhost) as channel:
        raw = await (await channel.get_queue(ODDS_QUEUE.name)).get()
    await bus.close()
    assert raw.headers == {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": "1",
        "cloudEvents:type": "odds.changed.v1",
        "cloudEvents:source": "odds-ingest",
        "cloudEvents:subject": "subject of 1",
        "cloudEvents:time": "2026-05-01T18:30:00.000250+00:00",
        "cloudEvents:revision": 7,
        "traceparent": TRACEPARENT,
        "x-delivery-count": 0,  # the broker's own
    }
    assert (raw.message_id, raw.type, raw.app_id, raw.delivery_mode) == ("1", "odds.changed.v1", "odds-ingest", 2)
    assert raw.timestamp == datetime(2026, 5, 1, 18, 30, tzinfo=UTC)
    assert raw.content_type == "application/protobuf"
    assert raw.body == b"\x00\xff"


async def test_queues_are_quorum_queues_with_a_dead_queue(vhost: Vhost) -> None:
    await bus_of(vhost, Seen()).declare()
    queues = {one["name"]: one for one in vhost.rabbitmq.manage("GET", f"queues/{vhost.name}")}
    assert set(queues) == {ODDS_QUEUE.name, dead_queue(ODDS_QUEUE.name)}
    assert {one["type"] for one in queues.values()} == {"quorum"}
    assert queues[ODDS_QUEUE.name]["arguments"]["x-delivery-limit"] >= 20


async def test_a_wrong_password_is_named_and_not_told(vhost: Vhost) -> None:
    url = vhost.url.replace(vhost.url.split(":")[2].split("@")[0], "s3cret")
    with pytest.raises(BrokerError, match=r"refuses the login of 'bet-intel'.*BET_INTEL_BROKER_URL") as refused:
        await connector(url).reach()
    assert "s3cret" not in str(refused.value)


async def test_a_missing_vhost_is_named_and_how_to_make_it(vhost: Vhost) -> None:
    with pytest.raises(BrokerError, match=r"no vhost 'absent'.*rabbitmqctl add_vhost absent"):
        await connector(vhost.url.replace(vhost.name, "absent")).reach()


async def test_a_user_without_the_right_is_told_which_and_how_to_give_it(vhost: Vhost) -> None:
    user = f"service-of-{vhost.name}"
    permissions = Permissions("^bet-intel[.].*$", "^bet-intel[.].*$", "^bet-intel[.].*$")
    await asyncio.to_thread(vhost.rabbitmq.create_user, user, "s3cret", vhost.name, permissions)
    try:
        bus = RabbitBus(connector(vhost.rabbitmq.urls(vhost.name, user, "s3cret")[0]), QUICK)
        bus.subscribe(ODDS_QUEUE, Seen(), KeptInMemory())
        with pytest.raises(
            BrokerError,
            match=rf"make api\.odds-changed(\.dead)?: .*user '{user}'.*rabbitmqctl set_permissions -p VHOST",
        ):
            await bus.declare()
    finally:
        await asyncio.to_thread(vhost.rabbitmq.delete_user, user)


async def test_a_user_who_may_not_read_its_queue_is_told_so_and_how_to_give_the_right(vhost: Vhost) -> None:
    user = f"service-of-{vhost.name}"
    # To make a queue that dead-letters takes the right to read it: only one that is there needs none.
    await bus_of(vhost, Seen()).declare()
    permissions = Permissions(".*", ".*", "^(bet-intel[.].*|.*[.]dead)$")
    await asyncio.to_thread(vhost.rabbitmq.create_user, user, "s3cret", vhost.name, permissions)
    try:
        bus = RabbitBus(connector(vhost.rabbitmq.urls(vhost.name, user, "s3cret")[0]), QUICK)
        bus.subscribe(ODDS_QUEUE, Seen(), KeptInMemory())
        with pytest.raises(ExceptionGroup) as refused:
            async with asyncio.timeout(20):
                await bus.run()
        [error] = refused.value.exceptions
        assert isinstance(error, BrokerError)
        said = rf"not let our user read api\.odds-changed: .*user '{user}'.*rabbitmqctl set_permissions -p VHOST"
        assert re.search(said, str(error)), error
    finally:
        await asyncio.to_thread(vhost.rabbitmq.delete_user, user)


async def test_a_consumer_whose_work_has_ended_ends_the_process(vhost: Vhost) -> None:
    class Unwritable(Queue):
        def dead_letter(self, message: Message, reason: str, attempts: int) -> DeadLetter:
            raise LookupError("no dead letter can be made of it")

    async def refuse(_messages: Sequence[Message]) -> None:
        raise TerminalError("unknown version")

    bus = RabbitBus(connector(vhost.url), QUICK)
    bus.subscribe(Unwritable(ODDS_QUEUE.name, ODDS_QUEUE.type), refuse, KeptInMemory())
    await bus.declare()
    await bus.publish(message("1"))
    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.timeout(20):
            await bus.run()
    [error] = ended.value.exceptions
    assert isinstance(error, ConsumingEndedError)
    assert str(error) == "nobody works on api.odds-changed any more"
    assert isinstance(error.__cause__, LookupError)
    async with looking_in(vhost) as channel:
        await until(lambda: _is_depth(channel, ODDS_QUEUE.name, 1))


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@somewhere",
        "amqp://user:1234/s3cret@somewhere:1/x",
        "amqp://user:1234?s3cret@somewhere:1/x",
        "amqp://user:1234#s3cret@somewhere:1/x",
        "amqp://user:pw@somewhere:s3cret/x",
    ],
)
async def test_an_address_that_is_none_is_not_told(url: str) -> None:
    with pytest.raises(BrokerError, match=r"amqp://user:password@host:port/vhost") as refused:
        connector(url)
    assert not {"1234", "s3cret"} & set(re.findall(r"\w+", str(refused.value)))


async def test_a_publisher_whose_broker_is_away_says_where_it_looked(vhost: Vhost) -> None:
    bus = RabbitBus(connector(f"amqp://{NOWHERE}"), QUICK, patience=Patience(publish=0.2))
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1: connection refused.*is RabbitMQ running"):
        await bus.publish(message("1"))


async def test_a_node_that_does_not_answer_is_passed_over(vhost: Vhost) -> None:
    login, _, place = vhost.url.removeprefix("amqp://").rpartition("@")
    host, _, name = place.partition("/")
    for number in range(4):  # whichever of them it begins with
        connection = await connector(f"amqp://{login}@{NOWHERE},{host}/{name}", f"tests {number}").connect()
        await connection.close()


async def test_a_node_that_refuses_is_passed_over(vhost: Vhost) -> None:
    absent = vhost.url.replace(vhost.name, "absent")
    for url in (f"{vhost.url},{absent}", f"{absent},{vhost.url}"):  # it begins with the same place of both
        await (await connector(url).reach()).close()


async def test_a_node_that_refuses_beside_one_that_is_away_is_waited_for_and_said(vhost: Vhost) -> None:
    absent = vhost.url.replace(vhost.name, "absent")
    away = vhost.url.rpartition("@")[0] + f"@{NOWHERE}"
    for url in (f"{away},{absent}", f"{absent},{away}"):
        with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1: connection refused.*no vhost 'absent'"):
            await connector(url).connect()
    with pytest.raises(BrokerError, match="no vhost 'absent'"):
        await connector(f"{absent},{absent}").connect()


async def test_a_consumer_started_before_its_broker_waits_and_says_so(
    vhost: Vhost, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broker that appears is a way to it that opens later."""
    seen = Seen()
    await bus_of(vhost, seen).declare()
    place = vhost.rabbitmq.nodes[0].port
    port = free_port()
    bus = RabbitBus(connector(vhost.url.replace(str(place), str(port))), QUICK)
    bus.subscribe(ODDS_QUEUE, seen, KeptInMemory())

    async with running(bus.run()):
        said = ""
        while "waiting for the broker" not in said:
            await asyncio.sleep(0)
            said += capsys.readouterr().out
        assert f"127.0.0.1:{port}: connection refused" in said
        async with open_way(port, place):
            await bus.publish(message("1"))
            await until(lambda: seen.done == ["1"])


async def test_a_queue_that_is_there_and_different_is_named(vhost: Vhost) -> None:
    other = quorum_queue(ODDS_QUEUE.name, {"x-delivery-limit": 3})
    connection = await connector(vhost.url).connect()
    await Declarer().declare(connection, Topology(queues=frozenset({other})))
    await connection.close()
    with pytest.raises(BrokerError, match=r"a queue api\.odds-changed that was declared otherwise"):
        await bus_of(vhost, Seen()).declare()


async def test_what_a_stopping_consumer_has_in_hand_is_finished_and_the_rest_given_back(vhost: Vhost) -> None:
    seen = Seen()
    seen.gate.clear()
    bus = bus_of(vhost, seen)
    await bus.declare()
    for number in range(40):
        await bus.publish(message(f"{number:02}"))
    run = asyncio.get_running_loop().create_task(bus.run())
    await until(lambda: len(seen.began) > 0)
    run.cancel()
    for _ in range(50):
        await asyncio.sleep(0)  # from being cancelled to taking no more it is a few turns of the loop, without waiting
    seen.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert seen.done == seen.began
    assert 0 < len(seen.done) < 40
    async with looking_in(vhost) as channel:
        assert await depth(channel, ODDS_QUEUE.name) == 40 - len(seen.done)
    after = Seen()
    async with running(bus_of(vhost, after).run()):
        await until(lambda: len(after.done) + len(seen.done) == 40)
    assert sorted(after.done + seen.done) == [f"{number:02}" for number in range(40)]


async def test_consumer_and_publisher_come_back_when_the_broker_drops_them(vhost: Vhost) -> None:
    seen = Seen()
    bus = bus_of(vhost, seen)
    await bus.declare()

    async def handled(id: str) -> None:
        await bus.publish(message(id))
        await until(lambda: id in seen.done)

    async with running(bus.run()):
        await handled("before")
        for connection in await asyncio.to_thread(vhost.rabbitmq.manage, "GET", f"vhosts/{vhost.name}/connections"):
            await asyncio.to_thread(vhost.rabbitmq.manage, "DELETE", f"connections/{connection['name']}")
        await handled("after")


async def test_what_is_no_event_goes_to_the_dead_queue_and_blocks_nothing(vhost: Vhost) -> None:
    seen, dead_letters = Seen(), KeptInMemory()
    bus = bus_of(vhost, seen, dead_letters)
    await bus.declare()
    async with looking_in(vhost) as channel, running(bus.run()):
        await channel.default_exchange.publish(aio_pika.Message(b"?", message_id="alien"), ODDS_QUEUE.name)
        await bus.publish(message("1"))
        await until(lambda: seen.done == ["1"])
        await until(lambda: _is_depth(channel, dead_queue(ODDS_QUEUE.name), 1))
    assert dead_letters.letters == {}


async def test_an_event_of_an_unknown_version_is_a_dead_letter_and_blocks_nothing(vhost: Vhost) -> None:
    """One that somebody has bound to the queue, which nobody there can read."""
    seen, dead_letters, registry = Seen(), KeptInMemory(), CollectorRegistry()
    bus = RabbitBus(connector(vhost.url), QUICK, metrics=MessageMetrics(registry))
    bus.subscribe(ODDS_QUEUE, seen, dead_letters)
    await bus.declare()
    unknown = for_driver(to_amqp(message("unknown", "odds.changed.v7")))
    alien = for_driver(to_amqp(message("alien")))
    alien.headers["cloudEvents:specversion"] = "9.0"
    with capture_logs() as logs:
        async with looking_in(vhost) as channel, running(bus.run()):
            for one in (unknown, alien):
                await channel.default_exchange.publish(one, ODDS_QUEUE.name)
            await bus.publish(message("1"))
            await until(lambda: seen.done == ["1"])
            await until(lambda: _is_depth(channel, dead_queue(ODDS_QUEUE.name), 1))
    [letter] = dead_letters.letters.values()
    assert (letter.id, letter.subject) == ("unknown", "subject of unknown")
    assert "odds.changed.v7 unknown of subject of unknown is in api.odds-changed" in letter.reason
    said = [(line["event"], line["id"]) for line in logs if line["log_level"] == "error"]
    assert sorted(said) == [
        ("no event of ours, left to the dead queue", "alien"),
        ("set aside as a dead letter", "unknown"),
    ]
    counted = {
        outcome: registry.get_sample_value("bet_intel_messages_total", {"queue": ODDS_QUEUE.name, "outcome": outcome})
        for outcome in ("handled", "set_aside", "refused")
    }
    assert counted == {"handled": 1, "set_aside": 1, "refused": 1}


async def _is_depth(channel: AbstractChannel, queue: str, wanted: int) -> bool:
    return await depth(channel, queue) == wanted


async def test_a_dead_letter_that_cannot_be_kept_is_left_to_the_dead_queue(vhost: Vhost) -> None:
    class Refusing(Seen):
        async def __call__(self, messages: Sequence[Message]) -> None:
            self.began += [one.id for one in messages]
            if self.gate.is_set():
                raise ValueError("no")
            self.done += [one.id for one in messages]

    seen, dead_letters = Refusing(), KeptInMemory()
    dead_letters.broken = RuntimeError("the table is missing")
    bus = bus_of(vhost, seen, dead_letters)
    await bus.declare()
    async with looking_in(vhost) as channel, running(bus.run()):
        await bus.publish(message("1"))
        await until(lambda: _is_depth(channel, dead_queue(ODDS_QUEUE.name), 1))
        assert len(seen.began) == ODDS_QUEUE.attempts
        seen.gate.clear()
        assert await bus.redrive() == 1
        await until(lambda: seen.done == ["1"])
        assert await depth(channel, dead_queue(ODDS_QUEUE.name)) == 0


async def test_a_message_that_ends_its_process_dies_alone(vhost: Vhost) -> None:
    """However often it does: those that were waiting beside it are handled."""
    bus = bus_of(vhost, Seen())
    await bus.declare()
    for number in range(30):
        await bus.publish(message(f"{number:02}"))
    await bus.close()
    crashing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fixtures.crashing_consumer", vhost.url, "03"),
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    async with looking_in(vhost) as channel:
        try:
            await until(lambda: _is_depth(channel, dead_queue(ODDS_QUEUE.name), 1), timeout=40)
            await until(lambda: _is_depth(channel, ODDS_QUEUE.name, 0), timeout=20)
        finally:
            crashing.kill()
        said, _ = await crashing.communicate()
        dead = await (await channel.get_queue(dead_queue(ODDS_QUEUE.name))).get()
        assert dead.message_id == "03"
        rest = Seen()
        async with running(bus_of(vhost, rest).run()):
            await until(lambda: {*said.decode().split(), *rest.done} == {f"{n:02}" for n in range(30)} - {"03"})
        assert await depth(channel, dead_queue(ODDS_QUEUE.name)) == 0  # all but the one taken above
