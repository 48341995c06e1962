"""What containers reach and are given of what is around them: networks, ports of the host, its files, room to keep
things."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.our_services import ours

_INSIDE, _OUTSIDE = "inside", "outside"
_CALL_OUT = frozenset({"odds-ingest.schedule", "odds-ingest.worker", "notifier.worker"})
"""Processes that call providers and receivers."""
_OTHERS_OUTSIDE = {
    "nginx": "clients",
    "alertmanager": "the mail server",
    "grafana": "its readers",
    "otel-collector": "where traces go",
}
"""Who else is to be reached from outside, or reaches out; for whom."""
_FOR_EVERYBODY = frozenset({"nginx"})
_FOR_THIS_HOST = {"grafana": ("127.0.0.1", "3000"), "alertmanager": ("127.0.0.1", "9093")}
"""The one address and port of the host at which a container is to be found; whoever is not named has none."""
_OF_THE_HOST = {
    # What it tells of containers it reads there: their names, their cgroups, their disks.
    "cadvisor": ("/rootfs", "/var/run", "/sys", "/var/lib/docker"),
    "node-exporter": ("/host",),
}
_KEEP = {
    "prometheus": "--storage.tsdb.path=",
}
"""The option that says where something is kept which is to outlive its container."""
_KEPT_AT = {
    # As alertmanager/start.sh has it.
    "alertmanager": "/alertmanager",
}
"""The same, where no option says so."""

Services = Mapping[str, Any]


def surroundings(services: Services, networks: Mapping[str, Any]) -> Iterator[str]:
    """Each container is on the networks that it needs and on no other, and is given what it reads of its host."""
    yield from _reach(services, networks)
    yield from _published(services)
    yield from _given(services)
    yield from _kept(services)


def _reach(services: Services, networks: Mapping[str, Any]) -> Iterator[str]:
    if not networks[_INSIDE].get("internal"):
        yield f"the compose files: the network {_INSIDE} leads outside"
    wanted = {name: "what it calls" for name, process, _ in ours(services) if process in _CALL_OUT} | _OTHERS_OUTSIDE
    for name, one in services.items():
        has = one.get("networks") or {}
        if _INSIDE not in has:
            yield f"the compose files: {name} is not on {_INSIDE}, where all the others are"
        if name in wanted and _OUTSIDE not in has:
            yield f"the compose files: {name} is not on {_OUTSIDE}: between it and {wanted[name]} there is no way"
        if name not in wanted and _OUTSIDE in has:
            yield f"the compose files: {name} is on {_OUTSIDE}, and has no business there"


def _published(services: Services) -> Iterator[str]:
    for name, one in services.items():
        ports = [(port.get("host_ip"), port["published"]) for port in one.get("ports") or ()]
        wanted = [_FOR_THIS_HOST[name]] if name in _FOR_THIS_HOST else []
        if name in _FOR_EVERYBODY:
            if not ports:
                yield f"the compose files: {name} is at no port of the host"
        elif ports != wanted:
            yield f"the compose files: {name} is at {_told(ports)} of the host, not at {_told(wanted)}"


def _told(ports: Sequence[tuple[str | None, str]]) -> str:
    return ", ".join(f"{address or '*'}:{port}" for address, port in ports) or "no port"


def _given(services: Services) -> Iterator[str]:
    for name, paths in _OF_THE_HOST.items():
        bound = {volume["target"] for volume in services[name]["volumes"] if volume["type"] == "bind"}
        yield from (f"the compose files: {name} is not given {path} of the host" for path in paths if path not in bound)


def _kept(services: Services) -> Iterator[str]:
    for name, option in _KEEP.items():
        kept = [said.removeprefix(option) for said in services[name]["command"] if said.startswith(option)]
        if not kept or kept[0] not in _volumes(services[name]):
            yield f"the compose files: {name} keeps nothing in a volume ({option}…)"
    for name, folder in _KEPT_AT.items():
        if folder not in _volumes(services[name]):
            yield f"the compose files: {name} keeps nothing in a volume ({folder})"


def _volumes(service: Mapping[str, Any]) -> set[str]:
    return {volume["target"] for volume in service["volumes"] if volume["type"] == "volume"}
