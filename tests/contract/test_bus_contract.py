"""What every event bus promises, within one process and on a real RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bet_intel.shared.messaging import Message, Queue, TerminalError, UnavailableError, UnroutableError
from fixtures.engines import BusUnderTest, KeptInMemory, in_process_bus, rabbit_bus
from fixtures.waiting import until

TYPE = "odds.changed.v1"


@pytest.fixture(params=["inprocess", pytest.param("rabbitmq", marks=pytest.mark.integration)])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[BusUnderTest]:
    opening = in_process_bus() if request.param == "inprocess" else rabbit_bus(request.getfixturevalue("vhost").url)
    async with opening as opened:
        yield opened


@pytest.fixture
def dead_letters() -> KeptInMemory:
    return KeptInMemory()


def message(id: str, kind: str = TYPE) -> Message:
    return Message(
        id, kind, "odds-ingest", f"subject of {id}", datetime(2026, 5, 1, 18, 30, 0, 250, UTC), 7, b"\x00\xff"
    )


class Consumer:
    """Remembers what it handled; fails on the ids in `poison`, with the error given there."""

    def __init__(self, poison: dict[str, BaseException] | None = None) -> None:
        self.handled: list[Message] = []
        self.batches: list[list[str]] = []
        self.poison: dict[str, BaseException] = poison or {}

    async def __call__(self, messages: Sequence[Message]) -> None:
        self.batches.append([one.id for one in messages])
        for one in messages:
            if one.id in self.poison:
                raise self.poison[one.id]
        self.handled.extend(messages)

    def ids(self) -> list[str]:
        return sorted(one.id for one in self.handled)

    def tries(self, id: str) -> int:
        return sum(id in batch for batch in self.batches)


async def test_every_consumer_gets_every_message_as_it_was_sent(
    engine: BusUnderTest, dead_letters: KeptInMemory
) -> None:
    first, second, other = Consumer(), Consumer(), Consumer()
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), first, dead_letters)
    engine.bus.subscribe(Queue("ev-engine.odds-changed", TYPE), second, dead_letters)
    engine.bus.subscribe(Queue("api.provider-status", "provider.status.v1"), other, dead_letters)
    sent = [message(str(number)) for number in range(3)]
    async with engine.consuming():
        await asyncio.gather(*(engine.bus.publish(one) for one in sent))
        await until(lambda: len(first.handled) == len(second.handled) == 3)
    assert sorted(first.handled, key=lambda one: one.id) == sent
    assert sorted(second.handled, key=lambda one: one.id) == sent
    assert other.handled == []


async def test_micro_batches_are_no_larger_than_asked_for(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer()
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, batch=4), consumer, dead_letters)
    async with engine.consuming():
        await asyncio.gather(*(engine.bus.publish(message(f"{number:02}")) for number in range(18)))
        await until(lambda: len(consumer.handled) == 18)
    assert max(len(batch) for batch in consumer.batches) <= 4
    assert consumer.ids() == [f"{number:02}" for number in range(18)]


async def test_an_unroutable_message_raises(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), Consumer(), dead_letters)
    async with engine.consuming():
        with pytest.raises(UnroutableError, match=r"nobody\.listens\.v1"):
            await engine.bus.publish(message("1", "nobody.listens.v1"))


async def test_news_of_the_moment_reach_every_consumer(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    first, second = Consumer(), Consumer()
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), first, dead_letters)
    engine.bus.subscribe(Queue("ev-engine.odds-changed", TYPE), second, dead_letters)
    async with engine.consuming():
        engine.bus.announce(message("1"))
        await until(lambda: first.handled == second.handled == [message("1")])


async def test_news_that_nobody_listens_to_are_no_error(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer()
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), consumer, dead_letters)
    async with engine.consuming():
        engine.bus.announce(message("1", "nobody.listens.v1"))
        engine.bus.announce(message("2"))
        await until(lambda: consumer.handled == [message("2")])


async def test_a_failing_consumer_holds_up_no_other_consumer(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    sound, failing = Consumer(), Consumer({str(number): ValueError("no") for number in range(5)})
    engine.bus.subscribe(Queue("sound", TYPE), sound, dead_letters)
    engine.bus.subscribe(Queue("failing", TYPE, attempts=1_000_000), failing, dead_letters)
    async with engine.consuming(), asyncio.TaskGroup() as group:
        publishing = [group.create_task(engine.bus.publish(message(str(number)))) for number in range(5)]
        await until(lambda: len(sound.handled) == 5 and len(failing.batches) > 20)
        assert sound.ids() == ["0", "1", "2", "3", "4"]
        assert failing.handled == []
        for one in publishing:
            one.cancel()


async def test_a_poison_message_takes_no_neighbour_along(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer({"05": ValueError("a price of nought")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, batch=16, attempts=4), consumer, dead_letters)
    async with engine.consuming():
        await asyncio.gather(*(engine.bus.publish(message(f"{number:02}")) for number in range(16)))
        await until(lambda: len(dead_letters.letters) == 1)
    assert consumer.ids() == [f"{number:02}" for number in range(16) if number != 5]
    letter = dead_letters.letters["api.odds-changed", "05"]
    assert (letter.name, letter.subject, letter.attempts) == (TYPE, "subject of 05", 4)
    assert letter.reason == "ValueError: a price of nought"


async def test_a_message_is_set_aside_after_as_many_attempts_as_its_queue_allows(
    engine: BusUnderTest, dead_letters: KeptInMemory
) -> None:
    consumer = Consumer({"1": ValueError("no")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, batch=1, attempts=3), consumer, dead_letters)
    async with engine.consuming():
        await engine.bus.publish(message("1"))
        await until(lambda: len(dead_letters.letters) == 1)
        # What follows is handled: nothing of the dead one is still on its way before it.
        await engine.bus.publish(message("2"))
        await until(lambda: consumer.ids() == ["2"])
    assert consumer.tries("1") == 3
    assert dead_letters.letters["api.odds-changed", "1"].attempts == 3


async def test_a_message_that_fails_for_a_while_is_handled_in_the_end(
    engine: BusUnderTest, dead_letters: KeptInMemory
) -> None:
    consumer = Consumer({"1": ValueError("not yet")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, attempts=1_000_000), consumer, dead_letters)
    async with engine.consuming(), asyncio.TaskGroup() as group:
        group.create_task(engine.bus.publish(message("1")))
        await until(lambda: consumer.tries("1") >= 3)
        consumer.poison.clear()
        await until(lambda: consumer.ids() == ["1"])
    assert dead_letters.letters == {}


async def test_an_undecodable_message_is_set_aside_at_once(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer({"1": TerminalError("cannot be decoded")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), consumer, dead_letters)
    async with engine.consuming():
        await engine.bus.publish(message("1"))
        await until(lambda: len(dead_letters.letters) == 1)
    assert consumer.tries("1") == 1
    assert dead_letters.letters["api.odds-changed", "1"].reason == "TerminalError: cannot be decoded"


async def test_a_consumer_whose_database_is_away_loses_nothing_and_sets_nothing_aside(
    engine: BusUnderTest, dead_letters: KeptInMemory
) -> None:
    away = UnavailableError("no connection to the database")
    consumer = Consumer({str(number): away for number in range(4)})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, attempts=2), consumer, dead_letters)
    async with engine.consuming(), asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(engine.bus.publish(message(str(number))))
        await until(lambda: len(consumer.batches) >= 10)
        assert dead_letters.letters == {}
        consumer.poison.clear()
        await until(lambda: consumer.ids() == ["0", "1", "2", "3"])
    assert dead_letters.letters == {}


async def test_redrive_delivers_dead_letters_again(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer({"1": TerminalError("unknown version"), "2": TerminalError("unknown version")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), consumer, dead_letters)
    async with engine.consuming():
        await asyncio.gather(engine.bus.publish(message("1")), engine.bus.publish(message("2")))
        await until(lambda: len(dead_letters.letters) == 2)
        del consumer.poison["1"]
        tries = consumer.tries("2")
        await engine.redrive()
        await until(lambda: consumer.handled == [message("1")])
        await until(lambda: consumer.tries("2") == tries + 1)
        await until(lambda: list(dead_letters.letters) == [("api.odds-changed", "2")])


async def test_a_handler_cancelled_from_within_does_not_end_its_queue(
    engine: BusUnderTest, dead_letters: KeptInMemory
) -> None:
    consumer = Consumer({"1": asyncio.CancelledError()})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, attempts=1), consumer, dead_letters)
    async with engine.consuming():
        await engine.bus.publish(message("1"))
        await until(lambda: list(dead_letters.letters) == [("api.odds-changed", "1")])
        await engine.bus.publish(message("2"))
        await until(lambda: consumer.ids() == ["2"])


async def test_keeping_a_dead_letter_that_is_cancelled_from_within_does_not_end_its_queue(
    engine: BusUnderTest, dead_letters: KeptInMemory
) -> None:
    consumer = Consumer({"1": TerminalError("unknown version")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), consumer, dead_letters)
    dead_letters.broken = asyncio.CancelledError()
    async with engine.consuming():
        engine.bus.announce(message("1"))
        await until(lambda: consumer.tries("1") == 1)
        engine.bus.announce(message("2"))
        await until(lambda: consumer.ids() == ["2"])


async def test_a_dead_letter_that_fails_again_has_one_try(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer({"1": ValueError("no")})
    engine.bus.subscribe(Queue("api.odds-changed", TYPE, attempts=3), consumer, dead_letters)
    async with engine.consuming():
        await engine.bus.publish(message("1"))
        await until(lambda: len(dead_letters.letters) == 1)
        assert consumer.tries("1") == 3
        await engine.redrive()
        await until(lambda: consumer.tries("1") == 4 and len(dead_letters.letters) == 1)
        # What follows is handled: nothing of the dead one is still on its way before it.
        await engine.bus.publish(message("2"))
        await until(lambda: consumer.ids() == ["2"])
    assert consumer.tries("1") == 4
    assert list(dead_letters.letters) == [("api.odds-changed", "1")]


async def test_a_message_keeps_its_trace(engine: BusUnderTest, dead_letters: KeptInMemory) -> None:
    consumer = Consumer()
    engine.bus.subscribe(Queue("api.odds-changed", TYPE), consumer, dead_letters)
    sent = replace(message("1"), traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    async with engine.consuming():
        await engine.bus.publish(sent)
        await until(lambda: consumer.handled == [sent])


# Of the bus within one process alone: there is no broker that could keep what is confirmed.


async def test_in_process_a_publish_is_confirmed_when_the_last_consumer_is_done(dead_letters: KeptInMemory) -> None:
    gate = asyncio.Event()

    async def slow(messages: Sequence[Message]) -> None:
        await gate.wait()

    async with in_process_bus() as engine:
        quick = Consumer()
        engine.bus.subscribe(Queue("quick", TYPE), quick, dead_letters)
        engine.bus.subscribe(Queue("slow", TYPE), slow, dead_letters)
        async with engine.consuming(), asyncio.TaskGroup() as group:
            publishing = group.create_task(engine.bus.publish(message("1")))
            await until(lambda: quick.ids() == ["1"])
            assert not publishing.done()
            gate.set()
            await until(publishing.done)


async def test_in_process_what_cannot_even_be_set_aside_is_not_confirmed(dead_letters: KeptInMemory) -> None:
    async with in_process_bus() as engine:
        consumer = Consumer({"1": TerminalError("no"), "news": TerminalError("no")})
        engine.bus.subscribe(Queue("q", TYPE, batch=1), consumer, dead_letters)
        dead_letters.broken = RuntimeError("the table is missing")
        async with engine.consuming():
            engine.bus.announce(message("news"))
            with pytest.raises(RuntimeError, match="the table is missing"):
                await engine.bus.publish(message("1"))
            assert consumer.tries("news") == 1


async def test_in_process_a_dead_letter_waits_for_its_database(dead_letters: KeptInMemory) -> None:
    async with in_process_bus() as engine:
        consumer = Consumer({"1": TerminalError("no")})
        engine.bus.subscribe(Queue("q", TYPE), consumer, dead_letters)
        dead_letters.broken = UnavailableError("no connection to the database")
        async with engine.consuming(), asyncio.TaskGroup() as group:
            publishing = group.create_task(engine.bus.publish(message("1")))
            await until(lambda: consumer.tries("1") == 1)
            dead_letters.broken = None
            await until(publishing.done)
        assert list(dead_letters.letters) == [("q", "1")]
