"""What the gateways say of themselves, and the CPU time that they have used: read before a run and after it."""

import os
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from drills.stage import Stage

_KIND = "api.serve"
_CACHE = "bet_intel_cache_requests_total"
_REQUESTS = "bet_intel_http_requests_total"
_UTIME, _STIME = 11, 12
"""Their places in /proc/PID/stat, after the name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Of each gateway by name: its process, CPU seconds, requests answered under /v1/; of all together, answers from
    the cache by result."""

    pids: Mapping[str, int]
    cpu: Mapping[str, float]
    requests: Mapping[str, float]
    cache: Counter[str]


@dataclass(frozen=True, slots=True)
class Used:
    """What happened between two readings."""

    requests: Mapping[str, float]
    cpu_us: Mapping[str, float]
    """CPU microseconds for each request."""
    hit_rate: float | None
    """None where the cache was not asked."""

    @property
    def mean_cpu_us(self) -> float:
        total = sum(self.requests.values())
        return sum(self.cpu_us[name] * number for name, number in self.requests.items()) / total if total else 0.0


def read(stage: Stage) -> Reading:
    pids, cpu, requests, cache = {}, {}, {}, Counter[str]()
    for member in stage.members(_KIND):
        pid = stage.pid(member.name)
        if pid is None:
            continue
        pids[member.name] = pid
        cpu[member.name] = _cpu_seconds(pid)
        requests[member.name] = 0.0
        with urllib.request.urlopen(f"http://127.0.0.1:{member.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _REQUESTS and sample.labels["route"].startswith("/v1/"):
                    requests[member.name] += sample.value
                elif sample.name == _CACHE:
                    cache[sample.labels["result"]] += sample.value  # type: ignore[assignment]  # a count, told as a float
    return Reading(pids, cpu, requests, cache)


def between(before: Reading, after: Reading) -> Used:
    """Of the gateways that ran all the while."""
    names = [name for name, pid in after.pids.items() if before.pids.get(name) == pid]
    requests = {name: after.requests[name] - before.requests[name] for name in names}
    cpu_us = {
        name: (after.cpu[name] - before.cpu[name]) * 1e6 / requests[name] if requests[name] else 0.0 for name in names
    }
    asked = after.cache - before.cache
    total = sum(asked.values())
    return Used(requests, cpu_us, 1 - asked["miss"] / total if total else None)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
