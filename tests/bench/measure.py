"""How the figures are taken: alternatives in turns within one run, so that what the machine does meets all alike."""

import gc
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import median, quantiles
from typing import NamedTuple

Clock = Callable[[], float]
Work = Callable[[], object]

_CALIBRATIONS = 400
_SPINS = 4_000
_QUIET = 1.5


class Verdict(StrEnum):
    MET = "met"
    MISSED = "MISSED"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside its goal. `at_least`: more is better. `is_latency`: it means nothing on a busy
    machine; a ratio of alternatives measured in turns does."""

    what: str
    measured: float
    goal: float
    at_least: bool
    unit: str = "×"
    detail: str = ""
    is_latency: bool = False

    def verdict(self, *, quiet: bool) -> Verdict:
        if self.is_latency and not quiet:
            return Verdict.NOT_JUDGED
        reached = self.measured >= self.goal if self.at_least else self.measured <= self.goal
        return Verdict.MET if reached else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table of goals: its number there, what it measures, and how."""

    number: str
    title: str
    run: Callable[[int], Iterable[Figure]]
    """Takes the number of rounds."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How steadily the machine does the same piece of work: seconds at p50 and p99."""

    p50: float
    p99: float

    @property
    def quiet(self) -> bool:
        return self.p99 / self.p50 < _QUIET


class Result(NamedTuple):
    """A figure, and how steady the machine was before its row and after it."""

    row: Row
    figure: Figure
    before: Calibration
    after: Calibration

    @property
    def verdict(self) -> Verdict:
        return self.figure.verdict(quiet=self.before.quiet and self.after.quiet)

    @property
    def is_missed(self) -> bool:
        return self.verdict is Verdict.MISSED


def number(value: float) -> str:
    """As figures are shown: three digits, or all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def calibrate(clock: Clock = time.perf_counter) -> Calibration:
    """Time one piece of work of about a tenth of a millisecond again and again."""
    taken = []
    for _ in range(_CALIBRATIONS):
        begin = clock()
        sum(range(_SPINS))
        taken.append(clock() - begin)
    cuts = quantiles(taken, n=100)
    return Calibration(median(taken), cuts[98])


def interleaved(
    ways: Mapping[str, Work],
    rounds: int,
    clock: Clock = time.process_time,
    ready: Mapping[str, Work] | None = None,
    turn: float = 0.0,
) -> Mapping[str, list[float]]:
    """Seconds of every way in every round, after one round that is not counted; each round begins with another way.

    `ready` is what has to be done before a way's turn, outside its time. A turn lasts at least `turn` seconds: what is
    quicker is done again (without `ready`), and the time for once is told. Where one way takes a hundred times as long
    as another, the caches would be what the last way left of them for all of the short one, and for none of the long
    one.
    """
    names = list(ways)
    # What is there by now, the modules of the peers above all, need not be looked through before each turn.
    gc.freeze()
    taken: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(-1, rounds):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            if ready is not None:
                ready[name]()
            gc.collect()
            begin, times = clock(), 0
            while not times or clock() - begin < turn:
                ways[name]()
                times += 1
            seconds = (clock() - begin) / times
            if round_number >= 0:
                taken[name].append(seconds)
    return taken


def times_faster(slow: Iterable[float], fast: Iterable[float], *, work: float = 1.0) -> float:
    """Median over the rounds of slow/fast, where `fast` did `work` times as much."""
    return median(work * a / b for a, b in zip(slow, fast, strict=True))
