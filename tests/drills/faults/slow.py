"""A consumer that is ten times too slow: what waits can be seen, nothing is lost, and it catches up by itself."""

import os
import signal
import time

from drills.drill import Bound, Fault
from drills.pacing import let_pass
from drills.stage import Stage

_QUEUES = ("api.odds-changed", "api.opportunities-updated")
_DEPTH = "depth"
_SECONDS = 8.0
_PERIOD, _AWAKE = 0.5, 0.05
"""It is the share of the time that makes it slow: held still for the rest of each period."""


def _slow_down(stage: Stage) -> None:
    """The projector is let run a tenth of the time."""
    pids = [pid for one in stage.members("api.consume") if (pid := stage.pid(one.name)) is not None]
    deepest = 0
    ends = time.monotonic() + _SECONDS
    try:
        while time.monotonic() < ends:
            _send(pids, signal.SIGSTOP)
            let_pass(_PERIOD - _AWAKE)
            deepest = max(deepest, sum(stage.depths().get(queue, 0) for queue in _QUEUES))
            _send(pids, signal.SIGCONT)
            let_pass(_AWAKE)
    finally:
        _send(pids, signal.SIGCONT)
    stage.notes[_DEPTH] = deepest


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _was_seen(stage: Stage) -> list[str]:
    """What waits is in `bet-intel cluster status`, and what an alert looks at."""
    return [] if stage.notes[_DEPTH] > 0 else ["the queues of the slow consumer never showed that anything waits"]


FAULTS = (
    Fault(
        "consumer-slow",
        "a consumer ten times too slow",
        Bound(reads=3.0, recovered=10.0),
        strike=_slow_down,
        mend=lambda _stage: None,
        judge=_was_seen,
        alert="QueueBehind",
    ),
)
