"""The figures of a run as a document: docs/figures.md."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from bench.measure import Result, number

_METHOD = """\
# Figures

What `make bench` measured, row by row, beside the goals; `make bench` alone measures all of them. Alternatives take
turns within one run, and a figure is the median over at least 7 rounds: a ratio then says the same on a fast machine
and a slow one, a time does not. Times are judged only where a loop of equal work was steady before the row and after it
(p99/p50 below 1.5). Bytes, memory and ratios always are. `make bench ARGS="5 6 7 8 9 9b 10 16 --write"` writes this
page anew; what other packages do otherwise is in [Peers of the devig](devig-peers.md), how good the fair prices are in
[Backtest](backtest.md)."""
_HEAD = "| what | measured | goal | |"


def page(results: Sequence[Result], versions: Mapping[str, str], rounds: int, measured: datetime) -> str:
    """The Markdown of `results`, `measured` at that time with these `versions` of the peers."""
    return "\n".join(_lines(results, versions, rounds, measured)) + "\n"


def _lines(results: Sequence[Result], versions: Mapping[str, str], rounds: int, measured: datetime) -> Iterator[str]:
    yield _METHOD
    yield ""
    missed = sum(one.is_missed for one in results)
    yield (
        f"{measured.astimezone(UTC):%Y-%m-%d}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"{rounds} rounds: {missed} of {len(results)} goals missed."
    )
    for row, figures in groupby(results, key=lambda one: one.row):
        yield from ("", f"## {row.number}: {row.title}", "", _HEAD, "|---|---|---|---|")
        for one in figures:
            figure = one.figure
            detail = f" ({figure.detail})" if figure.detail else ""
            measured_as = f"{number(figure.measured)} {figure.unit}".rstrip()
            goal = f"{'≥' if figure.at_least else '≤'} {number(figure.goal)} {figure.unit}".rstrip()
            yield f"| {figure.what}{detail} | {measured_as} | {goal} | {one.verdict} |"
    yield from ("", "## Versions", "")
    yield ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
