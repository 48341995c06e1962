"""A worker of the notifier dies before, in and after a send: nobody is left untold, and who is told twice can tell."""

import os
import signal
import threading
from typing import Literal

from drills.drill import Bound, Fault
from drills.stage import Stage

_BOUND = Bound(events=5.0, notifications=12.0, repeats=True)


def _kill_workers(stage: Stage) -> None:
    for one in stage.members("notifier.worker"):
        pid = stage.pid(one.name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def _before(stage: Stage) -> None:
    """With tasks in hand that are not begun: frozen first, so that some arrive."""
    for one in stage.members("notifier.worker"):
        stage.freeze(one.name)
    stage.later(2.0, _kill_workers)


def _in(stage: Stage) -> None:
    """The request has come, and its answer does not."""
    _once(stage, "arriving")


def _after(stage: Stage) -> None:
    """The answer has gone out; that the notifier has stored it is unlikely."""
    _once(stage, "answered")


def _once(stage: Stage, moment: Literal["arriving", "answered"]) -> None:
    done = threading.Event()

    def kill() -> None:
        if not done.is_set():
            done.set()
            _kill_workers(stage)

    stage.at_webhook(moment, kill)


FAULTS = (
    Fault("notifier-before", "kill -9 notifier workers before a send", _BOUND, strike=_before),
    Fault("notifier-in", "kill -9 notifier workers in a send", _BOUND, strike=_in),
    Fault("notifier-after", "kill -9 notifier workers after a send", _BOUND, strike=_after),
)
