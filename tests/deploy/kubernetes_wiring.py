"""Whether the objects for Kubernetes find each other: who is selected, at which port, and by which name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bet_intel.compose.observability.catalogue import Catalogue
from deploy import plan
from deploy.promql import series

Object = Mapping[str, Any]
Objects = Sequence[Object]

_PAGE = "docs/operations/kubernetes.md"
_METRICS_PAGE = "docs/operations/metrics.md"
_SECRET_OF_PAGE = re.compile(r"`([a-z-]+)`")
_HTTP, _METRICS = 8000, 9100
_GATEWAY = "api-serve"
# Which ports of whom a Service stands for; `metrics` for those of every process.
_SERVES: Mapping[str, frozenset[int]] = {
    "api": frozenset({_HTTP}),
    "metrics": frozenset({_METRICS}),
    "redis": frozenset({6379, 16379}),
    **{f"postgres-{number}": frozenset({5432}) for number in range(1, plan.INSTANCES + 1)},
}
_RABBITMQ_PATH = "/metrics/per-object"


@dataclass(frozen=True, slots=True)
class Pods:
    """What pods of one name are selected by, and their ports by name."""

    name: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]

    def port(self, told: str | int) -> int | None:
        """The number of the port that is named so, or has that number."""
        return self.ports.get(told) if isinstance(told, str) else told if told in self.ports.values() else None


def wired(root: Path, objects: Objects) -> Iterator[str]:
    """What is named by one object and made by none, or is made otherwise than it is named."""
    pods = [*_ours(objects), *_of_operators(objects)]
    yield from _services(objects, pods)
    yield from _ingresses(objects)
    yield from _probes(objects)
    yield from _monitors(objects, pods)
    yield from _disruptions(objects, pods)
    yield from _names(root, objects)
    yield from _mounts(objects)
    yield from _redis(objects)
    yield from _queries(root, objects)


def _ours(objects: Objects) -> Iterator[Pods]:
    for one in _of(objects, "Deployment", "StatefulSet"):
        template = one["spec"]["template"]
        ports = {
            port["name"]: port["containerPort"]
            for container in template["spec"]["containers"]
            for port in container.get("ports", ())
        }
        yield Pods(one["metadata"]["name"], template["metadata"]["labels"], ports)


def _of_operators(objects: Objects) -> Iterator[Pods]:
    """Those that operators make, with the labels and the ports that they give them."""
    for one in _of(objects, "Cluster"):
        name = one["metadata"]["name"]
        # Its schema names what is no number.
        instances = one["spec"].get("instances")
        for number in range(1, (instances if isinstance(instances, int) else plan.INSTANCES) + 1):
            labels = {"cnpg.io/cluster": name, "cnpg.io/instanceName": f"{name}-{number}"}
            yield Pods(f"{name}-{number}", labels, {"postgresql": 5432, "metrics": 9187, "status": 8000})
    for one in _of(objects, "RabbitmqCluster"):
        name = one["metadata"]["name"]
        yield Pods(name, _of_rabbitmq(name), {"amqp": 5672, "management": 15672, "prometheus": 15692})


def _of_rabbitmq(name: str) -> Mapping[str, str]:
    """What the operator calls the pods of a cluster, and their Service."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": "rabbitmq",
        "app.kubernetes.io/part-of": "rabbitmq",
    }


def _services(objects: Objects, pods: Sequence[Pods]) -> Iterator[str]:
    deployments = {one["metadata"]["name"] for one in _of(objects, "Deployment")}
    stands_for = {"api": {_GATEWAY}, "metrics": deployments}
    there = _of(objects, "Service")
    yield from (f"there is no Service {name}" for name in ("api", "redis") if name not in _named(there))
    for one in there:
        name, spec = one["metadata"]["name"], one["spec"]
        selected = [each for each in pods if _selects(spec["selector"], each.labels)]
        if {each.name for each in selected} != stands_for.get(name, {name}):
            yield f"the Service {name} selects {', '.join(sorted(each.name for each in selected)) or 'nobody'}"
        for each in selected:
            reached = frozenset(each.port(port.get("targetPort", port["port"])) for port in spec["ports"])
            if reached != _SERVES.get(name):
                yield f"the Service {name} reaches {each.name} at {', '.join(sorted(map(str, reached)))}"


