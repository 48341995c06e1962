"""How Prometheus asks whom it is told of (`watching.py` says whom): at which path, how often, which exporter about whom
and with whose password; and whether what rules ask for by the name of a job is asked for by it."""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploy.making_secrets import make_secrets
from deploy.promql import matched, windows

FILE = "compose/prometheus/prometheus.yaml"
_FRONT_DOORS = "front-door*.yaml"
"""Beside it: one of them is put where the job looks for its targets (`watching.in_files`)."""
_MONITORS = "compose/k8s/components/monitoring/service-monitors.yaml"
_PATHS = {
    9100: "/metrics",
    # Without the labels of queues, rules and panels that name them have nothing.
    15692: "/metrics/per-object",
    9187: "/probe",
    9121: "/scrape",
}
"""Where it is asked for at a port, of ours and of exporters; who listens elsewhere is not looked at."""
_POSTGRES, _REDIS = 9187, 9121
_SAMPLES = 4
"""So many lie in the shortest time that somebody asks about: two make a rate, and one or two may be lost."""
_SCHEME = re.compile(r"^[a-z]+://")

Job = Mapping[str, Any]
Labels = Mapping[str, str]


def jobs(root: Path) -> Sequence[Job]:
    """As they are written, with the targets of every host's front door."""
    file = root / FILE
    found: Sequence[Job] = yaml.safe_load(file.read_text("utf-8"))["scrape_configs"]
    doors = [static for one in file.parent.glob(_FRONT_DOORS) for static in yaml.safe_load(one.read_text("utf-8"))]
    return [{**job, "static_configs": doors} if "file_sd_configs" in job else job for job in found]


def scraped(root: Path, expressions: Iterable[str]) -> Iterator[str]:
    """What is wrong with how it asks; `expressions` are those of rules and panels."""
    expressions = list(expressions)
    yield from _paths(root)
    yield from _exporters(root)
    yield from _often(root, expressions)
    yield from _logins(root)
    yield from _named(root, expressions)


def labelled(job: Job) -> Iterator[tuple[str, Labels]]:
    """Each target as it is written, with the labels that relabelling, by replacement alone, leaves it."""
    written = [(target, static) for static in job.get("static_configs", ()) for target in static["targets"]]
    written += [(f"{name}:{found['port']}", {}) for found in job.get("dns_sd_configs", ()) for name in found["names"]]
    for target, static in written:
        labels = {"__address__": target, "job": job["job_name"], **static.get("labels", {})}
        labels |= {f"__param_{name}": values[0] for name, values in job.get("params", {}).items()}
        for step in job.get("relabel_configs", ()):
            value = step.get("separator", ";").join(labels.get(name, "") for name in step.get("source_labels", ()))
            match = re.fullmatch(step.get("regex", "(.*)"), value, re.DOTALL)
            if match and step.get("action", "replace") == "replace":
                replacement = re.sub(r"\$\{?(\d+)\}?", r"\\\1", step.get("replacement", "$1"))
                labels[step["target_label"]] = match.expand(replacement)
        labels.setdefault("instance", labels["__address__"])
        yield target, labels


def _port(labels: Labels) -> int:
    return int(labels["__address__"].rpartition(":")[2])


def _paths(root: Path) -> Iterator[str]:
    for job in jobs(root):
        path = job.get("metrics_path", "/metrics")
        for port in sorted({_port(labels) for _, labels in labelled(job)} & _PATHS.keys()):
            if path != _PATHS[port]:
                yield f"prometheus.yaml: {job['job_name']} asks for {path}, not for {_PATHS[port]}"


def _exporters(root: Path) -> Iterator[str]:
    """Who is asked about others is told about whom, and what it says bears their names."""
    for job in jobs(root):
        called = {name for static in job.get("static_configs", ()) for name in static.get("labels", {}).values()}
        for target, labels in labelled(job):
            if labels["__address__"] == target:
                continue
            if labels.get("__param_target") != target:
                yield f"prometheus.yaml: {job['job_name']} does not tell {labels['__address__']} about {target}"
            if labels["instance"] not in (target, _SCHEME.sub("", target), *called):
                yield f"prometheus.yaml: {job['job_name']} calls {target} {labels['instance']}"


def _often(root: Path, expressions: Iterable[str]) -> Iterator[str]:
    told = yaml.safe_load((root / FILE).read_text("utf-8"))
    shortest = min(window for expression in expressions for window in windows(expression))
    usual = told["global"]["scrape_interval"]
    intervals = {job["job_name"]: job.get("scrape_interval", usual) for job in told["scrape_configs"]}
    intervals["rules"] = told["global"]["evaluation_interval"]
    for name, interval in intervals.items():
        if _SAMPLES * _seconds(interval) > shortest:
            yield f"prometheus.yaml: {name}: every {interval} is too seldom for those who ask about {shortest:g} s"


def _seconds(duration: str) -> float:
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", duration))


def _logins(root: Path) -> Iterator[str]:
    """The exporters have passwords for whom they are asked about, as compose/secrets.sh writes them."""
    with tempfile.TemporaryDirectory() as folder:
        failed = make_secrets(root, Path(folder))
        if failed:
            yield from failed
            return
        written = Path(folder) / "secrets"
        modules = yaml.safe_load((written / "postgres_exporter.yaml").read_text("utf-8"))["auth_modules"]
        passwords = json.loads((written / "redis_passwords.json").read_text("utf-8"))
        postgres, redis = ((written / f"{name}_password").read_text("utf-8") for name in ("exporter", "redis"))
    for job in jobs(root):
        for target, labels in labelled(job):
            module = labels.get("__param_auth_module", "")
            if _port(labels) == _POSTGRES and modules.get(module, {}).get("userpass", {}).get("password") != postgres:
                yield f"secrets.sh: postgres_exporter.yaml has no password for {target} in {module or 'no module'}"
            if _port(labels) == _REDIS and passwords.get(target) != redis:
                yield f"secrets.sh: redis_passwords.json has no password for {target}"


def _named(root: Path, expressions: Iterable[str]) -> Iterator[str]:
    """A rule or a panel that names a job which is not there has nothing; Kubernetes calls ours as the compose files
    do."""
    known = {job["job_name"] for job in jobs(root)}
    for name in sorted({name for expression in expressions for name in matched(expression, "job")}):
        if not any(re.fullmatch(name, job) for job in known):
            yield f"prometheus.yaml: there is no job {name}, which is asked for"
    for one in yaml.safe_load_all((root / _MONITORS).read_text("utf-8")):
        for endpoint in one["spec"].get("endpoints", ()):
            for step in endpoint.get("relabelings", ()):
                if step.get("targetLabel") == "job" and step["replacement"] not in known:
                    yield f"service-monitors.yaml: prometheus.yaml knows no job {step['replacement']}"
