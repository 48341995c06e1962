"""What is measured of the pools of all databases of a process."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bet_intel.shared.postgres.hosts import Host

ROLES: Sequence[str] = ("primary", "replica", "superseded", "unknown")
_ACQUIRE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class PoolMetrics:
    """Labels: `database` as `Database.open` names it, `host` without its login."""

    def __init__(self, registry: CollectorRegistry) -> None:
        host = ("database", "host")
        self.role = Gauge(
            "bet_intel_postgres_role", "1 for the role that a host has.", (*host, "role"), registry=registry
        )
        self.lag = Gauge(
            "bet_intel_postgres_lag_bytes",
            "Write-ahead log that a replica has yet to replay; NaN where that is not known.",
            host,
            registry=registry,
        )
        self.idle = Gauge(
            "bet_intel_postgres_idle_connections", "Connections that wait to be used.", host, registry=registry
        )
        self.busy = Gauge("bet_intel_postgres_busy_connections", "Connections in use.", host, registry=registry)
        self.acquire = Histogram(
            "bet_intel_postgres_acquire_seconds",
            "How long a connection was waited for.",
            host,
            buckets=_ACQUIRE_SECONDS,
            registry=registry,
        )
        self.transaction = Histogram(
            "bet_intel_postgres_transaction_seconds",
            "How long transactions took, by the role of their host: write, latest (a read on the primary), read.",
            ("database", "to", "operation"),
            buckets=_ACQUIRE_SECONDS,
            registry=registry,
        )
        self.routed = Counter(
            "bet_intel_postgres_routed",
            "Transactions by the role of the host they went to, and why there.",
            ("database", "to", "reason"),
            registry=registry,
        )

    def follow(self, database: str, hosts: Mapping[str, Host]) -> None:
        """Show the pools of these hosts from now on."""
        for name, host in hosts.items():
            self.idle.labels(database, name).set_function(partial(getattr, host, "idle"))
            self.busy.labels(database, name).set_function(partial(getattr, host, "busy"))

    def forget(self, database: str, hosts: Mapping[str, Host]) -> None:
        for name in hosts:
            for gauge in (self.idle, self.busy, self.lag):
                gauge.remove(database, name)
            for role in ROLES:
                self.role.remove(database, name, role)

    def show(self, database: str, host: str, role: str, lag: int | None) -> None:
        for each in ROLES:
            self.role.labels(database, host, each).set(each == role)
        self.lag.labels(database, host).set(math.nan if lag is None else lag)
