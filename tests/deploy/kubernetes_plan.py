"""What the scaling plan says of the objects for Kubernetes: sizes, the gateways' autoscaler, room for connections."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy import plan

BESIDE_POOL = 2
"""Connections of a process beside its pool: the probe of the host, and the session of its ticker."""

_MOST = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}
_MIB = 1 << 20
_UNITS = {"": 1.0, "m": 1 / 1000, "Ki": 1 << 10, "Mi": _MIB, "Gi": 1 << 30, "k": 1e3, "M": 1e6, "G": 1e9}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(" + "|".join(_UNITS) + ")")

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
        "behavior": spec["behavior"],
    }
    if found != plan.AUTOSCALER:
        yield f"api-autoscaler.yaml has {found}, the plan {plan.AUTOSCALER}"


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
        try:
            found = _size(_container(one))
        except ValueError as error:
            yield f"{name}: {error}; the plan gives it {wanted}"
            continue
        if found != wanted:
            yield f"{name} has {found}; the plan gives it {wanted}"


def connections(objects: Objects) -> Iterator[str]:
    """Each service is told how many processes it may have at most, and PostgreSQL has room for what they open."""
    try:
        by_service, needed = _opened(objects)
        told = _told(objects)
        room = _room(objects)
    except ValueError as error:
        yield f"nobody can count the connections: {error}"
        return
    for service, number in told.items():
        if number < by_service[service]:
            yield f"{service} is told of {number} processes, and may have {by_service[service]}"
    if needed > room:
        yield f"the processes may need {needed} connections, and PostgreSQL takes {room}"


def _opened(objects: Objects) -> tuple[Mapping[str, int], int]:
    """How many processes each service may have, and how many connections all of them open."""
    by_service: dict[str, int] = defaultdict(int)
    needed = 0
    numbers = _most(objects)
    for one in objects:
        if one["kind"] == "Deployment":
            name = one["metadata"]["name"]
            by_service[name.rpartition("-")[0]] += numbers[name]
            given = [each for each in _below(_container(one), "env") or () if each["name"].endswith("_POOL_SIZE")]
            if len(given) != 1:
                raise ValueError(f"{name} is told of {len(given)} sizes of its pool, not of one")
            pool = _number(f"{given[0]['name']} of {name}", given[0].get("value"))
            needed += numbers[name] * (pool + BESIDE_POOL)
    return by_service, needed


def _most(objects: Objects) -> Mapping[str, int]:
    """How many pods a Deployment may have, by its name."""
    numbers = {
        one["metadata"]["name"]: _number(f"replicas of {one['metadata']['name']}", one["spec"].get("replicas", 1))
        for one in objects
        if one["kind"] == "Deployment"
    }
    for one in objects:
        most = _MOST.get(one["kind"])
        if most:
            name = one["spec"]["scaleTargetRef"]["name"]
            numbers[name] = _number(f"{most} of {name}", one["spec"].get(most))
    return numbers


def _told(objects: Objects) -> Mapping[str, int]:
    """How many processes each service is told that it has."""
    return {
        one["metadata"]["name"].partition("-settings-")[0]: _number(name, value)
        for one in objects
        if one["kind"] == "ConfigMap" and "-settings-" in one["metadata"]["name"]
        for name, value in one["data"].items()
        if name.endswith("_PROCESSES")
    }


def _room(objects: Objects) -> int:
    found = [one for one in objects if one["kind"] == "Cluster"]
    if len(found) != 1:
        raise ValueError(f"there are {len(found)} clusters of PostgreSQL, not one")
    name = "max_connections"
    return _number(f"{name} of PostgreSQL", _below(found[0], "spec", "postgresql", "parameters", name))


def _size(container: Mapping[str, Any]) -> plan.Size:
    kept, most = (_below(container, "resources", one) for one in ("requests", "limits"))
    return plan.Size(
        _quantity("requests of memory", _below(kept, "memory")) / _MIB,
        _quantity("requests of cpu", _below(kept, "cpu")),
        _quantity("limits of memory", _below(most, "memory")) / _MIB,
        _quantity("limits of cpu", _below(most, "cpu")),
    )


def _below(value: Any, *names: str) -> Any:
    """What is named so, one below the other; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(what: str, value: Any) -> int:
    try:
        # An object says 3, a variable "3"; 3.5 or yes is neither.
        return int(str(value))
    except ValueError:
        raise ValueError(f"{what} is {value!r}, not a whole number") from None


def _quantity(what: str, value: Any) -> float:
    """Kubernetes' way to write an amount: 200m, 0.2, 512Mi."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{what} is {value!r}, not an amount such as 200m or 512Mi")
    return float(match[1]) * _UNITS[match[2]]


def _container(one: Mapping[str, Any]) -> Mapping[str, Any]:
    container: Mapping[str, Any] = one["spec"]["template"]["spec"]["containers"][0]
    return container
