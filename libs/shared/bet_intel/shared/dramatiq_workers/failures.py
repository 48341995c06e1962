"""What becomes of a task that failed: another try later, or a dead letter with the reason in the owner's table."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import dramatiq
import structlog

from bet_intel.shared.dramatiq_workers.broker import ATTEMPTS, UnknownActorError, decode
from bet_intel.shared.messaging import DeadLetters, TerminalError, UnavailableError, reason_of
from bet_intel.shared.rabbitmq.connection import happens_within
from bet_intel.shared.work_queue import Backoff

_log = structlog.get_logger(__name__)

LONGEST_WAIT = 600.0
"""How many seconds a task waits for what is away before it goes back: RabbitMQ closes a channel that has acknowledged
nothing for half an hour."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waits for what is away, until `stopping`."""

    stopping: asyncio.Event
    backoff: Backoff
    rng: random.Random

    async def until_available(self, queue: str, attempt: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Raises:
        UnavailableError: it was away for too long, or we stop.
        """
        failures = 0
        loop = asyncio.get_running_loop()
        ends = loop.time() + LONGEST_WAIT
        while True:
            try:
                await attempt()
            except UnavailableError as error:
                failures += 1
                _log.warning("waiting for what the task needs", queue=queue, tries=failures, reason=str(error))
                pause = self.backoff.seconds(failures, self.rng)
                if loop.time() > ends or await happens_within(self.stopping, pause):
                    raise
            else:
                return


class Failures(dramatiq.Middleware):
    """In place of dramatiq's `Retries`, whose dead letters have no reason and no owner.

    `run` runs a coroutine on the event loop of the process and waits for it.
    """

    def __init__(
        self,
        queue: str,
        attempts: int,
        dead_letters: DeadLetters,
        waiting: Waiting,
        retries: Backoff,
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._queue = queue
        self._attempts = attempts
        self._dead_letters = dead_letters
        self._waiting = waiting
        self._retries = retries
        self._run = run

    @property
    def actor_options(self) -> set[str]:
        return {"throws"}

    def after_process_message(
        self, broker: Any, message: Any, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        if exception is None:
            return
        try:
            self._failed(broker, message, exception)
        except Exception:  # noqa: BLE001 - the edge of a task: what cannot be tried again nor kept must not be lost
            _log.exception("task left to the dead queue", queue=self._queue, id=message.message_id)
            message.fail()

    def _failed(self, broker: Any, message: Any, error: BaseException) -> None:
        attempts = int(message.options.get(ATTEMPTS, 0))
        if isinstance(error, UnavailableError):
            self._again(broker, message, attempts, reason_of(error))
            return
        if isinstance(error, UnknownActorError):
            error = TerminalError(f"queue {self._queue} has no actor {message.actor_name}")
        elif not isinstance(error, Exception):
            error = RuntimeError(f"the task was ended from within: {type(error).__name__}")
        attempts += 1
        reason = reason_of(error)
        if not isinstance(error, TerminalError) and attempts < self._attempts:
            self._again(broker, message, attempts, reason)
            return
        letter = decode(message, self._queue).dead_letter(reason, attempts)
        try:
            self._run(self._waiting.until_available(self._queue, lambda: self._keep(letter)))
        except UnavailableError as away:
            self._again(broker, message, attempts - 1, reason_of(away))
        else:
            _log.error("set aside as a dead letter", queue=self._queue, id=letter.id, name=letter.name, reason=reason)

    async def _keep(self, letter: Any) -> None:
        await self._dead_letters.keep(letter)

    def _again(self, broker: Any, message: Any, attempts: int, reason: str) -> None:
        seconds = self._retries.seconds(max(1, attempts), self._waiting.rng)
        _log.info(
            "task failed, trying again", queue=self._queue, id=message.message_id, attempts=attempts, reason=reason
        )
        message.options[ATTEMPTS] = attempts
        broker.enqueue(message, delay=max(1, round(seconds * 1000)))
