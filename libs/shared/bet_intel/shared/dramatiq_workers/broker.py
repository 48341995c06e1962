"""dramatiq's broker on quorum queues, and tasks as the messages that it reads."""

from collections.abc import Sequence
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.common import dq_name, xq_name

from bet_intel.shared.dramatiq_workers.cautious import CautiousConsumer
from bet_intel.shared.messaging import TerminalError
from bet_intel.shared.rabbitmq.connection import Nodes
from bet_intel.shared.rabbitmq.topology import DELIVERY_LIMIT, Topology, dead_end, quorum_queue
from bet_intel.shared.tasks import Task
from bet_intel.shared.times import Clock

ATTEMPTS = "attempts"
"""Option of a message: how often its task has failed."""
TRACEPARENT = "traceparent"
_UNKNOWN = "…"
_UNLIMITED = 2**31 - 1


def queue_arguments(queue: str, limit: int = DELIVERY_LIMIT) -> dict[str, str | int]:
    """Classic queues are unusable for as long as their node is away."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": limit,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": xq_name(queue),
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def delay_arguments(queue: str) -> dict[str, str | int]:
    """Of the queue of tasks to be tried later: a worker holds all of them and runs none, so that how often one was
    delivered says how often workers ended and nothing of the task."""
    return queue_arguments(queue, _UNLIMITED)


def task_queue(queue: str) -> Topology:
    """A queue of tasks, where those wait that are to be tried later, and where those end that nobody could judge."""
    return Topology(
        queues=frozenset(
            {
                quorum_queue(queue, queue_arguments(queue)),
                quorum_queue(dq_name(queue), delay_arguments(queue)),
                dead_end(xq_name(queue)),
            }
        )
    )


def encode(task: Task, clock: Clock, attempts: int = 0) -> bytes:
    """A task as an actor of dramatiq would send it, after so many failed attempts."""
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=task.queue,
        actor_name=task.actor,
        args=(),
        kwargs=dict(task.arguments),
        options={ATTEMPTS: attempts, TRACEPARENT: task.traceparent},
        message_id=task.id,
        message_timestamp=int(clock().timestamp() * 1000),
    )
    return message.encode()


def decode(message: Any, queue: str) -> Task:
    """The task of a message of dramatiq's, which may wait in another queue than its own."""
    return Task(
        message.message_id, queue, message.actor_name, message.kwargs, str(message.options.get(TRACEPARENT, ""))
    )


class QuorumBroker(RabbitmqBroker):
    """As it comes, with quorum queues, confirms, consumers that begin cautiously, and an actor for tasks that no actor
    is there for: they fail as any other task does, with the reason."""

    def __init__(self, nodes: Nodes, middleware: Sequence[dramatiq.Middleware], heartbeat: int = 15) -> None:
        urls = [str(url.update_query(heartbeat=heartbeat, socket_timeout=5)) for url in nodes.urls]
        super().__init__(url=urls, confirm_delivery=True, middleware=list(middleware))

    def _build_queue_arguments(self, queue_name: str) -> dict[str, str | int]:
        return queue_arguments(queue_name)

    @property
    def consumer_class(self) -> type[CautiousConsumer]:
        return CautiousConsumer

    def _declare_dq_queue(self, queue_name: str) -> Any:
        return self.channel.queue_declare(
            queue=dq_name(queue_name), durable=True, arguments=delay_arguments(queue_name)
        )

    def _declare_xq_queue(self, queue_name: str) -> Any:
        arguments = dict(dead_end(xq_name(queue_name)).arguments)
        return self.channel.queue_declare(queue=xq_name(queue_name), durable=True, arguments=arguments)

    def get_actor(self, actor_name: str) -> Any:
        return self.actors.get(actor_name) or self.actors[_UNKNOWN]

    def expect_unknown(self, queue: str, throws: type[BaseException]) -> None:
        def unknown(**_arguments: object) -> None:
            raise UnknownActorError

        dramatiq.actor(actor_name=_UNKNOWN, queue_name=queue, broker=self, throws=throws)(unknown)


class UnknownActorError(TerminalError):
    """No actor of this process has the name that a task asks for."""
