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

NGINX = {"RATE": "200r/s", "CONNECTIONS": "1100"}
"""What one address may ask for, and how many connections it may have, wherever nginx is ours."""

ALERTS = {
    "SlowAnswers": ("bet_intel:http_request_seconds:mean_5m", ">", 0.2),
    "QueueBehind": ("bet_intel:queue_seconds:5m", ">", 30),
    "ReplicaReadsSlow": ("bet_intel:replica_read_seconds:mean_5m", ">", 0.05),
    "RedisMemory": ("bet_intel:redis_memory:ratio", ">", 0.8),
    "CacheMisses": ("bet_intel:cache_hits:ratio_5m", "<", 0.95),
}
"""From which figure on an operator is told: seconds, or a share."""
