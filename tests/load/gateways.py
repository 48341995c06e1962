"""What the gateways say of themselves, and the CPU time that they have used: read before a run and after it."""

import itertools
import math
import os
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from bet_intel.compose.cluster.fleet import answers
from drills.stage import Stage

_KIND = "api.serve"
_CACHE = "bet_intel_cache_requests_total"
_MADE = ("miss", "made")
_REQUESTS = "bet_intel_http_requests_total"
_SECONDS = "bet_intel_http_request_seconds_bucket"
_UTIME, _STIME = 11, 12
"""Their places in /proc/PID/stat, after the name."""


@dataclass(slots=True)
class Gateway:
    """One of them as of now: its process, CPU seconds, requests answered under /v1/, those of them answered by an error
    of its own (5xx), how many took no longer than so many seconds, answers from the cache by result."""

    pid: int
    cpu: float = 0.0
    requests: float = 0.0
    errors: float = 0.0
    within: Counter[float] = field(default_factory=Counter)
    cache: Counter[str] = field(default_factory=Counter)


Reading = Mapping[str, Gateway]
"""By name."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one gateway did of a run. Times are milliseconds from a request's arrival at it to the end of its answer, at
    most as exact as the buckets of its histogram; infinite where they are above the last."""

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
        elif name == _SECONDS:
            gateway.within[float(labels["le"])] += value  # type: ignore[assignment]  # as above
    return gateway


def between(before: Reading, after: Reading) -> Used:
    """Of the gateways that ran all the while."""
    pairs = {name: (before[name], one) for name, one in after.items() if name in before and before[name].pid == one.pid}
    asked: Counter[str] = Counter()
    for earlier, later in pairs.values():
        asked += later.cache - earlier.cache
    total, redis = sum(asked.values()), asked["hit"] + asked["miss"]
    hit_rate = 1 - sum(asked[result] for result in _MADE) / total if total else None
    redis_hit_rate = asked["hit"] / redis if redis else None
    return Used({name: _share(*pair) for name, pair in pairs.items()}, hit_rate, redis_hit_rate)


def _share(before: Gateway, after: Gateway) -> Share:
    requests = after.requests - before.requests
    cpu_us = (after.cpu - before.cpu) * 1e6 / requests if requests else 0.0
    within = {bound: after.within[bound] - before.within[bound] for bound in sorted(after.within)}
    p50, p95, p99 = (1000 * quantile(within, q) for q in (0.50, 0.95, 0.99))
    return Share(requests, after.errors - before.errors, cpu_us, p50, p95, p99)


def quantile(within: Mapping[float, float], q: float) -> float:
    """The q-quantile (0 to 1) of what is known as "so many are at most so large", by ascending bounds of which the last
    is infinite: between two bounds values are taken to be spread evenly, as Prometheus' histogram_quantile does. NaN of
    nothing, infinite above the last finite bound."""
    bounds = list(within.items())
    if not bounds or not bounds[-1][1]:
        return math.nan
    rank = q * bounds[-1][1]
    lower, below = 0.0, 0.0
    for bound, number in bounds:
        if number >= rank and number > below:
            return lower + (bound - lower) * (rank - below) / (number - below) if math.isfinite(bound) else math.inf
        lower, below = bound, number
    return math.inf


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
