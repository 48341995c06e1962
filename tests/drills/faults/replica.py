"""A replica dies, is frozen, or falls far behind: readers go to another, and never see less than their token."""

from bet_intel.compose.servers.postgres import PostgresHost
from drills.drill import Bound, Fault
from drills.stage import Stage

_BOUND = Bound(reads=3.0, events=5.0)


def _victim(stage: Stage) -> PostgresHost:
    return stage.engines.postgres.replicas[0]


def _kill(stage: Stage) -> None:
    stage.engines.postgres.kill(_victim(stage))


def _freeze(stage: Stage) -> None:
    stage.engines.postgres.suspend(_victim(stage))


def _thaw(stage: Stage) -> None:
    stage.engines.postgres.resume(_victim(stage))


def _fall_behind(stage: Stage) -> None:
    stage.engines.postgres.pause_replay(_victim(stage))


def _catch_up(stage: Stage) -> None:
    stage.engines.postgres.resume_replay(_victim(stage))


FAULTS = (
    Fault("replica-kill", "kill -9 a replica", _BOUND, strike=_kill),
    Fault("replica-freeze", "SIGSTOP a replica", _BOUND, strike=_freeze, mend=_thaw, hold=6.0),
    Fault("replica-behind", "a replica far behind", _BOUND, strike=_fall_behind, mend=_catch_up, hold=8.0),
)
