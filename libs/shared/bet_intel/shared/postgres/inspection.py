"""What a database's hosts are at the moment, in words, for health and metrics."""

from collections.abc import Mapping

from bet_intel.shared.postgres.hosts import Host
from bet_intel.shared.postgres.metrics import PoolMetrics
from bet_intel.shared.postgres.options import Health, HostHealth
from bet_intel.shared.postgres.roles import Roles


class Inspection:
    """The hosts of the database `name`."""

    def __init__(self, name: str, hosts: Mapping[str, Host], roles: Roles, metrics: PoolMetrics | None) -> None:
        self._name = name
        self._hosts = hosts
        self._roles = roles
        self._metrics = metrics
        self._single = next(iter(hosts)) if len(hosts) == 1 else None

    def role(self, host: str) -> str:
        """One of `metrics.ROLES`."""
        if host in (self._single, self._roles.primary):
            return "primary"
        seen = self._roles.seen(host)
        if seen is None:
            return "unknown"
        return "replica" if seen.is_replica else "superseded"

    def lag(self, host: str) -> int | None:
        """Bytes that a replica has yet to replay; None where that is not known, and of others."""
        seen = self._roles.seen(host)
        return self._roles.lag(host) if seen is not None and seen.is_replica else None

    def health(self) -> Health:
        hosts = [HostHealth(name, self.role(name), self.lag(name), host.busy) for name, host in self._hosts.items()]
        return Health(self._single or self._roles.primary, hosts)

    def show(self) -> None:
        """Bring the metrics up to date."""
        if self._metrics is not None:
            for host in self._hosts:
                self._metrics.show(self._name, host, self.role(host), self.lag(host))
