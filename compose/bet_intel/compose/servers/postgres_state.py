"""What is written down of a primary and its replicas: all that is needed to reach them."""

import msgspec

from bet_intel.compose.server_files import SUPERUSER
from bet_intel.compose.servers.processes import ServerError
from bet_intel.compose.servers.psql import run_sql


class PostgresHost(msgspec.Struct, frozen=True):
    """One server of the group."""

    name: str
    port: int


class PostgresState(msgspec.Struct, frozen=True):
    """``primary`` is the name of the one that is to be it: written before it is made so, ``settled`` once it is.

    Settled means that the others know it, too.
    """

    hosts: tuple[PostgresHost, ...]
    primary: str
    password: str
    fsync: bool
    synchronous_replicas: int
    settled: bool = True

    @property
    def primary_host(self) -> PostgresHost:
        return next(host for host in self.hosts if host.name == self.primary)

    @property
    def synchronous_standby_names(self) -> str:
        if not self.synchronous_replicas:
            return ""
        return f"ANY {self.synchronous_replicas} ({', '.join(host.name for host in self.hosts)})"

    def sql(self, host: PostgresHost, *statements: str, database: str = SUPERUSER) -> str:
        """Runs statements as superuser, each in a transaction of its own; returns their rows as text.

        Raises:
            ServerError: the host does not answer, or refuses one.
        """
        return run_sql(host.name, host.port, self.password, statements, database)

    def answers(self, host: PostgresHost) -> bool:
        try:
            return self.sql(host, "select 1") == "1"
        except ServerError:
            return False

    def follows(self, host: PostgresHost) -> bool:
        """Whether it is a replica that has been told of the present primary, and answers."""
        told = f"current_setting('primary_conninfo') like '%port={self.primary_host.port} %'"
        try:
            return self.sql(host, f"select pg_is_in_recovery() and {told}") == "t"
        except ServerError:
            return False
