"""Consuming one queue on one channel: what is settled is acknowledged together, what is left at the end given back."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiormq.abc
import structlog
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

from bet_intel.shared.message_metrics import REFUSED
from bet_intel.shared.messaging import Message, TerminalError
from bet_intel.shared.rabbitmq.connection import LOST, losses_of_the_driver
from bet_intel.shared.rabbitmq.envelope import attempts_before, deliveries_before, from_amqp
from bet_intel.shared.rabbitmq.errors import BrokerError
from bet_intel.shared.work_queue import Outcome, Settled, WorkQueue

_log = structlog.get_logger(__name__)

_SECONDS = 10.0
"""How long the broker may take to answer."""


class ConsumingEndedError(Exception):
    """A part of a consumer that goes on until it is stopped has ended: nobody would work on its queue any more."""


@dataclass(slots=True)
class Consumer:
    """Brings messages of the queue `work.name` to its handler.

    Until a message comes that nobody had before, it takes one at a time: one that ends the process counts against every
    message that the process had, and would take them along. Then it takes up to `prefetch`.
    """

    channel: aiormq.abc.AbstractChannel
    work: WorkQueue[Message]
    prefetch: int
    on_cancelled: Callable[[], None]
    """The broker does not deliver any more: the queue was deleted, or it did not answer in time."""
    _tag: str | None = None
    _widened: bool = False
    _outstanding: set[int] = field(default_factory=set)
    _settled: dict[int, Outcome | None] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _working: asyncio.Task[None] | None = None
    _settling: asyncio.Task[None] | None = None
    _widening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises:
        BrokerError: the broker does not let us read the queue.
        """
        self.channel.on_consumer_cancel_callbacks.add(lambda _: self.on_cancelled())
        loop = asyncio.get_running_loop()
        self._working = loop.create_task(self.work.work(), name=f"work {self.work.name}")
        self._settling = loop.create_task(self._settle(), name=f"settle {self.work.name}")
        try:
            await self._consume(1)
        except ChannelAccessRefused as error:
            raise BrokerError(
                f"the broker does not let our user read {self.work.name}: {error}. An administrator gives the right by "
                "`rabbitmqctl set_permissions -p VHOST USER CONFIGURE WRITE READ`, where READ is to match that name"
            ) from error
        except ChannelPreconditionFailed as error:
            raise BrokerError(
                f"the broker does not let us consume {self.work.name} as it is: let it run empty and delete it, it is "
                f"then declared anew ({error})"
            ) from error

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        """What goes on until `stop`: whoever started the consumer is to watch it."""
        return [task for task in (self._working, self._settling) if task is not None]

    def check(self) -> None:
        """Raises:
        ConsumingEndedError: one of the `loops` has ended before `stop`.
        """
        for task in self.loops:
            if task.done():
                error = asyncio.CancelledError() if task.cancelled() else task.exception()
                raise ConsumingEndedError(f"nobody works on {self.work.name} any more") from error

    async def stop(self, grace: float) -> None:
        """Take no more, let the handler finish for up to `grace` seconds, acknowledge, and give back the rest."""
        self.work.finish()
        if self._widening is not None:
            await asyncio.wait({self._widening})
        if self._settling is not None:
            self._settling.cancel()
        if self._tag is not None and not self.channel.is_closed:
            with contextlib.suppress(*LOST), losses_of_the_driver():
                await self.channel.basic_cancel(self._tag, timeout=_SECONDS)
        if self._working is not None:
            _, late = await asyncio.wait({self._working}, timeout=grace)
            for task in late:
                _log.warning("handler not done in time, its messages are given back", queue=self.work.name)
                task.cancel()
            await asyncio.wait({self._working})
        self.work.release()
        await asyncio.sleep(0)  # what is settled is noted by callbacks
        await self._flush()

    async def _consume(self, prefetch: int) -> None:
        await self.channel.basic_qos(prefetch_count=prefetch, timeout=_SECONDS)
        consuming = await self.channel.basic_consume(self.work.name, self._arrived, timeout=_SECONDS)
        self._tag = consuming.consumer_tag

    async def _widen(self) -> None:
        try:
            with losses_of_the_driver():
                if self._tag is not None:
                    await self.channel.basic_cancel(self._tag, timeout=_SECONDS)
                await self._consume(self.prefetch)
        except LOST as error:
            _log.info("not widened, consuming anew", queue=self.work.name, reason=str(error))
            self.on_cancelled()

    async def _arrived(self, raw: Any) -> None:
        tag, headers = raw.delivery_tag, raw.header.properties.headers or {}
        if not raw.redelivered and not self._widened:
            self._widened = True
            self._widening = asyncio.get_running_loop().create_task(self._widen(), name=f"widen {self.work.name}")
        self._outstanding.add(tag)
        try:
            message = from_amqp(raw.body, headers)
        except TerminalError as error:
            _log.error(
                "no event of ours, left to the dead queue",
                queue=self.work.name,
                id=raw.header.properties.message_id,
                reason=str(error),
            )
            self._note(tag, None)
            return
        attempts = attempts_before(headers)
        if self.work.tries is not None:
            attempts = max(attempts, deliveries_before(headers) * self.work.tries)
        settled = self.work.put(message, attempts, alone=bool(raw.redelivered))
        settled.add_done_callback(lambda one: self._note(tag, _outcome(one)))

    def _note(self, tag: int, outcome: Outcome | None) -> None:
        if outcome is None and self.work.metrics is not None:
            self.work.metrics.settled(self.work.name, REFUSED)
        self._settled[tag] = outcome
        self._wake.set()

    async def _settle(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._flush()

    async def _flush(self) -> None:
        """Tell the broker of everything settled: in one go, as far as nothing before it is still at work."""
        settled, self._settled = self._settled, {}
        done = sorted(tag for tag, outcome in settled.items() if outcome in (Outcome.HANDLED, Outcome.SET_ASIDE))
        self._outstanding.difference_update(settled)
        waiting = min((*self._outstanding, *(settled.keys() - set(done))), default=None)
        together = [tag for tag in done if waiting is None or tag < waiting]
        try:
            with losses_of_the_driver():
                await self._tell(settled, done, together)
        except LOST as error:
            # The broker gives them to somebody again: handled twice, which handlers bear.
            _log.info("not acknowledged: the connection is lost", queue=self.work.name, reason=str(error))

    async def _tell(self, settled: dict[int, Outcome | None], done: list[int], together: list[int]) -> None:
        if together:
            await self.channel.basic_ack(together[-1], multiple=True, wait=False)
        for tag in done[len(together) :]:
            await self.channel.basic_ack(tag, wait=False)
        for tag, outcome in settled.items():
            if outcome is Outcome.RELEASED:
                await self.channel.basic_nack(tag, requeue=True, wait=False)
            elif outcome is None:
                await self.channel.basic_nack(tag, requeue=False, wait=False)


def _outcome(settled: Settled) -> Outcome | None:
    """None where it is left to the broker to set it aside."""
    return None if settled.cancelled() or settled.exception() is not None else settled.result()
