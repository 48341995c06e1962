"""Checks of who reaches whom: the networks that containers are on, the ports that they are asked at, and the addresses
that secrets hold."""

import json
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bet_intel.api.processes import ServeSettings
from bet_intel.compose.cluster.services import GATEWAY
from deploy.making_secrets import make_secrets
from deploy.our_services import ours

Services = Mapping[str, Any]

_PORTS = {"postgres": 5432, "rabbitmq": 5672, "redis": 6379}
_SERVER = re.compile(r"(postgres|rabbitmq|redis)-\d+")
# Which of them a secret's addresses are.
_HELD = (("_dsn", "postgres"), ("broker_url", "rabbitmq"), ("redis_url", "redis"), ("passwords.json", "redis"))
_ADDRESSES = re.compile(r"@([^/\s]+)")
_OF_GATEWAY = re.compile(r"server (\S+?)[ ;]")
_LISTENS = re.compile(r"^\s*listen (\d+)", re.MULTILINE)
_ASKED = re.compile(r"http://127\.0\.0\.1:(\d+)/")


def networked(root: Path, project: Mapping[str, Any]) -> Iterator[str]:
    """Workers whose part opens connections to others have a way out; servers, and parts that open none, have not."""
    parts = tomllib.loads((root / "docs/architecture/dependencies.toml").read_text("utf-8"))["parts"]
    if not project["networks"]["inside"].get("internal"):
        yield "compose.yaml: who is inside has a way out"
    services = project["services"]
    for name, process, one in ours(services):
        service, kind = process.split(".")
        calls, out = bool(parts[service]["hosts"]), "outside" in one["networks"]
        if calls and kind == "worker" and not out:
            yield f"compose.yaml: {name} has no way to {', '.join(parts[service]['hosts'])}"
        elif out and not calls:
            yield f"compose.yaml: {name} has a way out, and calls nobody"
    yield from (
        f"compose.yaml: {name} has a way out"
        for name, one in services.items()
        if _SERVER.fullmatch(name) and "outside" in one["networks"]
    )


def asked(services: Services) -> Iterator[str]:
    """nginx asks the gateways where they listen."""
    name = GATEWAY.service
    port = services[name]["environment"].get("BET_INTEL_API_PORT", ServeSettings.model_fields["port"].default)
    for variable in ("GATEWAYS", "ALL_GATEWAYS"):
        told = _OF_GATEWAY.findall(services["nginx"]["environment"][variable])
        if told != [f"{name}:{port}"]:
            yield f"compose.yaml: {variable} of nginx are {', '.join(told)}, and the gateways {name}:{port}"


def reached(nginx: Mapping[str, Any]) -> Iterator[str]:
    """Each port of the host leads to one that nginx listens on, and each of those is reached; so is its health."""
    listens = {int(nginx["environment"]["LISTEN"])}
    for volume in nginx["volumes"]:
        source = Path(volume["source"])
        if source.is_file():
            listens |= {int(port) for port in _LISTENS.findall(source.read_text("utf-8"))}
    published = {port["target"] for port in nginx["ports"]}
    if published != listens:
        yield f"compose.yaml: nginx listens on {sorted(listens)}, and is reached on {sorted(published)}"
    health = {int(port) for port in _ASKED.findall(" ".join(nginx["healthcheck"]["test"]))}
    if not health or health - listens:
        yield f"compose.yaml: nginx is asked for its health on {sorted(health)}, and listens on {sorted(listens)}"


def addressed(root: Path, full: Services, small: Services) -> Iterator[str]:
    """secrets.sh writes the address of every server that runs, and no other: on a host with all, and on a small one."""
    for services, options in ((full, ()), (small, ("--small",))):
        with tempfile.TemporaryDirectory() as folder:
            failed = make_secrets(root, Path(folder), *options)
            if failed:
                yield from failed
                return
            for file in sorted((Path(folder) / "secrets").iterdir()):
                yield from (f"secrets.sh {' '.join(options)}: {fault}" for fault in _held(file, services, full))


def _held(file: Path, services: Services, full: Services) -> Iterator[str]:
    text = file.read_text("utf-8")
    for suffix, kind in _HELD:
        if not file.name.endswith(suffix):
            continue
        if file.suffix == ".json":
            # The exporter's passwords, which may be of more nodes than there are.
            held, running = {address.removeprefix("redis://") for address in json.loads(text)}, full
        else:
            found = _ADDRESSES.search(text)
            held, running = set(found[1].split(",") if found else ()), services
        wanted = {f"{name}:{_PORTS[kind]}" for name in running if re.fullmatch(rf"{kind}-\d+", name)}
        if held != wanted:
            wrong = ", ".join(sorted(held ^ wanted))
            yield f"{file.name} has not the addresses of the servers that run: {wrong}"
