"""Task queues as the services see them. Adapters: `inprocess` here, dramatiq for the distributed system."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from bet_intel.shared.messaging import DeadLetter, DeadLetters


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work of one service: an actor's name and its arguments (JSON values); `traceparent` (W3C) names the
    trace that it belongs to, where there is one."""

    id: str
    queue: str
    actor: str
    arguments: Mapping[str, Any]
    traceparent: str = ""

    def dead_letter(self, reason: str, attempts: int) -> DeadLetter:
        return DeadLetter(self.queue, self.id, self.actor, "", msgspec.msgpack.encode(self), reason, attempts)


Actor = Callable[..., Awaitable[None]]


class TaskQueues(Protocol):
    """Runs tasks in worker pools, one pool per queue."""

    async def enqueue(self, task: Task) -> None:
        """Returns when the task is safe with its queue."""
        ...

    def register(
        self, queue: str, actors: Mapping[str, Actor], dead_letters: DeadLetters, concurrency: int, attempts: int = 20
    ) -> None:
        """Work on `queue` with at most `concurrency` tasks at a time."""
        ...
