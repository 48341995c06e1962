"""The rows that the drills print: one for each fault, for a person and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_HEAD = (
    ("fault", 42),
    ("load r/w/alerts", 15),
    ("failed r/w", 10),
    ("reads", 6),
    ("writes", 6),
    ("events", 6),
    ("alerts", 6),
    ("lost", 4),
    ("twice", 5),
    ("back", 6),
    ("", 1),
    ("bound", 0),
)
_GREEN, _RED, _DIM, _PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Row:
    """One drill.

    Gaps are the longest times without a success, in seconds, and of notifications the longest that one took. `doubled`
    alerts came under two ids, `repeated` ones twice under one. `back` is how long after the mend (or the strike, where
    nobody mended) each function was as before, `recovered` the longest of these. `wrong` says what is lost, failed or
    false, `late` what took longer than its bound; `skipped` why there was no drill.
    """

    fault: str
    title: str
    bound: str
    reads: int = 0
    writes: int = 0
    alerts: int = 0
    failed_reads: int = 0
    failed_writes: int = 0
    gaps: dict[str, float] = field(default_factory=dict)
    slowest_read: float = 0.0
    lost: int = 0
    doubled: int = 0
    repeated: int = 0
    superseded: list[str] = field(default_factory=list)
    recovered: float = 0.0
    back: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    skipped: str | None = None

    @property
    def within(self) -> bool:
        return not self.wrong and not self.late

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "within_bound": self.within}


def head() -> str:
    names = " ".join(f"{name:<{width}}" if name in ("fault", "bound") else f"{name:>{width}}" for name, width in _HEAD)
    gaps = " " * 70 + "longest gap, in seconds"
    return f"{gaps}\n{names}"


def lines(row: Row, *, colours: bool) -> Iterator[str]:
    """The row, and below it what is to be said of it."""
    green, red, dim, plain = (_GREEN, _RED, _DIM, _PLAIN) if colours else ("", "", "", "")
    if row.skipped is not None:
        yield f"{row.title:<42} {dim}not drilled here: {row.skipped}{plain}"
        return
    twice = f"{row.doubled}" + (f"+{row.repeated}" if row.repeated else "")
    cells = (
        f"{row.title:<42}",
        f"{f'{row.reads}/{row.writes}/{row.alerts}':>15}",
        f"{f'{row.failed_reads}/{row.failed_writes}':>10}",
        *(f"{row.gaps.get(name, 0.0):>6.2f}" for name in ("reads", "writes", "events", "notifications")),
        f"{row.lost:>4}",
        f"{twice:>5}",
        f"{row.recovered:>6.2f}",
        f"{green}✔{plain}" if row.within else f"{red}✘{plain}",
        f"{dim}{row.bound}{plain}",
    )
    yield " ".join(cells)
    for sentence in (*row.wrong, *row.late):
        yield f"    {red}{sentence}{plain}"


def foot(rows: Sequence[Row], seconds: float) -> str:
    drilled = [row for row in rows if row.skipped is None]
    bad = [row.fault for row in drilled if not row.within]
    skipped = len(rows) - len(drilled)
    said = f"{len(drilled)} drills in {seconds:.0f} s"
    said += f", {skipped} not possible here" if skipped else ""
    return f"{said}: " + (f"beyond their bounds: {', '.join(bad)}" if bad else "every one within its bound")
