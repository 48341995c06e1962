"""What the scaling plan says in figures, for every way to deploy."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """Memory (MiB) and CPUs that are kept free for a container, and that it may use."""

    memory: float
    cpus: float
    most_memory: float
    most_cpus: float

    def __str__(self) -> str:
        return f"{self.memory:g} MiB and {self.cpus:g} CPUs, up to {self.most_memory:g} MiB and {self.most_cpus:g} CPUs"


GATEWAY = Size(256, 0.2, 512, 0.5)
WORKER = Size(512, 0.3, 1024, 0.8)
REDIS = Size(256, 0.1, 512, 0.2)

BEHAVIOR: dict[str, Any] = {
    "scaleUp": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 30}]},
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Percent", "value": 20, "periodSeconds": 60}],
    },
}
"""However something is scaled: it doubles at most in half a minute, and no more than a fifth of it goes in a minute."""

AUTOSCALER: dict[str, Any] = {
    "minReplicas": 3,
    "maxReplicas": 20,
    "metrics": {"cpu": 70, "memory": 80},
    "behavior": BEHAVIOR | {"scaleUp": BEHAVIOR["scaleUp"] | {"stabilizationWindowSeconds": 30}},
}
"""Of the gateways: utilization in percent, and for how many seconds more of them were wanted."""

POOL: dict[str, Any] = {
    "least": 2,
    "up": 15,
    "most": 8,
    "messages": "50",
    "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"},
}
"""Of each pool of workers and consumers: numbers of processes, seconds for which more were wanted before there are
more, messages in a queue for each of them, and what is so where nobody can say how many messages there are."""

GATEWAYS: dict[str, Any] = {
    "least": 3,
    "up": 30,
    "most": 20,
    "triggers": {"cpu": "70", "memory": "80", "prometheus": "100"},
    "fallback": {"failureThreshold": 3, "replicas": 3, "behavior": "currentReplicasIfHigher"},
}
"""Of the gateways where KEDA scales them: percent of CPU and memory, requests a second for each."""

UNAVAILABLE = {"disruption": 1, "rollout": 0}
"""How many of those that do the same may be taken away at a time, and of the gateways while they are replaced."""

SYNCHRONOUS: dict[str, Any] = {"method": "any", "number": 1}
"""How many replicas of PostgreSQL have a commit before it is confirmed."""
INSTANCES = 3
"""Of PostgreSQL, and of RabbitMQ."""
REDIS_NODES = 6
RABBITMQ = frozenset(
    {
        # What makes its queues quorum queues, which its own setting does not before 4.0: docs/adr/0096.
        "load_definitions = /etc/rabbitmq/definitions/definitions.json",
        "cluster_partition_handling = pause_minority",
    }
)

INGRESS = {
    "proxy-connect-timeout": "5",
    "proxy-buffering": "off",
    "proxy-next-upstream": "error timeout invalid_header http_500 http_502 http_503",
    "proxy-next-upstream-tries": "2",
    "limit-rps": "200",
}
"""What ingress-nginx is told, as nginx.conf says it elsewhere (docs/adr/0026-nginx-before-the-gateways.md)."""
INGRESS_SECONDS = {"api": ("60", "60"), "api-reads": ("2", "2"), "api-stream": ("3600", "60")}
"""For how long a gateway may say nothing, and take nothing, by the Ingress that a path belongs to."""

NGINX = {"RATE": "200r/s", "CONNECTIONS": "1100", "WORKERS": "2"}
"""What one address may ask for, and how many connections it may have, wherever nginx is ours; and the processes that
half a CPU is enough for, for nginx would count those of the machine."""

ALERTS = {
    "SlowAnswers": ("bet_intel:http_request_seconds:mean_5m", ">", 0.2),
    "QueueBehind": ("bet_intel:queue_seconds:5m", ">", 30),
    "ReplicaReadsSlow": ("bet_intel:replica_read_seconds:mean_5m", ">", 0.05),
    "RedisMemory": ("bet_intel:redis_memory:ratio", ">", 0.8),
    "CacheMisses": ("bet_intel:cache_hits:ratio_5m", "<", 0.95),
}
"""From which figure on an operator is told: seconds, or a share."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a panel shows: a series, `by` some labels or, without any, of all together, and what else its expression
    says."""

    series: str
    by: frozenset[str] = frozenset()
    how: str = ""

    def __str__(self) -> str:
        by = f"by {', '.join(sorted(self.by))}" if self.by else "of all together"
        return " ".join(filter(None, (self.series, by, self.how)))


def _by(*labels: str) -> frozenset[str]:
    return frozenset(labels)


def _percentiles(histogram: str, by: str) -> tuple[Shown, ...]:
    return tuple(Shown(f"{histogram}_bucket", _by(by), f"histogram_quantile({q}, ") for q in (0.95, 0.99))


PANELS: dict[str, tuple[Shown, ...]] = {
    "gateway": (
        Shown("bet_intel_http_requests_total"),
        *_percentiles("bet_intel_http_request_seconds", "route"),
        Shown("bet_intel_http_requests_total", _by("instance", "status"), '{status=~"[45].."}'),
    ),
    "database": (
        Shown("bet_intel_postgres_transaction_seconds_sum", _by("operation")),
        Shown("bet_intel_postgres_busy_connections", _by("host")),
        Shown("bet_intel_postgres_idle_connections", _by("host")),
        Shown("bet_intel_postgres_lag_bytes", _by("host")),
    ),
    "cache": (
        Shown("bet_intel:cache_hits:ratio_5m"),
        Shown("bet_intel:redis_hits:ratio_5m"),
        Shown("bet_intel_redis_memory_bytes", _by("node")),
        Shown("bet_intel_redis_evicted_keys", _by("node")),
    ),
    "tasks": (
        Shown("rabbitmq_queue_messages", _by("queue")),
        Shown("bet_intel_task_seconds_sum", _by("actor")),
    ),
    "containers": (
        Shown("container_cpu_usage_seconds_total", _by("name")),
        Shown("container_memory_working_set_bytes", _by("name")),
        Shown("container_fs_reads_bytes_total", _by("name")),
        Shown("container_fs_writes_bytes_total", _by("name")),
    ),
    "odds": _percentiles("bet_intel_odds_age_seconds", "hop"),
}
"""What is to be seen on each dashboard. There may be more."""
