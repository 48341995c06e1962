"""The event bus as the services see it. Adapters: `inprocess` here, RabbitMQ for the distributed system."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class Message:
    """An event in its envelope; the names are those of CloudEvents 1.0.

    `type` carries the version (`odds.changed.v1`); `subject` is what it speaks of; `revision` orders the messages of
    one subject (0 where it has no order); `data` is the protobuf body; `traceparent` (W3C) names the trace that it
    belongs to, where there is one.
    """

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    revision: int
    data: bytes
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """One consumer's queue of one type of event.

    `batch` is the largest micro-batch a handler gets, `attempts` how often a message may fail before it is set aside
    as a dead letter.
    """

    name: str
    type: str
    batch: int = 64
    attempts: int = 20

    def dead_letter(self, message: Message, reason: str, attempts: int) -> "DeadLetter":
        body = msgspec.msgpack.encode(message)
        return DeadLetter(self.name, message.id, message.type, message.subject, body, reason, attempts)


class TerminalError(Exception):
    """A message that can never be handled (undecodable, unknown version): it becomes a dead letter at once."""


class UnavailableError(Exception):
    """What is needed is away for the moment (a database, a broker): says nothing against the message.

    A consumer that raises it gets the same messages again until it is back, uncounted; an outbox row stays, uncounted.
    """


def reason_of(error: Exception) -> str:
    """An error in a line that every database can store: without the characters that PostgreSQL's text refuses."""
    text = f"{type(error).__name__}: {error}"
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


class UnroutableError(Exception):
    """No queue is bound to the type of a published message: its row stays in the outbox."""


Handler = Callable[[Sequence[Message]], Awaitable[None]]
"""Handles a micro-batch as a whole or raises; a batch that failed is tried again in halves.

`TerminalError` and `UnavailableError` tell that trying again cannot help, or that it will once something is back.
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message or task set aside, with the reason."""

    queue: str
    id: str
    name: str
    subject: str
    body: bytes
    reason: str
    attempts: int


class DeadLetters(Protocol):
    """Where a consumer's dead letters are kept until somebody looks at them."""

    async def keep(self, letter: DeadLetter) -> None: ...

    async def kept(self, queue: str) -> Sequence[DeadLetter]: ...

    def removing(self, queue: str, id: str) -> AbstractAsyncContextManager[None]:
        """Removes a letter when the block has ended well. One that is kept anew during the block stays."""
        ...

    async def count(self) -> int: ...


class EventBus(Protocol):
    """Publishes events to every queue bound to their type."""

    async def publish(self, message: Message) -> None:
        """Returns when the message is confirmed: safe with every consumer.

        Raises:
            UnroutableError: no queue is bound to its type.
        """
        ...

    def announce(self, message: Message) -> None:
        """Send news of the moment (a heartbeat, a status): unconfirmed, and lost without harm, for more will follow."""
        ...

    def subscribe(self, queue: Queue, handler: Handler, dead_letters: DeadLetters) -> None:
        """Bind `queue` and handle what arrives in it."""
        ...
