"""Whether docs/operations/kubernetes.md tells what an overlay needs before it is applied: hosts for the Secrets, and
operators."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = "docs/operations/kubernetes.md"
_HOSTS = "### Hosts of PostgreSQL\n"
_OPERATORS = "## Operators\n"
_NAME = re.compile(r"`([\w-]+)`")
_INSTANCE = "cnpg.io/instanceName"
# What its command is known by.
_OPERATOR_OF: Mapping[str, str] = {
    "Cluster": "/cloudnative-pg/",
    "ScheduledBackup": "/plugin-barman-cloud/",
    "RabbitmqCluster": "/cluster-operator/",
    "ScaledObject": "/keda/",
    "ServiceMonitor": " kube-prometheus-stack ",
    # Of CPU and memory somebody has to tell; KEDA asks the same.
    "HorizontalPodAutoscaler": "/metrics-server/",
    "Ingress": " ingress-nginx ",
}

Objects = Sequence[Mapping[str, Any]]


def told(root: Path, overlay: str, objects: Objects) -> Iterator[str]:
    """What the page does not tell of an overlay."""
    page = (root / PAGE).read_text("utf-8")
    yield from _hosts(page, overlay, objects)
    commands = [line for line in page.partition(_OPERATORS)[2].splitlines() if line.startswith("    ")]
    kinds = {one["kind"] for one in objects}
    if "ScaledObject" in kinds:
        kinds.add("HorizontalPodAutoscaler")
    for kind in sorted(kinds & _OPERATOR_OF.keys()):
        if not any(_OPERATOR_OF[kind] in command for command in commands):
            yield f"{PAGE} has no command for what {kind} needs: {_OPERATOR_OF[kind].strip(' /')}"


def _hosts(page: str, overlay: str, objects: Objects) -> Iterator[str]:
    """Every instance has an address; the page names these, and for migrations the one that leads to the primary: they
    would wait for each host that is named and silent."""
    table = page.partition(_HOSTS)[2].partition("\n\n")[0]
    rows = [[_NAME.findall(cell) for cell in row.split("|")[1:-1]] for row in table.splitlines()]
    said = [(hosts, owners) for names, hosts, owners in rows if overlay in names]
    addresses = sorted(
        one["metadata"]["name"]
        for one in objects
        if one["kind"] == "Service" and _INSTANCE in one["spec"].get("selector", {})
    )
    for cluster in (one for one in objects if one["kind"] == "Cluster"):
        instances, primary = cluster["spec"].get("instances"), f"{cluster['metadata']['name']}-rw"
        if len(addresses) != instances:
            yield f"PostgreSQL has {instances} instances, and the addresses {', '.join(addresses)}"
        if said != [(addresses, [primary])]:
            yield f"{PAGE} does not name {', '.join(addresses)} for the processes and {primary} for migrations"
