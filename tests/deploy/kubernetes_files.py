"""Kubernetes' objects that follow from what is said elsewhere: `python -m deploy.kubernetes_files` writes them.

Who may reach whom is docs/architecture/dependencies.toml; what runs, and is scaled by which queue, the types of
processes; the alerts, Prometheus' rules.
"""

import ipaddress
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bet_intel.compose.cluster.services import GATEWAY, KINDS, ProcessKind
from deploy.broker_files import definitions
from deploy.faults import PROJECT
from deploy.kubernetes_processes import processes

_K8S = "compose/k8s"
_PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"]
# Where IPv6 is translated to IPv4 (RFC 6052), the address that is meant is in the last 32 bits.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


def _translated(private: str) -> str:
    inner = ipaddress.IPv4Network(private)
    outer = int(_TRANSLATED.network_address) | int(inner.network_address)
    return str(ipaddress.IPv6Network((outer, 96 + inner.prefixlen)))


_PUBLIC = (
    {"cidr": "0.0.0.0/0", "except": _PRIVATE},
    # What of IPv6 is given out; private, link-local and multicast addresses are outside.
    {"cidr": "2000::/3"},
    {"cidr": str(_TRANSLATED), "except": [_translated(one) for one in _PRIVATE]},
)
_POSTGRES = {"cnpg.io/cluster": "postgres"}
_RABBITMQ = {"app.kubernetes.io/name": "rabbitmq"}
_REDIS = {"app.kubernetes.io/name": "redis"}
_NAME = "app.kubernetes.io/name"
# Who plans polls has a leader: more of them would stand by. It is no pool.
_NOT_SCALED = frozenset({"odds-ingest.schedule", GATEWAY.name})
_AT_ONCE = "50"
"""Messages for each process: the plan's queue depth."""


def made(root: Path) -> dict[str, str]:
    """Each file's text by its path below the root."""
    declared = tomllib.loads((root / "docs/architecture/dependencies.toml").read_text("utf-8"))
    parts = declared["parts"]
    scripts = {
        f"{_K8S}/components/redis/{name}": _script(root, f"compose/redis/{name}") for name in ("start.sh", "create.sh")
    }
    return {
        f"{_K8S}/base/network-policies.yaml": _text(
            "docs/architecture/dependencies.toml", _policies(parts, declared["watched_from"], declared["entered_from"])
        ),
        f"{_K8S}/components/keda/scaled-objects.yaml": _text("the types of processes", _scaled(parts)),
        f"{_K8S}/components/monitoring/rules.yaml": _text("compose/prometheus/rules", [_rules(root)]),
        "compose/rabbitmq/definitions.json": f"{definitions()}\n",
        **{f"{_K8S}/base/{name}.yaml": _text("the types of processes", objects) for name, objects in processes()},
        **scripts,
        **_dashboards(root),
    }


def _dashboards(root: Path) -> dict[str, str]:
    """Those of compose, each in a ConfigMap of its own, for kubectl keeps a copy of an object within an annotation."""
    folder = f"{_K8S}/components/monitoring/dashboards"
    files = sorted((root / "compose/grafana/dashboards").glob("*.json"))
    generated = [
        {
            "name": f"dashboard-{file.stem}",
            "files": [file.name],
            # What the sidecar of Grafana looks for.
            "options": {"labels": {"grafana_dashboard": "1"}},
        }
        for file in files
    ]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "configMapGenerator": generated,
    }
    return {
        **{f"{folder}/{file.name}": file.read_text("utf-8") for file in files},
        f"{folder}/kustomization.yaml": _text("compose/grafana/dashboards", [kustomization]),
    }


def _text(source: str, objects: Sequence[Mapping[str, Any]]) -> str:
    documents = [yaml.safe_dump(dict(one), sort_keys=False, width=120) for one in objects]
    return f"# Made from {source} by `make deploy-files`.\n" + "---\n".join(documents)


def _script(root: Path, source: str) -> str:
    """kustomize reads nothing above its root: what compose runs is copied, and says so below its first line."""
    first, rest = (root / source).read_text("utf-8").split("\n", 1)
    return f"{first}\n# Made from {source} by `make deploy-files`.\n{rest}"


def _policies(
    parts: Mapping[str, Any], watcher: Mapping[str, Any], entrance: Mapping[str, Any]
) -> list[dict[str, Any]]:
    entered = {"from": [_namespace(entrance["namespace"])], "ports": _ports(entrance["gateway"])}
    reaching = {
        "postgres": [name for name, part in parts.items() if part["database"]],
        "rabbitmq": list(parts),
        "redis": [name for name, part in parts.items() if part["cache"]],
    }
    return [
        _policy("default-deny", {}, ["Ingress", "Egress"]),
        _policy("dns", {}, ["Egress"], egress=[_dns()]),
        *[_of_part(name, part, watcher) for name, part in parts.items()],
        _policy("gateway", {_NAME: "api"}, ["Ingress"], ingress=[entered]),
        _of_server("postgres", _POSTGRES, reaching["postgres"], [5432], [5432, 8000], ["cnpg-system"], metrics=[9187]),
        # KEDA asks for the depth of queues where the operator asks for their health.
        _of_server(
            "rabbitmq",
            _RABBITMQ,
            reaching["rabbitmq"],
            [5672],
            [4369, 25672],
            ["rabbitmq-system", "keda"],
            [15672],
            metrics=[15692],
        ),
        _of_server("redis", _REDIS, [*reaching["redis"], "redis-create"], [6379], [6379, 16379]),
        _policy("redis-create", {_NAME: "redis-create"}, ["Egress"], egress=[_to(_REDIS, 6379)]),
    ]


