"""The settings that every service has for its database."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from bet_intel.shared.postgres.options import Options
from bet_intel.shared.settings import Settings


class DatabaseSettings(Settings):
    """`dsn` may name several hosts (`postgresql://role:password@host1:5432,host2:5432/database`): a primary and its
    replicas, in any order. Times are in seconds."""

    needs_primary: ClassVar[bool] = True
    """Whether the service can do nothing while nobody takes writes."""
    plans_anew: ClassVar[bool] = False
    """Whether each statement is planned for the values that it asks for."""

    dsn: SecretStr
    pool_size: int = Field(default=8, ge=2)
    """Connections of the pool of each host."""
    max_lag_bytes: int = Field(default=16 * 2**20, ge=0)
    """How far a replica may be behind that still answers."""
    database_wait: float = Field(default=300.0, ge=0)
    """How long a start waits for servers that do not answer yet."""
    processes: int = Field(default=1, ge=1)
    """How many processes of this service share the servers: together they must find room there."""

    def database(self, migrations: Sequence[Path]) -> Options:
        """How to open it, once it has these migrations."""
        return Options(
            max_size=self.pool_size,
            max_lag_bytes=self.max_lag_bytes,
            wait=self.database_wait,
            needs_primary=self.needs_primary,
            processes=self.processes,
            migrations=migrations,
            plans_anew=self.plans_anew,
        )
