"""An operator's Prometheus, with the project's own rules and sixty times as quick: five minutes are five seconds."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from bet_intel.compose.servers.ports import free_port
from drills.stage import Stage, StageError
from fixtures.polling import holds_within

QUICKER = 60
_RULES = Path(__file__).parents[2] / "compose/prometheus/rules"
_START_SECONDS = 10.0
_MINUTES = re.compile(r"(?<=\[)(\d+)m(?=\])|(?<=for: )(\d+)m\b")
_SECONDS = re.compile(r"(seconds\S* > )(\d+)|(interval: )(\d+)s")


def quicker(rules: str) -> str:
    """Rules whose minutes are seconds, and whose thresholds in seconds are as much smaller."""

    def smaller(match: re.Match[str]) -> str:
        if match[3]:
            return f"{match[3]}{int(match[4]) * 1000 // QUICKER}ms"
        return f"{match[1]}{int(match[2]) / QUICKER:g}"

    return _SECONDS.sub(smaller, _MINUTES.sub(lambda match: f"{match[1] or match[2]}s", rules))


class Watch:
    """What Prometheus says of a running cluster."""

    def __init__(self, url: str) -> None:
        self._url = url

    def firing(self) -> set[str]:
        """The alerts that somebody is told of just now."""
        answer = httpx.get(f"{self._url}/api/v1/alerts", trust_env=False)
        alerts = answer.raise_for_status().json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


@contextmanager
def watching(stage: Stage) -> Iterator[Watch]:
    """Prometheus, for as long as the block lasts.

    Raises:
        StageError: it does not start.
    """
    folder = stage.source.parent / "prometheus"
    port = free_port()
    _write(folder, stage)
    command = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        holds_within(_START_SECONDS, lambda: process.poll() is not None or _is_ready(url), every=0.2)
        if not _is_ready(url):
            raise StageError("Prometheus does not start")
        yield Watch(url)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_START_SECONDS)
        shutil.rmtree(folder)


def _write(folder: Path, stage: Stage) -> None:
    folder.mkdir()
    for rules in _RULES.glob("*.yaml"):
        (folder / rules.name).write_text(quicker(rules.read_text(encoding="utf-8")), encoding="utf-8")
    brokers = [f"127.0.0.1:{node.prometheus_port}" for node in stage.engines.rabbitmq.nodes]
    configuration = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "250ms"},
        "rule_files": [str(folder / rules.name) for rules in _RULES.glob("*.yaml")],
        "scrape_configs": [
            _job("bet-intel", "/metrics", [f"127.0.0.1:{one.port}" for one in stage.members()]),
            _job("rabbitmq", "/metrics/per-object", brokers),
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")


def _job(name: str, path: str, targets: list[str]) -> dict[str, object]:
    return {"job_name": name, "metrics_path": path, "static_configs": [{"targets": targets}]}


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
