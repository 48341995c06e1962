"""Processes of the services die at their work: what they had not confirmed is done by the next."""

import os
import signal

from drills.drill import Bound, Fault
from drills.stage import SCHEDULE, Stage, StageError

_BOUND = Bound(events=5.0, recovered=5.0)


def _kill_engine(stage: Stage) -> None:
    stage.kill_in_transaction("ev-engine.consume", "ev_engine")


def _kill_scheduler(stage: Stage) -> None:
    """The one that reads; another waits to take over."""
    stage.kill_in_transaction(SCHEDULE, "odds_ingest", _leader(stage, "odds_ingest", "odds-ingest"))


def _kill_projector(stage: Stage) -> None:
    stage.kill("api.consume.1")


def _kill_sweeper(stage: Stage) -> None:
    """Whoever sweeps the outbox of odds-ingest: one of its workers, or the scheduler."""
    _kill_leader(stage, "odds_ingest", "odds-ingest sweeper")


def _kill_leaders(stage: Stage) -> None:
    for service, ticker in (("api", "api"), ("ev_engine", "ev-engine"), ("notifier", "notifier")):
        _kill_leader(stage, service, ticker)


def _kill_leader(stage: Stage, service: str, ticker: str) -> None:
    os.kill(_leader(stage, service, ticker), signal.SIGKILL)


def _leader(stage: Stage, service: str, ticker: str) -> int:
    """Its process id."""
    rows = stage.sql(service, f"select holder from ticker where name = '{ticker}'")
    if not rows:
        raise StageError(f"nobody leads {ticker}")
    # Named by its machine and process id.
    return int(rows[0][0].split()[-1])


FAULTS = (
    Fault("engine-kill", "kill -9 ev-engine in a batch", _BOUND, strike=_kill_engine),
    Fault("ingest-kill", "kill -9 odds-ingest in a fetch", _BOUND, strike=_kill_scheduler),
    Fault("projector-kill", "kill -9 the projector", _BOUND, strike=_kill_projector),
    Fault("sweeper-kill", "kill -9 the relay sweeper", _BOUND, strike=_kill_sweeper),
    Fault("leader-kill", "kill -9 every ticker's leader", _BOUND, strike=_kill_leaders),
)
