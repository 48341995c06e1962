"""What the runs are held against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from load.run import GATEWAYS, Run
from load.views import ALONE, HOT, KILLED, SHARED, ZIPF

_RATE, _AIM = 1000.0, 3000.0
_P99_MS = 200.0
_CPU_RATIO = 1.1
_HIT_RATE = 0.95


@dataclass(frozen=True, slots=True)
class Goal:
    """`reached` is None where it cannot be said, which is as bad as missed. Without a `goal` the figure is shown beside
    the others, and judged by nobody. The `aim`, where there is one, lies beyond the goal; `aimed` says whether that is
    reached as well."""

    what: str
    goal: str
    figure: str
    reached: bool | None
    aim: str = ""
    aimed: bool | None = None


def judged(runs: Sequence[Run]) -> Iterator[Goal]:
    most, _ = _of(HOT, runs)
    [views], [killed], [alone] = ([run for run in runs if run.title == title] for title in (ZIPF, KILLED, ALONE))
    rate, p99 = median(run.summary.rate for run in most), median(run.summary.p99 for run in most)
    yield Goal(
        "requests/s, three gateways", f"≥ {_RATE:,.0f}", f"{rate:,.0f}", rate >= _RATE, f"{_AIM:,.0f}", rate >= _AIM
    )
    yield Goal("p99, three gateways", f"< {_P99_MS:.0f} ms", f"{p99:.1f} ms", p99 < _P99_MS)
    errors = sum(run.summary.errors for run in runs if run is not killed)
    yield Goal("failed requests", "0", f"{errors}", errors == 0)
    ratio = _cpu_ratio(SHARED, runs)
    yield Goal(
        "CPU of a request, three gateways against one, as much for each",
        f"≤ {_CPU_RATIO}",
        _figure(ratio),
        None if ratio is None else ratio <= _CPU_RATIO,
    )
    yield Goal("the same, as many connections in all", "", _figure(_cpu_ratio(HOT, runs)), None)
    failed = killed.summary.errors
    yield Goal("failed requests while a gateway is killed", "0", f"{failed}", failed == 0)
    yield _hits("answers of filtered views that nobody had to make", views.used.hit_rate)
    yield _hits("Redis' hit rate, where gateways keep nothing ready", alone.used.redis_hit_rate)


def _hits(what: str, rate: float | None) -> Goal:
    figure = "not read" if rate is None else f"{rate:.1%}"
    return Goal(what, f"≥ {_HIT_RATE:.0%}", figure, None if rate is None else rate >= _HIT_RATE)


def _figure(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _cpu_ratio(title: str, runs: Sequence[Run]) -> float | None:
    most, one = (_cpu(each) for each in _of(title, runs))
    return most / one if one else None


def _of(title: str, runs: Sequence[Run]) -> tuple[Sequence[Run], Sequence[Run]]:
    """Those with the most gateways, and those with one."""
    most, one = ([run for run in runs if run.title == title and run.gateways == n] for n in (GATEWAYS[-1], GATEWAYS[0]))
    return most, one


def _cpu(runs: Sequence[Run]) -> float:
    return median(run.used.mean_cpu_us for run in runs)
