"""What waits in RabbitMQ's queues."""

from urllib.parse import quote

import msgspec

from bet_intel.compose.cluster.engines import VHOST
from bet_intel.compose.cluster.services import ProcessKind
from bet_intel.compose.servers.rabbitmq import RabbitMQ


class Depth(msgspec.Struct, frozen=True):
    """Messages that wait, and that consumers hold and have not confirmed; some seconds old."""

    queue: str
    ready: int
    held: int

    @property
    def messages(self) -> int:
        return self.ready + self.held


def depths(rabbitmq: RabbitMQ) -> list[Depth]:
    """Of every queue of the services.

    Raises:
        ServerError: no node answers.
    """
    answer = rabbitmq.manage("GET", f"queues/{quote(VHOST, safe='')}")
    found = (Depth(one["name"], one.get("messages_ready", 0), one.get("messages_unacknowledged", 0)) for one in answer)
    return sorted(found, key=lambda one: one.queue)


def consumers(rabbitmq: RabbitMQ) -> dict[str, int]:
    """How many consume from each queue, of those that somebody consumes from.

    Raises:
        ServerError: no node answers.
    """
    counted: dict[str, int] = {}
    for one in rabbitmq.manage("GET", f"consumers/{quote(VHOST, safe='')}"):
        queue = one["queue"]["name"]
        counted[queue] = counted.get(queue, 0) + 1
    return counted


def waiting_for(kind: ProcessKind, found: list[Depth]) -> int | None:
    """Messages in the queues that feed a kind of process; None where it is fed from none."""
    return sum(one.messages for one in found if kind.is_fed_from(one.queue)) if kind.queues else None
