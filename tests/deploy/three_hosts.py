"""Checks of bet-intel on three hosts: what each of them runs, by Compose itself, and that the loss of one is borne."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bet_intel.compose.cluster.services import KINDS
from deploy.composing import MAIN, configuration, rendered
from deploy.composing_start import balanced
from deploy.connections import connections
from deploy.our_services import ours
from deploy.scraping import FILE
from deploy.watching import in_files

THREE = "compose/compose.three-hosts.yaml"
_WATCHERS = "compose/compose.observability.yaml"
_PAGE = "docs/operations/three-hosts.md"
_HOSTS = (1, 2, 3)
_NETWORK = "bet-intel"
_ONCE = re.compile(r"(?:postgres|rabbitmq|redis)-\d|.*-migrate|redis-create")
_GATEWAY = re.compile(r"server (\S+):8000")
# Whose replica it becomes where redis-cli makes the cluster of six nodes with addresses of their own.
_REPLICATES = {"redis-4": "redis-3", "redis-5": "redis-1", "redis-6": "redis-2"}

Services = Mapping[str, Any]


def options(host: int) -> list[str]:
    """Of `docker compose`, for all that concerns this host."""
    return ["--env-file", f"compose/hosts/{host}.env", "-f", MAIN, "-f", THREE]


def on_host(root: Path, host: int) -> dict[str, Any]:
    """What Compose makes of the files there. Raises as `composing.rendered`."""
    return rendered(root, *options(host))


def three_hosts(root: Path) -> Sequence[str]:
    """Compose accepts the files of each host; every process runs on each, every server on one."""
    try:
        projects = {host: on_host(root, host) for host in _HOSTS}
        watching = rendered(root, *options(1), "-f", _WATCHERS)["services"]
    except ValueError as error:
        return [str(error)]
    hosts = {host: project["services"] for host, project in projects.items()}
    return [
        *_processes(hosts),
        *_servers(root, hosts),
        *_addresses(hosts),
        *_front_doors(root, hosts, watching),
        *connections(list(hosts.values())),
        *(f"host {host}: {fault}" for host, services in hosts.items() for fault in balanced(services["nginx"])),
        *(
            f"host {host} is not on the network {_NETWORK}, which is made before"
            for host, project in projects.items()
            if (project["networks"]["inside"].get("name"), project["networks"]["inside"].get("external"))
            != (_NETWORK, True)
        ),
        *_told(root),
    ]


def _processes(hosts: Mapping[int, Services]) -> Iterator[str]:
    for host, services in hosts.items():
        running = {process: one for _, process, one in ours(services)}
        yield from (f"host {host}: no {name}" for name in KINDS if name not in running)
        for name in KINDS.keys() & running.keys():
            number = running[name]["deploy"].get("replicas", 1)
            if number != 1:
                yield f"host {host}: {name} runs {number} times"


def _servers(root: Path, hosts: Mapping[int, Services]) -> Iterator[str]:
    place = {name: host for host, services in hosts.items() for name in services if _ONCE.fullmatch(name)}
    number = Counter(name for services in hosts.values() for name in services if _ONCE.fullmatch(name))
    yield from (f"{name} runs on {times} hosts" for name, times in number.items() if times > 1)
    wanted = {name for name in configuration(root)["services"] if _ONCE.fullmatch(name)}
    yield from (f"{name} runs on no host" for name in sorted(wanted - place.keys()))
    for kind, most in (("postgres", 3), ("rabbitmq", 3), ("redis", 3)):
        taken = {place.get(f"{kind}-{one}") for one in range(1, most + 1)}
        if taken != set(_HOSTS):
            yield f"{kind}-1 to -3 are not on a host each"
    for replica, master in _REPLICATES.items():
        if replica in place and place[replica] == place.get(master):
            yield f"{replica} is on the host of {master}, which it replicates"


def _addresses(hosts: Mapping[int, Services]) -> Iterator[str]:
    given = [
        (name, network["ipv4_address"])
        for services in hosts.values()
        for name, one in services.items()
        for network in one.get("networks", {}).values()
        if network and "ipv4_address" in network
    ]
    times = Counter(address for _, address in given)
    yield from (f"{address} is given to {number} containers" for address, number in times.items() if number > 1)
    of = {kind: {address for name, address in given if name == kind} for kind in ("nginx", "api")}
    for host, services in hosts.items():
        environment = services["nginx"]["environment"]
        for variable in ("GATEWAYS", "ALL_GATEWAYS"):
            if set(_GATEWAY.findall(environment[variable])) != of["api"]:
                yield f"host {host}: {variable} of nginx are not the gateways of all hosts"
        trusted = set(services["api"]["environment"]["BET_INTEL_API_TRUSTED_PROXIES"].split(","))
        if trusted != of["nginx"]:
            yield f"host {host}: api trusts {', '.join(sorted(trusted))}, and not nginx of each host"


def _front_doors(root: Path, hosts: Mapping[int, Services], watching: Services) -> Iterator[str]:
    """Wherever Prometheus runs, it asks each nginx, and calls it by its host."""
    told = yaml.safe_load((root / FILE).read_text("utf-8"))["scrape_configs"]
    [found] = [in_files(job, watching) for job in told if job["job_name"] == "front-door"]
    asked = {static["labels"]["instance"]: list(static["targets"]) for static in found}
    for host, services in hosts.items():
        address = services["nginx"]["networks"]["inside"]["ipv4_address"]
        name, target = f"nginx of host {host}", f"http://{address}:8080/health"
        if asked.get(name) != [target]:
            yield f"Prometheus does not ask {target} by the name {name}"


def _told(root: Path) -> Iterator[str]:
    """The page says how each host becomes the one that it is."""
    page = (root / _PAGE).read_text("utf-8") if (root / _PAGE).is_file() else ""
    for host in _HOSTS:
        if f"    cat compose/hosts/{host}.env >>compose/.env\n" not in page:
            yield f"{_PAGE}: no command for host {host}"