def _policy(name: str, selected: Mapping[str, str], types: Sequence[str], **rules: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": dict(selected)} if selected else {},
            "policyTypes": list(types),
            **rules,
        },
    }


def _of_part(name: str, part: Mapping[str, Any], watcher: Mapping[str, Any]) -> dict[str, Any]:
    egress = [_to(_RABBITMQ, 5672)]
    if part["database"]:
        egress.insert(0, _to(_POSTGRES, 5432))
    if part["cache"]:
        egress.append(_to(_REDIS, 6379))
    if part["hosts"]:
        # A policy knows addresses, not names: public ones alone.
        egress.append({"to": [{"ipBlock": dict(block)} for block in _PUBLIC], "ports": _ports_of(part["hosts"])})
    egress.append({"to": [_namespace(watcher["namespace"])], "ports": _ports(watcher["traces"])})
    watched = {"from": [_namespace(watcher["namespace"])], "ports": _ports(watcher["metrics"])}
    return _policy(name, {_NAME: name}, ["Ingress", "Egress"], ingress=[watched], egress=egress)


def _of_server(
    name: str,
    selected: Mapping[str, str],
    users: Sequence[str],
    ports: Sequence[int],
    among: Sequence[int],
    operators: Sequence[str] = (),
    operated: Sequence[int] = (8000, 5432),
    metrics: Sequence[int] = (),
) -> dict[str, Any]:
    own = [{"podSelector": {"matchLabels": dict(selected)}}]
    ingress = [
        {"from": [{"podSelector": {"matchLabels": {_NAME: user}}} for user in users], "ports": _ports(*ports)},
        {"from": own, "ports": _ports(*among)},
    ]
    if metrics:
        ingress.append({"from": [_namespace("monitoring")], "ports": _ports(*metrics)})
    egress: list[dict[str, Any]] = [{"to": own, "ports": _ports(*among)}]
    if operators:
        ingress.append({"from": [_namespace(one) for one in operators], "ports": _ports(*operated)})
        # Its operator's agent asks the API of Kubernetes, and archives to storage outside.
        egress.append({"ports": _ports(443, 6443)})
    return _policy(name, selected, ["Ingress", "Egress"], ingress=ingress, egress=egress)


def _to(selected: Mapping[str, str], port: int) -> dict[str, Any]:
    return {"to": [{"podSelector": {"matchLabels": dict(selected)}}], "ports": _ports(port)}


def _dns() -> dict[str, Any]:
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}], "ports": ports}


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _ports(*numbers: int) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": number} for number in numbers]


def _ports_of(hosts: Sequence[str]) -> list[dict[str, Any]]:
    """Those of named hosts; whoever is named by others may be at any port."""
    if "*" in hosts:
        return [{"protocol": "TCP"}]
    return _ports(*sorted({int(host.rpartition(":")[2]) for host in hosts}))


def _scaled(parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    login = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": "rabbitmq"},
        "spec": {"secretTargetRef": [{"parameter": "host", "name": "keda-rabbitmq", "key": "host"}]},
    }
    pools = [_pool(kind, list(_queues(kind, parts))) for name, kind in KINDS.items() if name not in _NOT_SCALED]
    return [login, _gateways(), *pools]


def _queues(kind: ProcessKind, parts: Mapping[str, Any]) -> Iterator[str]:
    part = parts[kind.service]
    yield from (queue for queue in (*part["queues"], *part["task_queues"]) if kind.is_fed_from(queue))


def _pool(kind: ProcessKind, queues: Sequence[str]) -> dict[str, Any]:
    triggers = [
        {
            "type": "rabbitmq",
            # Over AMQP only what is ready is counted, and a worker's prefetched messages are not.
            "metadata": {"protocol": "http", "queueName": queue, "mode": "QueueLength", "value": _AT_ONCE},
            "authenticationRef": {"name": "rabbitmq"},
        }
        for queue in queues
    ]
    fallback = {"failureThreshold": 3, "replicas": 2, "behavior": "currentReplicasIfHigher"}
    return _scaled_object(kind.name.replace(".", "-"), 2, 8, triggers, 15, fallback)


def _gateways() -> dict[str, Any]:
    triggers = [
        {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}},
        {"type": "memory", "metricType": "Utilization", "metadata": {"value": "80"}},
        {
            "type": "prometheus",
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": "http://prometheus-operated.monitoring.svc:9090",
                "query": "sum(rate(bet_intel_http_requests_total[1m]))",
                "threshold": "100",
            },
        },
    ]
    fallback = {"failureThreshold": 3, "replicas": 3, "behavior": "currentReplicasIfHigher"}
    return _scaled_object("api-serve", 3, 20, triggers, 30, fallback)


def _scaled_object(
    name: str, least: int, most: int, triggers: Sequence[Mapping[str, Any]], up: int, fallback: Mapping[str, Any]
) -> dict[str, Any]:
    behavior = {
        "scaleUp": {
            "stabilizationWindowSeconds": up,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 30}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Percent", "value": 20, "periodSeconds": 60}],
        },
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"name": name},
            "minReplicaCount": least,
            "maxReplicaCount": most,
            "fallback": dict(fallback),
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            "triggers": list(triggers),
        },
    }


def _rules(root: Path) -> dict[str, Any]:
    groups = [
        group
        for file in sorted((root / "compose/prometheus/rules").glob("*.yaml"))
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "bet-intel"},
        "spec": {"groups": groups},
    }


def write(root: Path) -> None:
    for path, text in made(root).items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, "utf-8")


if __name__ == "__main__":
    write(PROJECT)
