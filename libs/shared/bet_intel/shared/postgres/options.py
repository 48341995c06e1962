"""How a database is used, and what it says of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How a database is used; times in seconds.

    `max_size` is the most connections of each host's pool, `max_lag_bytes` how far behind a replica may be that still
    answers, `primary_patience` how long a write waits for a primary to be found, `wait` how long a start waits for
    servers that do not answer yet, and with `needs_primary` for one that takes writes. `processes` is how many of this
    service share the servers: together they must find room there. With `migrations` (folders) the start looks whether
    they are applied and the role may use the tables. With `pool_patience` who finds every connection of a pool lent
    waits for one no longer than that; without, for as long as it takes. With `plans_anew` each statement is planned for
    the values that it asks for: where one value is a thousand times as frequent as another, the plan that the server
    would keep for all of them looks at everything for the rare one.

    A host that falls silent is known to be after `probe_every` and `probe_timeout` at most. That is less than the two
    seconds that nginx gives a read: a gateway whose reads all wait for longer would be taken for dead, and with it the
    others, who wait for the same host.
    """

    max_size: int = 8
    max_lag_bytes: int = 16 * 2**20
    probe_every: float = 0.5
    probe_timeout: float = 1.2
    primary_patience: float = 1.0
    pool_patience: float | None = None
    wait: float = 0.0
    needs_primary: bool = False
    processes: int = 1
    migrations: Sequence[Path] = ()
    plans_anew: bool = False


@dataclass(frozen=True, slots=True)
class HostHealth:
    """`role` is one of `metrics.ROLES`; the lag of a replica is None where it is not known."""

    name: str
    role: str
    lag_bytes: int | None
    busy: int


@dataclass(frozen=True, slots=True)
class Health:
    """`primary` is None while nobody takes writes."""

    primary: str | None
    hosts: Sequence[HostHealth]
