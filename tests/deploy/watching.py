"""Whom Prometheus asks and tells, against what the compose files run: everybody that has something to say, where it
listens, and nobody else."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.our_services import ours

_FOLDER = "compose/prometheus"
_ADDRESS = re.compile(r"(?:(?:redis|http)://)?(?P<name>[a-z0-9-]+):(?P<port>\d+)(?:/health)?")
# By the repository of its image. Servers are asked by an exporter, which is told where they listen for everybody.
_PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "rabbitmq": 15692,
    "prometheuscommunity/postgres-exporter": 9187,
    "oliver006/redis_exporter": 9121,
    "prom/node-exporter": 9100,
    "prom/blackbox-exporter": 9115,
    "prom/prometheus": 9090,
    "prom/alertmanager": 9093,
    "gcr.io/cadvisor/cadvisor": 8080,
    # The front door, for a gateway behind it.
    "nginx": 8080,
}
_COLLECTOR = "otel/opentelemetry-collector-contrib"
_ALERTMANAGER = ("prom/alertmanager", 9093)

Services = Mapping[str, Any]
Place = tuple[str, int]


def watched(root: Path, services: Services) -> Iterator[str]:
    """What Prometheus is told of the places where services listen, and of the files with its rules."""
    told = yaml.safe_load((root / _FOLDER / "prometheus.yaml").read_text("utf-8"))
    asked = {place for job in told["scrape_configs"] for place in _asked(job, in_files(job, services))}
    yield from _held(asked, _listening(root, services), services, "asked for its metrics")
    repository, port = _ALERTMANAGER
    alerted = {place for one in told["alerting"]["alertmanagers"] for place in _asked(one, ())}
    there = {(name, port) for name, one in services.items() if _repository(one) == repository}
    yield from _held(alerted, there, services, "told of alerts")
    yield from _rules(root, told["rule_files"])


def in_files(job: Mapping[str, Any], services: Services) -> Sequence[Mapping[str, Any]]:
    """The targets, with their labels, in the files that Prometheus' container has where the job looks for them."""
    bound = [volume for volume in services["prometheus"]["volumes"] if volume["type"] == "bind"]
    files = {volume["target"]: Path(volume["source"]) for volume in bound if Path(volume["source"]).is_file()}
    paths = [path for found in job.get("file_sd_configs", ()) for path in found["files"] if path in files]
    return [static for path in paths for static in yaml.safe_load(files[path].read_text("utf-8"))]


def _held(asked: set[Place], there: set[Place], services: Services, what: str) -> Iterator[str]:
    for name, port in sorted(asked - there):
        if name in services:
            yield f"prometheus.yaml: {name} does not listen on {port} to be {what}"
        else:
            yield f"prometheus.yaml: there is no {name} in the compose files to be {what}"
    yield from (f"prometheus.yaml: {name} is not {what} on {port}" for name, port in sorted(there - asked))


def _asked(job: Mapping[str, Any], in_files: Sequence[Mapping[str, Any]]) -> Iterator[Place]:
    """Names and ports that a job finds, asks the exporter about, or puts in their place."""
    for found in job.get("dns_sd_configs", ()):
        yield from ((name, found["port"]) for name in found["names"])
    addresses = [address for static in [*job.get("static_configs", ()), *in_files] for address in static["targets"]]
    addresses += [
        one["replacement"] for one in job.get("relabel_configs", ()) if one.get("target_label") == "__address__"
    ]
    for address in addresses:
        match = _ADDRESS.fullmatch(address)
        yield (match["name"], int(match["port"])) if match else (address, 0)


def _listening(root: Path, services: Services) -> set[Place]:
    declared = tomllib.loads((root / "docs/architecture/dependencies.toml").read_text("utf-8"))["watched_from"]
    collector = yaml.safe_load((root / "compose/otel/collector.yaml").read_text("utf-8"))
    [reader] = collector["service"]["telemetry"]["metrics"]["readers"]
    ports = _PORTS | {_COLLECTOR: reader["pull"]["exporter"]["prometheus"]["port"]}
    # What makes a cluster of the nodes ends: it has no health.
    places = {
        (name, ports[_repository(one)])
        for name, one in services.items()
        if _repository(one) in ports and ("healthcheck" in one or _repository(one) == _COLLECTOR)
    }
    return places | {
        (name, declared["metrics"]) for name, process, _ in ours(services) if not process.endswith(".migrate")
    }


def _rules(root: Path, globs: list[str]) -> Iterator[str]:
    there = set((root / _FOLDER / "rules").glob("*.yaml"))
    for glob in globs:
        found = set((root / _FOLDER).glob(glob))
        if not found:
            yield f"prometheus.yaml: there are no rules at {glob}"
        there -= found
    yield from (f"prometheus.yaml: nobody reads the rules of {file.name}" for file in sorted(there))


def _repository(one: Mapping[str, Any]) -> str:
    return str(one.get("image", "")).rpartition(":")[0]
