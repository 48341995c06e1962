"""Whether the namespace asks for the standard `restricted`, and every pod keeps it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Objects = Sequence[Mapping[str, Any]]

_ENFORCE = "pod-security.kubernetes.io/enforce"
_RESTRICTED = "restricted"
_WITH_PODS = frozenset({"Deployment", "StatefulSet", "Job"})
_OF_THE_HOST = ("hostNetwork", "hostPID", "hostIPC")


def restricted(objects: Objects) -> Iterator[str]:
    """What the API of Kubernetes would refuse, and a namespace that would let it pass.

    Pods of PostgreSQL are its operator's alone; of RabbitMQ's it is told (`override`).
    """
    namespaces = [one["metadata"] for one in objects if one["kind"] == "Namespace"]
    if not namespaces:
        yield "there is no namespace"
    for one in namespaces:
        if (found := one.get("labels", {}).get(_ENFORCE)) != _RESTRICTED:
            yield f"the namespace {one['name']} enforces {found}, not {_RESTRICTED}"
    for name, pod in _pods(objects):
        yield from (f"{name}: {fault}" for fault in _pod(pod))


def _pods(objects: Objects) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in objects:
        if one["kind"] in _WITH_PODS:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]
        elif one["kind"] == "RabbitmqCluster":
            stateful = one["spec"].get("override", {}).get("statefulSet", {})
            yield one["metadata"]["name"], stateful.get("spec", {}).get("template", {}).get("spec", {})


def _pod(pod: Mapping[str, Any]) -> Iterator[str]:
    of_all = pod.get("securityContext", {})
    yield from (f"has {one} of its host" for one in _OF_THE_HOST if pod.get(one))
    yield from (f"reads {one['name']} from its host" for one in pod.get("volumes", ()) if "hostPath" in one)
    containers = [*pod.get("initContainers", ()), *pod.get("containers", ())]
    if not containers:
        yield "says nothing of its containers"
    for one in containers:
        context = of_all | one.get("securityContext", {})
        capabilities = context.get("capabilities", {})
        if context.get("runAsNonRoot") is not True or of_all.get("runAsNonRoot") is not True:
            yield f"{one['name']} may run as root"
        if context.get("runAsUser") == 0:
            yield f"{one['name']} runs as root"
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield f"{one['name']} may take more rights"
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            yield f"{one['name']} keeps capabilities"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{one['name']} may make any call of the system"
