"""The services' processes: which types there are, how many of each, and the connections they need."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from bet_intel.compose.servers.processes import ServerError


@dataclass(frozen=True, slots=True)
class ProcessKind:
    """One type of process (`python -m bet_intel.<service> <type>`).

    `queues` are those it is fed from, by name, or all that begin so where the name ends with a dot. `most` is how many
    there may be, `pool_size` the connections that each may open on a host of PostgreSQL.
    """

    service: str
    type: str
    number: int
    queues: str
    pool_size: int
    most: int = 16

    @property
    def name(self) -> str:
        return f"{self.service}.{self.type}"

    @property
    def package(self) -> str:
        return self.service.replace("-", "_")

    def is_fed_from(self, queue: str) -> bool:
        """Whether it consumes the queue; where messages of the queue wait or end is another one."""
        if not self.queues.endswith("."):
            return queue == self.queues
        return queue.startswith(self.queues) and not queue.endswith(".dead")


GATEWAY = ProcessKind("api", "serve", 3, "", 8)
SCHEDULER = ProcessKind("odds-ingest", "schedule", 1, "odds-ingest.", 4, most=2)
KINDS: Mapping[str, ProcessKind] = {
    kind.name: kind
    for kind in (
        GATEWAY,
        ProcessKind("api", "consume", 2, "api.", 8),
        ProcessKind("ev-engine", "consume", 2, "ev-engine.", 4),
        ProcessKind("ev-engine", "worker", 2, "ev_calculation", 4),
        SCHEDULER,
        ProcessKind("odds-ingest", "worker", 2, "data_refresh", 4),
        ProcessKind("notifier", "consume", 2, "notifier.", 16),
        ProcessKind("notifier", "worker", 2, "notifications", 16),
    )
}

Counts = Mapping[str, int]
"""How many processes of each kind, by its name."""

NORMAL: Counts = {name: kind.number for name, kind in KINDS.items()}
ONE_OF_EACH: Counts = dict.fromkeys(KINDS, 1)

_BESIDE_POOL = 2
"""Connections of a process beside its pool: the probe of the host, and the session of its ticker's lock."""
_OURS = 10
"""Of the superuser: status, migrations, and what replicas stream over."""


class Source(msgspec.Struct, frozen=True):
    """What odds-ingest reads, as `bet-intel up` takes it."""

    source: str | None = None
    speed: str | None = None
    seed: int | None = None


def processes_of(counts: Counts, service: str) -> int:
    """How many processes of a service there are."""
    return sum(number for name, number in counts.items() if KINDS[name].service == service)


def connections(counts: Counts) -> dict[str, int]:
    """The most connections that the processes of each service may hold on a host of PostgreSQL."""
    needed: Counter[str] = Counter()
    for name, number in counts.items():
        kind = KINDS[name]
        needed[kind.service] += number * (kind.pool_size + _BESIDE_POOL)
    return dict(needed)


def check(counts: Counts, max_connections: int) -> None:
    """Whether there may be so many.

    Raises:
        ServerError: too many or too few of a kind, or PostgreSQL has no room for their connections.
    """
    for name, number in counts.items():
        most = KINDS[name].most
        if not 0 <= number <= most:
            raise ServerError(f"{name}={number}: between 0 and {most} of them may run")
    needed = connections(counts)
    room = max_connections - _OURS
    if sum(needed.values()) > room:
        said = ", ".join(f"{service} {number}" for service, number in needed.items())
        raise ServerError(
            f"these processes may need {sum(needed.values())} connections ({said}), and PostgreSQL has room for {room} "
            "(max_connections): start fewer"
        )
