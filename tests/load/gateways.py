"""What the gateways say of themselves, and the CPU time that they have used: read before a run and after it."""

import itertools
import math
import os
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bet_intel.compose.cluster.fleet import answers
from drills.stage import Stage
from load.seen import Times

_KIND = "api.serve"
_CACHE = "bet_intel_cache_requests_total"
_MADE = ("miss", "made")
_REQUESTS = "bet_intel_http_requests_total"
_UTIME, _STIME = 11, 12
"""Their places in /proc/PID/stat, after the name."""


@dataclass(slots=True)
class Gateway:
    """One of them as of now: its process and address, CPU seconds, requests answered under /v1/, those of them answered
    by an error of its own (5xx), answers from the cache by result."""

    pid: int
    address: str = ""
    cpu: float = 0.0
    requests: float = 0.0
    errors: float = 0.0
    cache: Counter[str] = field(default_factory=Counter)


Reading = Mapping[str, Gateway]
"""By name."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one gateway did of a run. Times are milliseconds from a request's arrival at nginx to the end of its answer,
    NaN where nobody has seen any."""

    requests: float
    errors: float
    cpu_us: float
    """CPU microseconds for each request."""
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Used:
    """What happened between two readings, by gateway."""

    gateways: Mapping[str, Share]
    hit_rate: float | None
    """The share of all answers that nobody had to make: a gateway had them ready, Redis had them, or they were made for
    another. None where there were none, or nobody could say."""
    redis_hit_rate: float | None
    """The share of what Redis was asked for that it had; None as above."""

    @property
    def mean_cpu_us(self) -> float:
        total = sum(one.requests for one in self.gateways.values())
        return sum(one.cpu_us * one.requests for one in self.gateways.values()) / total if total else 0.0


def read(stage: Stage) -> Reading:
    """Of those that answer: one that was killed a moment ago is being started again."""
    found = {}
    for member in stage.members(_KIND):
        pid = stage.pid(member.name)
        if pid is None or not answers(member):
            continue
        with urllib.request.urlopen(f"http://127.0.0.1:{member.port}/metrics", timeout=10) as answer:
            found[member.name] = said(pid, answer.read().decode())
        found[member.name].address = f"127.0.0.1:{member.port}"
        found[member.name].cpu = _cpu_seconds(pid)
    return found


def said(pid: int, text: str) -> Gateway:
    """What the text of its metrics says."""
    gateway = Gateway(pid)
    samples = itertools.chain.from_iterable(family.samples for family in text_string_to_metric_families(text))
    for name, labels, value, *_ in samples:
        if name == _CACHE:
            gateway.cache[labels["result"]] += value  # type: ignore[assignment]  # a count, told as a float
        elif not labels.get("route", "").startswith("/v1/"):
            continue
        elif name == _REQUESTS:
            gateway.requests += value
            gateway.errors += value if labels["status"].startswith("5") else 0
    return gateway


def between(before: Reading, after: Reading, times: Times) -> Used:
    """Of the gateways that ran all the while, and how long they took then."""
    pairs = {name: (before[name], one) for name, one in after.items() if name in before and before[name].pid == one.pid}
    asked: Counter[str] = Counter()
    for earlier, later in pairs.values():
        asked += later.cache - earlier.cache
    total, redis = sum(asked.values()), asked["hit"] + asked["miss"]
    hit_rate = 1 - sum(asked[result] for result in _MADE) / total if total else None
    redis_hit_rate = asked["hit"] / redis if redis else None
    shares = {name: _share(*pair, sorted(times.get(pair[1].address, ()))) for name, pair in pairs.items()}
    return Used(shares, hit_rate, redis_hit_rate)


def _share(before: Gateway, after: Gateway, times: Sequence[float]) -> Share:
    requests = after.requests - before.requests
    cpu_us = (after.cpu - before.cpu) * 1e6 / requests if requests else 0.0
    p50, p95, p99 = (quantile(times, q) for q in (0.50, 0.95, 0.99))
    return Share(requests, after.errors - before.errors, cpu_us, p50, p95, p99)


def quantile(ascending: Sequence[float], q: float) -> float:
    """The smallest of some values that the share `q` of them (0 to 1) does not exceed; NaN of none."""
    return ascending[max(0, math.ceil(q * len(ascending)) - 1)] if ascending else math.nan


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
