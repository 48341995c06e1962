"""The runs as a table and a plot, for the terminal and for docs/operations/load.md."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
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
    "each gateway",
    "hits",
)
_METHOD = """\
# Load

`make load` starts a cluster of real servers on the loopback interface, plays a recording to it (a minute of market
every second), and has `wrk` ask through nginx, over connections that stay open, for a bounded time with one, two and
three gateways. Load, nginx, gateways, all other services and the servers share the processors of one machine.

"CPU" is the gateways' own time for a request, "each gateway" its requests a second, "hits" the answers of the response
cache that nobody had to make. `make load ARGS="--write"` writes this page anew."""
_VIEWS = """\
The filtered views are 200 combinations of filters of `/v1/opportunities`, the k-th asked for 1/k times as often as the
first. A gateway that is killed (`kill -9`) half-way is started again by the supervisor; nginx gives what it left
unanswered to another one."""
_MARKS = {True: "reached", False: "MISSED", None: "cannot be said"}


def table(runs: Sequence[Run]) -> Iterator[str]:
    yield f"| {' | '.join(_HEAD)} |"
    yield f"|{'---|' * len(_HEAD)}"
    for run in runs:
        summary, used = run.summary, run.used
        each = ", ".join(f"{number / summary.seconds:,.0f}" for number in used.requests.values())
        hits = "–" if used.hit_rate is None else f"{used.hit_rate:.1%}"
        cells = (
            f"{run.title}",
            f"{run.gateways}",
            f"{summary.rate:,.0f}",
            *(f"{one:.1f}" for one in (summary.p50, summary.p95, summary.p99)),
            f"{summary.errors}",
            f"{used.mean_cpu_us:,.0f}",
            each,
            hits,
        )
        yield f"| {' | '.join(cells)} |"


def goals(judged: Sequence[Goal]) -> Iterator[str]:
    yield "| what | goal | figure | |"
    yield "|---|---|---|---|"
    for goal in judged:
        yield f"| {goal.what} | {goal.goal} | {goal.figure} | {_MARKS[goal.reached]} |"


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
