"""The runs as a table and a plot, for the terminal and for docs/operations/load.md."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import isnan
from pathlib import Path

from load.goals import Goal
from load.run import Load, Run
from load.views import HOT

_HEAD = (
    "asked for",
    "gateways",
    "requests/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "failed",
    "CPU µs",
    "hits",
    "of Redis",
)
_GATEWAY_HEAD = ("asked for", "gateways", "gateway", "requests/s", "p50 ms", "p95 ms", "p99 ms", "failed", "CPU µs")
_METHOD = """\
# Load

`make load` starts a cluster of real servers on the loopback interface, plays a recording to it (a minute of market
every six seconds), and has `wrk` ask through nginx, over connections that stay open, for a bounded time with one, two
and three gateways. Load, nginx, gateways, all other services and the servers share the processors of one machine.

"CPU" is the gateways' own time for a request, "hits" the share of all answers that nobody had to make, "of Redis" the
share of what Redis was asked for that it had ([how both are to be read](redis.md#the-hit-rate)).
Of runs with "as much for each gateway" the connections are as many for each, and rest before they ask again: what one
gateway more costs is told by these ([ADR 91](../adr/0091-what-one-more-costs-is-measured-at-the-same-load.md)).
`make load ARGS="--write"` writes this page anew."""
_GATEWAYS = """## Each gateway

Times are those that nginx has seen of one request in 20, from its arrival there to the end of its answer, in whole
milliseconds; what was tried at two gateways is told of the second. Requests, answers of 500 and above (failed) and CPU
are what a gateway says itself; one that was killed is left out of its run."""
_VIEWS = """\
The filtered views are 200 combinations of filters of `/v1/opportunities`, the k-th asked for 1/k times as often as the
first. A gateway that is killed (`kill -9`) half-way is started again by the supervisor; nginx gives what it left
unanswered to another one. Where gateways keep nothing ready, Redis is the only cache: on a cluster of its own, for a
minute in which odds move as often as a provider is asked, once
([ADR 106](../adr/0106-redis-alone-is-measured-by-itself.md))."""
_AIMS = {True: "reached", False: "not yet", None: "cannot be said"}
_MARKS = {True: "reached", False: "MISSED", None: "cannot be said"}


def table(runs: Sequence[Run]) -> Iterator[str]:
    yield from _head(_HEAD)
    for run in runs:
        summary, used = run.summary, run.used
        yield _row(
            run.title,
            f"{run.gateways}",
            f"{summary.rate:,.0f}",
            *(f"{one:.1f}" for one in (summary.p50, summary.p95, summary.p99)),
            f"{summary.errors}",
            f"{used.mean_cpu_us:,.0f}",
            *("–" if rate is None else f"{rate:.1%}" for rate in (used.hit_rate, used.redis_hit_rate)),
        )


def gateways(runs: Sequence[Run]) -> Iterator[str]:
    """A row for each gateway of each run."""
    yield from _head(_GATEWAY_HEAD)
    for run in runs:
        for name, one in run.used.gateways.items():
            yield _row(
                run.title,
                f"{run.gateways}",
                name,
                f"{one.requests / run.summary.seconds:,.0f}",
                *("–" if isnan(each) else f"{each:.0f}" for each in (one.p50, one.p95, one.p99)),
                f"{one.errors:.0f}",
                f"{one.cpu_us:,.0f}",
            )


def _head(names: Sequence[str]) -> Iterator[str]:
    yield _row(*names)
    yield f"|{'---|' * len(names)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def goals(judged: Sequence[Goal]) -> Iterator[str]:
    yield from _head(("what", "goal", "figure", "", "aim"))
    for goal in judged:
        aim = f"{goal.aim}: {_AIMS[goal.aimed]}" if goal.aim else ""
        yield _row(goal.what, goal.goal, goal.figure, _MARKS[goal.reached] if goal.goal else "", aim)


def page(runs: Sequence[Run], judged: Sequence[Goal], load: Load, plot: str) -> str:
    """The document."""
    measured = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, {load.connections} connections"
    lines = [
        *_METHOD.splitlines(),
        "",
        f"{measured}, {load.seconds} s a run:",
        "",
        *table(runs),
        "",
        f"![Requests a second and their times with one, two and three gateways]({plot})",
        "",
        "## Goals",
        "",
        *goals(judged),
        "",
        *_VIEWS.splitlines(),
        "",
        *_GATEWAYS.splitlines(),
        "",
        *gateways(runs),
        "",
    ]
    return "\n".join(lines)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Requests a second, and p50, p95, p99, over the number of gateways."""
    from matplotlib.figure import Figure

    shown = sorted((run for run in runs if run.title == HOT), key=lambda run: run.gateways)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    rates, times = figure.subplots(1, 2)
    numbers = [run.gateways for run in shown]
    rates.plot(numbers, [run.summary.rate for run in shown], "o")
    rates.set(xlabel="gateways", ylabel="requests/s", xticks=sorted(set(numbers)), ylim=(0, None))
    for name in ("p50", "p95", "p99"):
        times.plot(numbers, [getattr(run.summary, name) for run in shown], "o", label=name)
    times.set(xlabel="gateways", ylabel="ms", xticks=sorted(set(numbers)), ylim=(0, None))
    times.legend()
    # The same runs draw the same file.
    figure.savefig(path, metadata={"Date": None})
