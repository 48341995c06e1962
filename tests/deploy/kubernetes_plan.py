"""What the scaling plan says of the objects for Kubernetes: sizes, the gateways' autoscaler, room for connections."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy import plan

BESIDE_POOL = 2
"""Connections of a process beside its pool: the probe of the host, and the session of its ticker."""

Objects = Sequence[Mapping[str, Any]]


def autoscaler(root: Path) -> Iterator[str]:
    """That of the gateways is the plan's; the one of KEDA, in its place, is made from code."""
    spec = yaml.safe_load((root / "compose/k8s/base/api-autoscaler.yaml").read_text("utf-8"))["spec"]
    found = {
        "minReplicas": spec["minReplicas"],
        "maxReplicas": spec["maxReplicas"],
        "metrics": {
            one["resource"]["name"]: one["resource"]["target"]["averageUtilization"] for one in spec["metrics"]
        },
        "stabilization": {name: one["stabilizationWindowSeconds"] for name, one in spec["behavior"].items()},
    }
    if found != plan.AUTOSCALER:
        yield f"api-autoscaler.yaml has {found}, the plan {plan.AUTOSCALER}"


def ingress(objects: Objects) -> Iterator[str]:
    """The Ingress' annotations are the plan's."""
    for one in objects:
        if one["kind"] != "Ingress":
            continue
        prefix = "nginx.ingress.kubernetes.io/"
        said = {name.removeprefix(prefix): value for name, value in one["metadata"]["annotations"].items()}
        for name, value in plan.INGRESS.items():
            if said.get(name) != value:
                yield f"the Ingress {one['metadata']['name']} has {name} {said.get(name)}; the plan says {value}"


def sizes(objects: Objects) -> Iterator[str]:
    """What containers keep free, and may use."""
    for one in objects:
        name = one["metadata"]["name"]
        if one["kind"] == "Deployment":
            wanted = plan.GATEWAY if name == "api-serve" else plan.WORKER
        elif one["kind"] == "StatefulSet" and name == "redis":
            wanted = plan.REDIS
        else:
            continue
        resources = _container(one)["resources"]
        kept, most = resources["requests"], resources["limits"]
        found = plan.Size(_mib(kept["memory"]), _cpus(kept["cpu"]), _mib(most["memory"]), _cpus(most["cpu"]))
        if found != wanted:
            yield f"{name} has {found}; the plan gives it {wanted}"


def connections(objects: Objects) -> Iterator[str]:
    """Each service is told how many processes it may have at most, and PostgreSQL has room for what they open."""
    by_service: dict[str, int] = defaultdict(int)
    needed = 0
    numbers = _most(objects)
    for one in objects:
        if one["kind"] == "Deployment":
            name = one["metadata"]["name"]
            by_service[name.rpartition("-")[0]] += numbers[name]
            [pool] = [int(given["value"]) for given in _container(one)["env"] if given["name"].endswith("_POOL_SIZE")]
            needed += numbers[name] * (pool + BESIDE_POOL)
    for service, told in _told(objects).items():
        if told < by_service[service]:
            yield f"{service} is told of {told} processes, and may have {by_service[service]}"
    [postgres] = [one for one in objects if one["kind"] == "Cluster"]
    room = int(postgres["spec"]["postgresql"]["parameters"]["max_connections"])
    if needed > room:
        yield f"the processes may need {needed} connections, and PostgreSQL takes {room}"


def _most(objects: Objects) -> Mapping[str, int]:
    """How many pods a Deployment may have, by its name."""
    numbers = {
        one["metadata"]["name"]: int(one["spec"].get("replicas", 1)) for one in objects if one["kind"] == "Deployment"
    }
    for one in objects:
        if one["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            spec = one["spec"]
            numbers[spec["scaleTargetRef"]["name"]] = spec.get("maxReplicaCount") or spec["maxReplicas"]
    return numbers


def _told(objects: Objects) -> Mapping[str, int]:
    """How many processes each service is told that it has."""
    return {
        one["metadata"]["name"].partition("-settings-")[0]: int(value)
        for one in objects
        if one["kind"] == "ConfigMap" and "-settings-" in one["metadata"]["name"]
        for name, value in one["data"].items()
        if name.endswith("_PROCESSES")
    }


def _container(one: Mapping[str, Any]) -> Mapping[str, Any]:
    container: Mapping[str, Any] = one["spec"]["template"]["spec"]["containers"][0]
    return container


def _mib(text: str) -> int:
    return int(text[:-2]) * (1024 if text.endswith("Gi") else 1)


def _cpus(text: str) -> float:
    return int(text.removesuffix("m")) / 1000
