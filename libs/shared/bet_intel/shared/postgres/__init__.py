"""PostgreSQL: a primary and its replicas behind the verbs `transaction`, `snapshot` and `latest`."""

from bet_intel.shared.postgres.connections import (
    DatabaseError,
    DatabaseUnavailableError,
    PoolBusyError,
    PrimaryUnavailableError,
    Reader,
    TablesChangedError,
    Writer,
)
from bet_intel.shared.postgres.database import Database
from bet_intel.shared.postgres.dead_letters import PostgresDeadLetters
from bet_intel.shared.postgres.metrics import PoolMetrics
from bet_intel.shared.postgres.options import Health, HostHealth, Options
from bet_intel.shared.postgres.positions import TIMELINE, Committed, Position

__all__ = [
    "TIMELINE",
    "Committed",
    "Database",
    "DatabaseError",
    "DatabaseUnavailableError",
    "Health",
    "HostHealth",
    "Options",
    "PoolBusyError",
    "PoolMetrics",
    "Position",
    "PostgresDeadLetters",
    "PrimaryUnavailableError",
    "Reader",
    "TablesChangedError",
    "Writer",
]