def _ingresses(objects: Objects) -> Iterator[str]:
    ports = {
        (one["metadata"]["name"], port["name"]) for one in _of(objects, "Service") for port in one["spec"]["ports"]
    }
    for one in _of(objects, "Ingress"):
        for path in [path for rule in one["spec"]["rules"] for path in rule["http"]["paths"]]:
            backend = path["backend"]["service"]
            if (backend["name"], backend["port"].get("name")) not in ports:
                yield f"the Ingress sends to {backend['name']}, which has no port {backend['port']}"


def _probes(objects: Objects) -> Iterator[str]:
    for one in _of(objects, "Deployment"):
        name = one["metadata"]["name"]
        wanted = _HTTP if name == _GATEWAY else _METRICS
        [pods] = _ours([one])
        container = one["spec"]["template"]["spec"]["containers"][0]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            told = container.get(probe, {}).get("httpGet", {}).get("port", "none")
            if pods.port(told) != wanted:
                yield f"{name}: {probe} asks at {told}, not at {wanted}"


def _monitors(objects: Objects, pods: Sequence[Pods]) -> Iterator[str]:
    services = [
        (one["metadata"].get("labels", {}), {port["name"] for port in one["spec"]["ports"]})
        for one in _of(objects, "Service")
    ]
    operated = _named(_of(objects, "RabbitmqCluster"))
    services += [(each.labels, set(each.ports)) for each in pods if each.name in operated]
    for one in _of(objects, "ServiceMonitor", "PodMonitor"):
        name, spec = one["metadata"]["name"], one["spec"]
        asked = services if one["kind"] == "ServiceMonitor" else [(each.labels, set(each.ports)) for each in pods]
        found = [ports for labels, ports in asked if _selects(spec["selector"]["matchLabels"], labels)]
        if not found:
            yield f"the {one['kind']} {name} selects nobody"
        for endpoint in spec.get("endpoints") or spec["podMetricsEndpoints"]:
            if any(endpoint["port"] not in ports for ports in found):
                yield f"the {one['kind']} {name} asks at {endpoint['port']}, which is no port of whom it selects"
            if name == "rabbitmq" and endpoint.get("path") != _RABBITMQ_PATH:
                # Elsewhere there is one number for all queues.
                yield f"the {one['kind']} {name} asks for {endpoint.get('path')}, not for {_RABBITMQ_PATH}"


def _disruptions(objects: Objects, pods: Sequence[Pods]) -> Iterator[str]:
    for one in _of(objects, "PodDisruptionBudget"):
        name, spec = one["metadata"]["name"], one["spec"]
        most = spec.get("maxUnavailable")
        selected = {each.name for each in pods if _selects(spec["selector"]["matchLabels"], each.labels)}
        if selected != {name}:
            yield f"the PodDisruptionBudget {name} is of {', '.join(sorted(selected)) or 'nobody'}"
        if most != plan.UNAVAILABLE["disruption"]:
            yield f"of {name} {most} may be taken away; the plan says {plan.UNAVAILABLE['disruption']}"
    for one in _of(objects, "Deployment"):
        name = one["metadata"]["name"]
        most = one["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable")
        if name == _GATEWAY and most != plan.UNAVAILABLE["rollout"]:
            yield f"of {name} {most} may be missing in a rollout; the plan says {plan.UNAVAILABLE['rollout']}"


