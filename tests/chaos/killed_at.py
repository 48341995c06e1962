"""`bet-intel` that kills itself with SIGKILL at the n-th passing of a chosen point.

    python killed_at.py POINT N -- up --source …

The points lie where a crash is worst: in the middle of a transaction, between a commit and its publishing, between a
confirm and its deletion. The product knows nothing of them; they are put around its functions here.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bet_intel.compose import cli
from bet_intel.ev_engine.store import Store as EngineStore
from bet_intel.notifier.alert import AlertOnSets
from bet_intel.odds_ingest.store import Store as IngestStore
from bet_intel.shared.outbox import Outbox

POINTS = {
    "ingest, before its commit": (IngestStore, "save_position"),
    "engine, lines recorded, nothing else": (EngineStore, "record_lines"),
    "engine, before its commit": (EngineStore, "save_sets"),
    "between commit and publish": (Outbox, "_hand_over"),
    "while publishing": (Outbox, "_publish"),
    "confirmed, not deleted": (Outbox, "_forget"),
    "notifier, before its handler": (AlertOnSets, "handle"),
}
"""Point → the function before whose n-th call the process dies."""


def _die_at(count: int) -> Callable[[], None]:
    passings = itertools.count(1)

    def passed() -> None:
        if next(passings) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    return passed


def arm(point: str, count: int) -> None:
    owner, name = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)
    passed = _die_at(count)

    def armed(*args: object, **kwargs: object) -> Any:
        passed()
        return original(*args, **kwargs)

    setattr(owner, name, armed)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["bet-intel", *sys.argv[4:]]
    cli.main()
