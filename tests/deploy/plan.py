"""What the scaling plan says in figures, for every way to deploy."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """Memory (MiB) and CPUs that are kept free for a container, and that it may use."""

    memory: int
    cpus: float
    most_memory: int
    most_cpus: float

    def __str__(self) -> str:
        return f"{self.memory} MiB and {self.cpus:g} CPUs, up to {self.most_memory} MiB and {self.most_cpus:g} CPUs"


GATEWAY = Size(256, 0.2, 512, 0.5)
WORKER = Size(512, 0.3, 1024, 0.8)
REDIS = Size(256, 0.1, 512, 0.2)

AUTOSCALER: dict[str, Any] = {
    "minReplicas": 3,
    "maxReplicas": 20,
    "metrics": {"cpu": 70, "memory": 80},
    "stabilization": {"scaleUp": 30, "scaleDown": 300},
}
"""Of the gateways: utilization in percent, seconds for which a number of them was enough."""
