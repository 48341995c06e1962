"""The primary dies, an operator promotes a replica, and the old primary comes back alive, as one that knows nothing."""

from bet_intel.compose.databases import SERVICES
from bet_intel.compose.servers.postgres import PostgresHost
from drills.drill import Bound, Fault
from drills.stage import Stage

_OLD = "old"
_WRITTEN = "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) from pg_stat_user_tables"
"""Counted anew since the start: a server that died of SIGKILL forgets what it counted before."""


def _kill(stage: Stage) -> None:
    group = stage.engines.postgres
    stage.notes[_OLD] = group.primary
    # The supervisor would start it again at once; here it is to stay dead until another is the primary.
    stage.hold_supervisor()
    group.kill(group.primary)


def _come_back(stage: Stage) -> None:
    """Alive, and believing that it is the primary."""
    stage.engines.postgres.start_host(_old(stage))
    stage.let_supervisor()


def _promote_and_come_back(stage: Stage) -> None:
    stage.promote()
    stage.later(4.0, _come_back)


def _never_written(stage: Stage) -> list[str]:
    group, old = stage.engines.postgres, _old(stage)
    if group.sql(old, "select pg_is_in_recovery()") != "f":
        return [f"{old.name} should have come back as a primary"]
    written = {service: int(group.sql(old, _WRITTEN, database=service)) for service in SERVICES}
    return [f"{rows} rows of {service} were written to the old primary" for service, rows in written.items() if rows]


def _rebase(stage: Stage) -> None:
    with stage.folder.lock("servers"):
        stage.engines.postgres.rebase(_old(stage))


def _old(stage: Stage) -> PostgresHost:
    found: PostgresHost = stage.notes[_OLD]
    return found


FAULTS = (
    Fault(
        "primary-kill",
        "kill -9 the primary, promote, old one back",
        Bound(failed_writes=None, reads=3.0, writes_back=2.0, recovered=5.0, anew=True),
        strike=_kill,
        mend=_promote_and_come_back,
        hold=2.0,
        judge=_never_written,
        settle=_rebase,
    ),
)
