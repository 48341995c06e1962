"""A process whose clock is five minutes off: what opens and closes is judged in source time, and does not notice."""

import shutil
import sys
from pathlib import Path

from bet_intel.compose.cluster.fleet import process_of
from bet_intel.compose.servers.ports import free_port
from drills.drill import Bound, Fault
from drills.stage import Stage, StageError


def _lacks_faketime() -> str | None:
    return None if shutil.which("faketime") else "needs faketime: apt-get install faketime"


def _join_with_wrong_clock(stage: Stage) -> None:
    """One more consumer of the engine, whose clock is ahead; the monotonic clock is left alone."""
    member = next(iter(stage.members("ev-engine.consume")))
    pid = process_of(stage.folder, member).find()
    if pid is None:
        raise StageError(f"{member.name} does not run")
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    environment = dict(one.decode().split("=", 1) for one in variables if b"=" in one)
    environment |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "BET_INTEL_METRICS_PORT": str(free_port())}
    stage.start_beside(["faketime", "-f", "+5m", sys.executable, "-m", "bet_intel.ev_engine", "consume"], environment)


FAULTS = (
    Fault(
        "clock-off",
        "a clock 5 minutes off on one process",
        Bound(events=5.0),
        strike=_join_with_wrong_clock,
        at=1,
        settle=Stage.end_beside,
        lacks=_lacks_faketime,
    ),
)
