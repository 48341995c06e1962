"""What the scaling plan says of a cluster of Kubernetes that scales by itself: every pool by its queues, the gateways
by requests, and servers of which one may be lost."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bet_intel.compose.cluster.services import GATEWAY, KINDS, SCHEDULER
from deploy import plan

Objects = Sequence[Mapping[str, Any]]


def scaled(root: Path, objects: Objects) -> Iterator[str]:
    """By KEDA: every type of process, but who plans polls (docs/adr/0098-who-plans-polls-is-not-scaled.md)."""
    found = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in objects if one["kind"] == "ScaledObject"}
    wanted = {name.replace(".", "-"): name for name in KINDS if name != SCHEDULER.name}
    yield from (f"{name} has no ScaledObject" for name in sorted(wanted.keys() - found.keys()))
    yield from (f"{name} has a ScaledObject, and is no pool" for name in sorted(found.keys() - wanted.keys()))
    for name in wanted.keys() & found.keys():
        kind, spec = KINDS[wanted[name]], found[name]
        figures = plan.GATEWAYS if kind == GATEWAY else plan.POOL
        numbers = (spec.get("minReplicaCount"), spec.get("maxReplicaCount"))
        if numbers != (figures["least"], figures["most"]):
            yield f"{name} is scaled from {numbers}; the plan says {(figures['least'], figures['most'])}"
        if spec.get("fallback") != figures["fallback"]:
            yield f"{name} falls back to {spec.get('fallback')}; the plan says {figures['fallback']}"
        behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        up, down = behavior.get("scaleUp"), behavior["scaleDown"]
        if up != (wanted_up := plan.BEHAVIOR["scaleUp"] | {"stabilizationWindowSeconds": figures["up"]}):
            yield f"{name} becomes more by {up}; the plan says {wanted_up}"
        if down != plan.BEHAVIOR["scaleDown"]:
            yield f"{name} becomes fewer by {down}; the plan says {plan.BEHAVIOR['scaleDown']}"
        yield from (f"{name} {fault}" for fault in _triggers(root, kind.name, spec["triggers"]))


def _triggers(root: Path, name: str, triggers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if name == GATEWAY.name:
        found = {one["type"]: one["metadata"].get("threshold") or one["metadata"].get("value") for one in triggers}
        if found != plan.GATEWAYS["triggers"]:
            yield f"is scaled by {found}; the plan says {plan.GATEWAYS['triggers']}"
        return
    asked = {one["metadata"]["queueName"] for one in triggers if one["type"] == "rabbitmq"}
    queues = _queues(root, name)
    yield from (f"is not scaled by {queue}" for queue in sorted(queues - asked))
    yield from (f"is scaled by {queue}, which it is not fed from" for queue in sorted(asked - queues))
    for one in triggers:
        told = one["metadata"]
        if (told["mode"], told["value"]) != ("QueueLength", plan.POOL["messages"]):
            yield f"is scaled by {told['value']} of {told['mode']}; the plan says {plan.POOL['messages']} messages"
        if told["protocol"] != "http":
            # Over AMQP what a worker has fetched beforehand is not counted.
            yield f"asks for {told['queueName']} over {told['protocol']}"


def _queues(root: Path, name: str) -> set[str]:
    """What a type of process is fed from: events for who consumes, tasks for who works."""
    kind = KINDS[name]
    part = tomllib.loads((root / "docs/architecture/dependencies.toml").read_text("utf-8"))["parts"][kind.service]
    return set(part["task_queues"] if kind.type == "worker" else part["queues"])


def servers(objects: Objects) -> Iterator[str]:
    """One server of each kind may be lost, and with it no commit and no message."""
    found = {
        one["kind"]: one["spec"] for one in objects if one["kind"] in ("Cluster", "RabbitmqCluster", "StatefulSet")
    }
    missing = {"Cluster", "RabbitmqCluster", "StatefulSet"} - found.keys()
    if missing:
        yield f"there is no {', '.join(sorted(missing))}"
        return
    postgres, rabbitmq, redis = found["Cluster"], found["RabbitmqCluster"], found["StatefulSet"]
    if postgres["instances"] != plan.INSTANCES:
        yield f"PostgreSQL has {postgres['instances']} instances; the plan says {plan.INSTANCES}"
    if postgres["postgresql"].get("synchronous") != plan.SYNCHRONOUS:
        yield f"PostgreSQL confirms by {postgres['postgresql'].get('synchronous')}; the plan says {plan.SYNCHRONOUS}"
    if rabbitmq["replicas"] != plan.INSTANCES:
        yield f"RabbitMQ has {rabbitmq['replicas']} nodes; the plan says {plan.INSTANCES}"
    said = {line.strip() for line in rabbitmq["rabbitmq"]["additionalConfig"].splitlines()}
    yield from (f"RabbitMQ is not told {line}" for line in sorted(plan.RABBITMQ - said))
    if redis["replicas"] != plan.REDIS_NODES:
        yield f"Redis has {redis['replicas']} nodes; the plan says {plan.REDIS_NODES}"
