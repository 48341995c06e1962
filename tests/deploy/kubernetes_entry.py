"""What comes in from outside: by which Ingress, for how long it may be silent, and who says whom a request is from."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from deploy import plan

Objects = Sequence[Mapping[str, Any]]

_API = "docs/api/openapi.json"
_DEPENDENCIES = "docs/architecture/dependencies.toml"
_PREFIX = "nginx.ingress.kubernetes.io/"
_TRUSTED = "BET_INTEL_API_TRUSTED_PROXIES"
_WIDEST = 8
"""Bits that a network of pods has at least; one that is wider takes in clients."""
_READS = frozenset({"get", "head", "options"})
_METHODS = _READS | {"post", "put", "patch", "delete"}


def entered(root: Path, objects: Objects) -> Iterator[str]:
    """Only who stands before the gateways reaches them, and is believed; each path has its time."""
    yield from _reached(root, objects)
    there = [one for one in objects if one["kind"] == "Ingress"]
    if there:
        yield from _annotations(there)
        yield from _hosts(there)
        yield from _paths(root, there)


def _reached(root: Path, objects: Objects) -> Iterator[str]:
    entrance = tomllib.loads((root / _DEPENDENCIES).read_text("utf-8"))["entered_from"]
    wanted = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": entrance["namespace"]}}}]
    told = [one["data"][_TRUSTED] for one in objects if one["kind"] == "ConfigMap" and _TRUSTED in one.get("data", {})]
    of_all = any(one["kind"] == "Service" and one["spec"].get("type") == "LoadBalancer" for one in objects)
    rules = [
        rule
        for one in objects
        if one["kind"] == "NetworkPolicy" and _selects_gateways(one["spec"]["podSelector"])
        for rule in one["spec"].get("ingress", ())
        if entrance["gateway"] in [port.get("port") for port in rule.get("ports", [{"port": entrance["gateway"]}])]
    ]
    if not rules:
        yield "nobody reaches the gateways"
    for rule in rules:
        if of_all and "from" in rule:
            yield "the gateways have an address of their own, at which nobody reaches them"
        if of_all and told and "from" not in rule:
            yield f"anybody reaches the gateways, and {_TRUSTED} has them believe {told[0]}"
        if not of_all and rule.get("from") != wanted:
            found = rule.get("from", "everywhere")
            yield f"the gateways are reached from {found}, not from {entrance['namespace']} alone"
    yield from (fault for each in told for fault in _too_wide(each))


def _selects_gateways(selector: Mapping[str, Any]) -> bool:
    labels = {"app.kubernetes.io/name": "api", "app.kubernetes.io/component": "serve"}
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


def _too_wide(told: str) -> Iterator[str]:
    """A word that is no network is believed by nobody, and nobody says so."""
    for word in told.split(","):
        try:
            network = ip_network(word.strip())
        except ValueError as error:
            yield f"{_TRUSTED}: {error}"
            continue
        if network.prefixlen < _WIDEST:
            yield f"{_TRUSTED} has the gateways believe {network}, in which clients are"


def _annotations(there: Objects) -> Iterator[str]:
    for one in there:
        name = one["metadata"]["name"]
        said = {key.removeprefix(_PREFIX): value for key, value in one["metadata"]["annotations"].items()}
        if name not in plan.INGRESS_SECONDS:
            yield f"the Ingress {name} is not in the plan"
            continue
        read, send = plan.INGRESS_SECONDS[name]
        for key, value in (plan.INGRESS | {"proxy-read-timeout": read, "proxy-send-timeout": send}).items():
            if said.get(key) != value:
                yield f"the Ingress {name} has {key} {said.get(key)}; the plan says {value}"


def _hosts(there: Objects) -> Iterator[str]:
    """All of them are one server, with its certificate."""
    hosts = {tuple(rule["host"] for rule in one["spec"]["rules"]) for one in there}
    secured = {
        (host, one.get("secretName")) for each in there for one in each["spec"].get("tls", ()) for host in one["hosts"]
    }
    if len(hosts) != 1 or len(secured) != 1 or any("tls" not in one["spec"] for one in there):
        yield f"the Ingresses are of different hosts or certificates: {sorted(hosts)}, {sorted(map(str, secured))}"


def _paths(root: Path, there: Objects) -> Iterator[str]:
    """The longest path counts, as ingress-nginx has it."""
    by_path = {
        (path["pathType"], path["path"]): one["metadata"]["name"]
        for one in there
        for rule in one["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    paths: Mapping[str, Mapping[str, Any]] = json.loads((root / _API).read_text("utf-8"))["paths"]
    heads = {"/" + "/".join(path.split("/")[1:3]) for path in paths}
    mixed = {
        head
        for head in heads
        if any(_METHODS & said.keys() - _READS for path, said in paths.items() if _below(path, head))
    }
    for path in paths:
        head = "/" + "/".join(path.split("/")[1:3])
        wanted = _wanted(path, changes=head in mixed)
        found = [given for given in by_path if path == given[1] or (given[0] == "Prefix" and _below(path, given[1]))]
        name = by_path[max(found, key=lambda given: len(given[1]))] if found else None
        if name != wanted:
            yield f"{path} belongs to the Ingress {wanted}, and {name} takes it"


def _wanted(path: str, *, changes: bool) -> str:
    """Whose time a path has: an annotation does not tell a read from a write of the same path."""
    if path == "/v1/stream":
        return "api-stream"
    if path.startswith("/v1/") and not path.startswith("/v1/exports/") and not changes:
        return "api-reads"
    return "api"


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")
