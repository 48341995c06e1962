"""Checks of what starts after what, and of the servers of a small host, over what Compose makes of the files."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bet_intel.compose.cluster.services import GATEWAY

Services = Mapping[str, Any]

_HEALTHY, _DONE = "service_healthy", "service_completed_successfully"
_SERVERS = re.compile(r"(?:postgres|rabbitmq|redis)-\d+")
_SMALL = frozenset({"postgres-1", "rabbitmq-1", "redis-1", "redis-2", "redis-3"})
# What a migration needs: tables are made in the one, queues in the others, with a member on each that is there.
_MIGRATED = dict.fromkeys(("postgres-1", "rabbitmq-1", "rabbitmq-2", "rabbitmq-3"), _HEALTHY)
_KEPT = {"max_fails=3", "fail_timeout=30s"}
_GATEWAYS = re.compile(r"server (\S+)((?: [^ ;]+)*);")
_ADDRESS = re.compile(r"[\d.]+:\d+")
# Of Docker; what it says would hold for ten minutes.
_ASKED = re.compile(r"resolver 127\.0\.0\.11 (?:\S+ )*valid=[1-5]s\b")
_TAG = re.compile(r"nginx:(\d+)\.(\d+)")
# The first that has `resolve` is 1.27.3; a tag has two numbers.
_RESOLVES = (1, 28)


def ordered(services: Services, processes: Mapping[str, str]) -> Iterator[str]:
    """Who waits for another waits until it is well, or done, and can tell: servers, then migrations, then processes,
    then nginx. `processes` says `service.type` of each of our own."""
    for name, one in services.items():
        for other, wanted in one.get("depends_on", {}).items():
            if wanted["condition"] not in (_HEALTHY, _DONE):
                yield f"compose.yaml: {name} does not wait until {other} is well ({wanted['condition']})"
            elif wanted["condition"] == _HEALTHY and not _tells(services[other], other in processes):
                yield f"compose.yaml: {name} waits for {other}, which nobody asks for its health"
    for name, process in processes.items():
        service, kind = process.split(".")
        wanted_of = _MIGRATED if kind == "migrate" else {f"{service}-migrate": _DONE}
        if service == GATEWAY.service and kind != "migrate":
            wanted_of = wanted_of | {"redis-create": _DONE}
        yield from _waits(name, services[name], wanted_of)
    yield from _waits("nginx", services["nginx"], {GATEWAY.service: _HEALTHY})
    yield from _waits(
        "redis-create", services["redis-create"], dict.fromkeys(("redis-1", "redis-2", "redis-3"), _HEALTHY)
    )


def _tells(one: Mapping[str, Any], ours: bool) -> bool:
    """Our images say how they are asked."""
    asked = one.get("healthcheck", {})
    return not asked.get("disable") and (ours or "test" in asked)


def _waits(name: str, one: Mapping[str, Any], wanted: Mapping[str, str]) -> Iterator[str]:
    found = {other: each["condition"] for other, each in one.get("depends_on", {}).items()}
    yield from (
        f"compose.yaml: {name} does not wait for {other} ({condition})"
        for other, condition in wanted.items()
        if found.get(other) != condition
    )


def small(services: Services, processes: Mapping[str, str], full: Services) -> Iterator[str]:
    """A small host runs every process, and one server of each kind: of Redis the three nodes that a cluster needs."""
    running = {name for name in services if _SERVERS.fullmatch(name)}
    if running != _SMALL:
        yield f"small.env: runs {', '.join(sorted(running))}"
    yield from (f"small.env: no {name}" for name in sorted(processes.keys() - services.keys()))
    asked = set(services["postgres-1"]["environment"]["HOSTS"].split()) - services.keys()
    yield from (f"small.env: postgres-1 waits for {name}, which does not run" for name in sorted(asked))
    everybody = " ".join(sorted(name for name in full if re.fullmatch(r"postgres-\d", name)))
    for name in sorted(name for name in full if re.fullmatch(r"postgres-\d", name)):
        if full[name]["environment"]["HOSTS"] != everybody:
            yield f"full.env: {name} knows {full[name]['environment']['HOSTS']} alone"
    created = services["redis-create"]["environment"]
    yield from (
        f"small.env: Redis is made of {name}, which does not run"
        for name in created["NODES"].split()
        if name not in services
    )
    if created["REPLICAS"] != "0":
        yield f"small.env: each of three masters is to have {created['REPLICAS']} replicas"
    if full["redis-create"]["environment"]["REPLICAS"] != "1":
        yield "compose.yaml: the masters of Redis have no replica each"


def balanced(nginx: Mapping[str, Any]) -> Iterator[str]:
    """A gateway that fails three times is left out for half a minute; where all have, they are asked all the same. One
    that has a name is looked for again while nginx runs: it has another address whenever it is made anew."""
    given = nginx["environment"]
    for variable, kept in (("GATEWAYS", _KEPT), ("ALL_GATEWAYS", {"max_fails=0"})):
        for address, options in _GATEWAYS.findall(given[variable]):
            named = not _ADDRESS.fullmatch(address)
            wanted = kept | {"resolve"} if named else kept
            if set(options.split()) != wanted:
                yield f"{variable} of nginx: {address} has{options or ' nothing'}, not {' '.join(sorted(wanted))}"
            if named and not _ASKED.search(given[variable]):
                yield f"{variable} of nginx: nobody is asked again where {address} is, every few seconds"
            tag = _TAG.search(nginx["image"])
            if named and (tag is None or (int(tag[1]), int(tag[2])) < _RESOLVES):
                yield f"{nginx['image']} looks for {address} once, when it starts"
