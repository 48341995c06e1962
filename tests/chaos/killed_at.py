"""`bet-intel` that kills itself with SIGKILL where a crash is worst.

    python killed_at.py POINT SNAPSHOT N -- up --source …

It dies at the N-th passing of POINT from the snapshot that ends at position SNAPSHOT on. The points lie in the middle
of a transaction, between a commit and its publishing, between a confirm and its deletion. The product knows nothing of
them; they are put around its functions here.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bet_intel.api.projector import Projector
from bet_intel.compose import cli
from bet_intel.ev_engine.store import Store as EngineStore
from bet_intel.notifier.alert import AlertOnSets
from bet_intel.odds_ingest.poll import Poller
from bet_intel.odds_ingest.store import Store as IngestStore
from bet_intel.shared.outbox import Outbox

Which = Callable[..., bool]


def _any(*_: object) -> bool:
    return True


def _of_type(type_of_event: str) -> Which:
    """Calls of `Outbox._hand_over` with events of one type: each service's outbox has its own."""
    return lambda _outbox, rows: any(getattr(outgoing, "type", "") == type_of_event for _, outgoing in rows)


POINTS: dict[str, tuple[type, str, Which]] = {
    "ingest, before its commit": (IngestStore, "save_position", _any),
    "engine, lines recorded, nothing else": (EngineStore, "record_lines", _any),
    "engine, before its commit": (EngineStore, "save_sets", _any),
    "ingest, committed and not published": (Outbox, "_hand_over", _of_type("odds.changed.v1")),
    "engine, committed and not published": (Outbox, "_hand_over", _of_type("opportunities.updated.v1")),
    "while publishing": (Outbox, "_publish", _any),
    "confirmed, not deleted": (Outbox, "_delete", _any),
    "gateway, before its handler": (Projector, "opportunities_updated", _any),
    "notifier, before its handler": (AlertOnSets, "handle", _any),
}
"""Point → the function that is about to be called when the process dies, and which of its calls count."""


class Trigger:
    """Dies at the n-th passing, counted from the snapshot that ends at `position`."""

    def __init__(self, position: int, count: int) -> None:
        self._position = position
        self._left = count
        self._armed = False

    def reached(self, position: int) -> None:
        self._armed = self._armed or position >= self._position

    def passed(self) -> None:
        self._left -= self._armed
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def before(owner: type, name: str, act: Callable[..., None]) -> None:
    """Have `act` called with the arguments of each call of `owner.name`, before it."""
    original: Callable[..., Any] = getattr(owner, name)

    def wrapped(*args: object, **kwargs: object) -> Any:
        act(*args, **kwargs)
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def arm(point: str, position: int, count: int) -> None:
    trigger = Trigger(position, count)
    owner, name, counts = POINTS[point]

    def passed(*args: object, **_: object) -> None:
        if counts(*args):
            trigger.passed()

    before(owner, name, passed)
    before(IngestStore, "save_position", lambda _self, _connection, _source, reached: trigger.reached(reached))
    before(Poller, "__init__", lambda _self, _provider, _source, reached, *_: trigger.reached(reached))


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.argv = ["bet-intel", *sys.argv[5:]]
    cli.main()