def _names(root: Path, objects: Objects) -> Iterator[str]:
    """Secrets are made by an operator, as the page says; the rest is here."""
    page = (root / _PAGE).read_text("utf-8").partition("| Secret | keys |")[2].partition("\n\n")[0]
    made = {name for row in page.splitlines() for name in _SECRET_OF_PAGE.findall("|".join(row.split("|")[:2]))}
    kinds = {
        "Secret": made,
        "ConfigMap": _named(_of(objects, "ConfigMap")),
        "ServiceAccount": _named(_of(objects, "ServiceAccount")),
        "TriggerAuthentication": _named(_of(objects, "TriggerAuthentication")),
    }
    for one in objects:
        for kind, name in _referred(one.get("spec", {})):
            if name not in kinds[kind]:
                where = f" in {_PAGE}" if kind == "Secret" else ""
                yield f"{one['kind']} {one['metadata']['name']} names the {kind} {name}, which there is not{where}"


_REFERRED = {
    "secret": ("Secret", "secretName"),
    "passwordSecret": ("Secret", "name"),
    "externalSecret": ("Secret", "name"),
    "secretTargetRef": ("Secret", "name"),
    "secretKeyRef": ("Secret", "name"),
    "tls": ("Secret", "secretName"),
    "configMap": ("ConfigMap", "name"),
    "configMapRef": ("ConfigMap", "name"),
    "authenticationRef": ("TriggerAuthentication", "name"),
}


def _referred(value: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of what is named anywhere below."""
    if isinstance(value, list):
        for one in value:
            yield from _referred(one)
    elif isinstance(value, dict):
        if "serviceAccountName" in value:
            yield "ServiceAccount", value["serviceAccountName"]
        for key, below in value.items():
            if key in _REFERRED:
                kind, name = _REFERRED[key]
                yield from ((kind, one[name]) for one in (below if isinstance(below, list) else [below]) if name in one)
            yield from _referred(below)


def _mounts(objects: Objects) -> Iterator[str]:
    """What a variable says lies in a file lies below what is mounted."""
    for one in _of(objects, "Deployment", "Job", "StatefulSet"):
        pod = one["spec"]["template"]["spec"]
        for container in pod["containers"]:
            mounted = [mount["mountPath"] for mount in container.get("volumeMounts", ())]
            for variable in container.get("env", ()):
                path = str(variable.get("value", ""))
                if path.startswith("/") and path.rpartition("/")[0] not in mounted:
                    yield f"{one['metadata']['name']} is told of {path}, where nothing is mounted"


def _redis(objects: Objects) -> Iterator[str]:
    """All nodes become the cluster, by the names that their Service gives them."""
    for node in _of(objects, "StatefulSet"):
        name, spec = node["metadata"]["name"], node["spec"]
        wanted = {f"{name}-{number}.{spec['serviceName']}" for number in range(spec["replicas"])}
        for one in _of(objects, "Job"):
            given = {each["name"]: each.get("value", "") for each in _container(one).get("env", ())}
            if "NODES" in given and set(given["NODES"].split()) != wanted:
                differing = ", ".join(sorted(wanted ^ set(given["NODES"].split())))
                yield f"{one['metadata']['name']} is told of other nodes than {name} has: {differing}"


def _queries(root: Path, objects: Objects) -> Iterator[str]:
    catalogue = Catalogue.read(root / _METRICS_PAGE)
    for one in _of(objects, "ScaledObject"):
        for trigger in one["spec"]["triggers"]:
            for name in sorted(series(trigger["metadata"]["query"])) if trigger["type"] == "prometheus" else ():
                if not catalogue.has(name):
                    yield f"{one['metadata']['name']} is scaled by {name}, which is not in {_METRICS_PAGE}"


def _of(objects: Objects, *kinds: str) -> Objects:
    return [one for one in objects if one["kind"] in kinds]


def _named(objects: Objects) -> set[str]:
    return {one["metadata"]["name"] for one in objects}


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _container(one: Object) -> Object:
    container: Object = one["spec"]["template"]["spec"]["containers"][0]
    return container
