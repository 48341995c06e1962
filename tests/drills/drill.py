"""A drill as it is written down: what is struck, how it is mended, and what may come of it."""

from collections.abc import Callable
from dataclasses import dataclass

from drills.stage import Stage

Deed = Callable[[Stage], None]
"""Something done to the running cluster; may block."""

_UNDISTURBED = "0 failed, nothing lost"


@dataclass(frozen=True, slots=True)
class Bound:
    """What may come of a fault: requests that fail (None: not judged), seconds without a success for each function, and
    seconds until all (or writes alone) is as before, from the mend, or from the strike where nobody mends. Nothing may
    ever be lost, and no alert may come under two ids; `repeats` says that one may come twice under one, `anew` that
    each stream may begin anew, with a snapshot."""

    failed_reads: int | None = 0
    failed_writes: int | None = 0
    reads: float | None = None
    writes: float | None = None
    events: float | None = None
    notifications: float | None = None
    recovered: float | None = None
    writes_back: float | None = None
    repeats: bool = False
    anew: bool = False

    def __str__(self) -> str:
        said = []
        if self.failed_reads == self.failed_writes == 0:
            said.append("0 failed")
        else:
            said += ["0 reads failed"] if self.failed_reads == 0 else []
            said += ["0 writes failed"] if self.failed_writes == 0 else []
        named = (
            ("reads", self.reads),
            ("writes", self.writes),
            ("events", self.events),
            ("alerts", self.notifications),
            ("writes back", self.writes_back),
            ("all back", self.recovered),
        )
        said += [f"{name} ≤ {seconds:g} s" for name, seconds in named if seconds is not None]
        return ", ".join(said) or _UNDISTURBED


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` when `at` snapshots are played; `mend` after `hold` seconds, where it does not mend itself.

    `prepare` comes before anything is played. `judge` looks, when all is quiet again, for what only this fault can
    spoil, and says what is wrong. `lacks` says why the fault cannot be made on this machine. `settle` brings the stage
    back to what it was, outside the drill. `alert` is what an operator must be told of it, by the name that Prometheus'
    rules give it.
    """

    name: str
    title: str
    bound: Bound
    prepare: Deed | None = None
    strike: Deed | None = None
    mend: Deed | None = None
    hold: float = 0.0
    at: int = 12
    judge: Callable[[Stage], list[str]] | None = None
    lacks: Callable[[], str | None] | None = None
    settle: Deed | None = None
    alert: str | None = None
