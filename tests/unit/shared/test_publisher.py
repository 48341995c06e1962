"""A publisher survives what its driver does when a connection ends."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiormq import spec
from aiormq.exceptions import DeliveryError

from bet_intel.shared.rabbitmq.connection import Connector, Nodes, losses_of_the_driver
from bet_intel.shared.rabbitmq.envelope import Outgoing
from bet_intel.shared.rabbitmq.publisher import Publisher
from bet_intel.shared.rabbitmq.topology import EXCHANGES

_MESSAGE = Outgoing.plain(b"", "1")


class _Channel:
    """Of the driver, whose confirms are what `answer` comes to."""

    is_closed = False

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.published = 0
        self._answer = answer

    async def get_underlay_channel(self) -> "_Channel":
        return self

    async def basic_publish(self, *_: object, **__: object) -> None:
        self.published += 1
        await self._answer()


def publisher(monkeypatch: pytest.MonkeyPatch, channel: _Channel) -> Publisher:
    async def open_channel(_: Publisher) -> _Channel:
        return channel

    monkeypatch.setattr(Publisher, "_open_channel", open_channel)
    return Publisher(Connector(Nodes.parse("amqp://user@127.0.0.1/v"), "test", random.Random(1)), EXCHANGES)


async def test_a_confirm_that_the_driver_cancels_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when its reader ends while confirms are waited for. Borne as a cancellation, the row would never be sent."""

    async def cancelled_once() -> None:
        if channel.published == 1:
            raise asyncio.CancelledError

    channel = _Channel(cancelled_once)
    await publisher(monkeypatch, channel).publish("exchange", "key", _MESSAGE)

    assert channel.published == 2


async def test_a_channel_that_refuses_for_longer_is_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that lost a node refuses on one channel what it takes on the next."""

    async def refuse() -> None:
        raise DeliveryError(None, spec.Basic.Nack())

    async def take() -> None: ...

    refusing, taking = _Channel(refuse), _Channel(take)
    left = [refusing, taking]

    async def open_channel(self: Publisher) -> _Channel:
        monkeypatch.setattr(self, "_channel", left.pop(0), raising=False)
        return cast("_Channel", self._channel)

    monkeypatch.setattr(Publisher, "_open_channel", open_channel)
    monkeypatch.setattr("bet_intel.shared.rabbitmq.publisher._RENEWED_AFTER", 0.0)
    publishing = Publisher(Connector(Nodes.parse("amqp://user@127.0.0.1/v"), "test", random.Random(1)), EXCHANGES)
    await publishing.publish("exchange", "key", _MESSAGE)
    await publishing.close()

    assert (refusing.published, taking.published) == (1, 1)


async def test_who_is_asked_to_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = asyncio.Event()

    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    channel = _Channel(wait)
    task = asyncio.ensure_future(publisher(monkeypatch, channel).publish("exchange", "key", _MESSAGE))
    await waits.wait()
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert channel.published == 1


async def test_a_timeout_is_no_loss_of_the_driver() -> None:
    async def wait() -> None:
        async with asyncio.timeout(0.01):
            with losses_of_the_driver():
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()
