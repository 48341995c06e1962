"""Task queues as the services see them. Adapters: `inprocess` here, dramatiq for the distributed system."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bet_intel.shared.messaging import DeadLetters


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work of one service: an actor's name and its arguments (JSON values)."""

    id: str
    queue: str
    actor: str
    arguments: Mapping[str, Any]


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
