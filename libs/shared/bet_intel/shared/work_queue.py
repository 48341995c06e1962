"""How deliveries reach a handler, whatever brings them: micro-batches, bisection of a failed one, retries with
back-off, dead letters."""

import asyncio
import enum
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from bet_intel.shared.message_metrics import GIVEN_BACK, HANDLED, SET_ASIDE, MessageMetrics
from bet_intel.shared.messaging import DeadLetter, DeadLetters, TerminalError, UnavailableError, reason_of
from bet_intel.shared.runtime import heed_cancellation

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds until the next try: `first`, doubled with every failure up to `longest`, less up to a half at random."""

    first: float = 0.05
    longest: float = 5.0

    def seconds(self, failures: int, rng: random.Random) -> float:
        doublings = min(failures - 1, 30)  # a database may be away for days
        return min(self.longest, self.first * 2.0**doublings) * rng.uniform(0.5, 1.0)


class Outcome(enum.Enum):
    """What became of a delivery. `RELEASED`: not handled here, somebody else is to try."""

    HANDLED = enum.auto()
    SET_ASIDE = enum.auto()
    RELEASED = enum.auto()


_COUNTED_AS = {Outcome.HANDLED: HANDLED, Outcome.SET_ASIDE: SET_ASIDE, Outcome.RELEASED: GIVEN_BACK}

Settled = asyncio.Future[Outcome]
"""Raises where a dead letter could not even be kept."""


class _StoppingError(Exception):
    """The queue stops while a handler waits for what it needs."""


@dataclass(slots=True, eq=False)
class _Delivery(Generic[T]):
    item: T
    settled: Settled
    attempts: int
    tries: int = 0
    """Of those attempts, the ones made here."""
    alone: bool = False


@dataclass(slots=True)
class WorkQueue(Generic[T]):
    """Deliveries to one handler. `attempts` failures make a dead letter; after `tries` of them here a delivery is
    released, where that is given. `work` works until cancelled, or until `finish` is called."""

    name: str
    batch: int
    attempts: int
    handle: Callable[[Sequence[T]], Awaitable[None]]
    dead_letter: Callable[[T, str, int], DeadLetter]
    dead_letters: DeadLetters
    rng: random.Random
    backoff: Backoff
    tries: int | None = None
    metrics: MessageMetrics | None = None
    _waiting: asyncio.Queue[_Delivery[T] | None] = field(default_factory=asyncio.Queue)
    _unsettled: set[_Delivery[T]] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, item: T, attempts: int = 0, *, alone: bool = False) -> Settled:
        """Deliver `item`, which failed `attempts` times before; `alone` keeps it out of micro-batches."""
        settled: Settled = asyncio.get_running_loop().create_future()
        delivery = _Delivery(item, settled, attempts, alone=alone or attempts > 0)
        self._unsettled.add(delivery)
        settled.add_done_callback(lambda _: self._unsettled.discard(delivery))
        self._waiting.put_nowait(delivery)
        return settled

    def finish(self) -> None:
        """Let `work` end when the handler has done what it has in hand; then `release` the rest."""
        self._stopping.set()
        self._waiting.put_nowait(None)

    def release(self) -> None:
        """Give back everything that is neither handled nor set aside."""
        for delivery in list(self._unsettled):
            self._settle(delivery, Outcome.RELEASED)

    async def work(self) -> None:
        while not self._stopping.is_set():
            deliveries = [await self._waiting.get()]
            while len(deliveries) < self.batch and not self._waiting.empty():
                deliveries.append(self._waiting.get_nowait())
            # What failed before is tried alone, so that one poison message never takes its neighbours along.
            fresh = [one for one in deliveries if one is not None and not one.alone]
            alone = [one for one in deliveries if one is not None and one.alone]
            if fresh:
                await self._deliver(fresh)
            for one in alone:
                if not one.settled.done():
                    await self._deliver([one])

    async def _deliver(self, deliveries: list[_Delivery[T]]) -> None:
        if self._stopping.is_set():
            return
        items = [delivery.item for delivery in deliveries]
        try:
            await self._until_available(lambda: _guarded(self.handle(items), "the handler"))
        except _StoppingError:
            return
        except Exception as error:  # noqa: BLE001 - the edge of a message: whatever a handler raises is counted and kept
            heed_cancellation(error)
            if len(deliveries) > 1:
                half = len(deliveries) // 2
                await self._deliver(deliveries[:half])
                await self._deliver(deliveries[half:])
            else:
                await self._failed(deliveries[0], error)
        else:
            for delivery in deliveries:
                self._settle(delivery, Outcome.HANDLED)

    async def _until_available(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """While what the handler needs is away nothing is counted, split or overtaken: the next needs it as well."""
        failures = 0
        while True:
            try:
                await attempt()
            except UnavailableError as error:
                heed_cancellation(error)
                failures += 1
                _log.warning("waiting for what the handler needs", queue=self.name, tries=failures, reason=str(error))
                if await self._stops_within(self.backoff.seconds(failures, self.rng)):
                    raise _StoppingError from error
            else:
                return

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    async def _failed(self, delivery: _Delivery[T], error: Exception) -> None:
        delivery.attempts += 1
        delivery.tries += 1
        delivery.alone = True
        reason = reason_of(error)
        if not isinstance(error, TerminalError) and delivery.attempts < self.attempts:
            self._try_again(delivery, reason)
            return
        letter = self.dead_letter(delivery.item, reason, delivery.attempts)
        try:
            await self._until_available(lambda: _guarded(self.dead_letters.keep(letter), "keeping a dead letter"))
        except _StoppingError:
            return
        except Exception as keeping:  # noqa: BLE001 - whoever brought the delivery still has it
            _log.exception("dead letter could not be kept", queue=self.name, id=letter.id)
            if not delivery.settled.done():
                delivery.settled.set_exception(keeping)
            return
        _log.error("set aside as a dead letter", queue=self.name, id=letter.id, subject=letter.subject, reason=reason)
        self._settle(delivery, Outcome.SET_ASIDE)

    def _try_again(self, delivery: _Delivery[T], reason: str) -> None:
        backoff = self.backoff.seconds(delivery.attempts, self.rng)
        loop = asyncio.get_running_loop()
        if self.tries is not None and delivery.tries >= self.tries:
            _log.info("delivery failed, given back", queue=self.name, attempts=delivery.attempts, reason=reason)
            loop.call_later(backoff, self._settle, delivery, Outcome.RELEASED)
        else:
            _log.info("delivery failed, trying again", queue=self.name, attempts=delivery.attempts, reason=reason)
            loop.call_later(backoff, self._waiting.put_nowait, delivery)

    def _settle(self, delivery: _Delivery[T], outcome: Outcome) -> None:
        if not delivery.settled.done():
            delivery.settled.set_result(outcome)
            if self.metrics is not None:
                self.metrics.settled(self.name, _COUNTED_AS[outcome])


async def _guarded(work: Awaitable[None], name: str) -> None:
    """Raises:
    RuntimeError: something within the work was cancelled, not who works: its queue must not end with it.
    """
    try:
        await work
    except asyncio.CancelledError as error:
        worker = asyncio.current_task()
        if worker is None or worker.cancelling():
            raise
        raise RuntimeError(f"{name} was cancelled from within") from error
