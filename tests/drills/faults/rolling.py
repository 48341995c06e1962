"""Every process is restarted under load, one of each kind at a time, and once more behind an additive migration."""

from collections import defaultdict
from itertools import zip_longest

from bet_intel.compose.cluster.fleet import Member, answers
from bet_intel.compose.databases import SERVICES
from drills.drill import Bound, Fault
from drills.stage import Stage

_BACK_SECONDS = 60.0
_BOUND = Bound(reads=3.0, writes=3.0)
_EXPAND = "alter table outbox add column if not exists drilled integer"
_CONTRACT = "alter table outbox drop column if exists drilled"


def _roll(stage: Stage) -> None:
    """As Deployments roll that are changed together."""
    kinds: dict[str, list[Member]] = defaultdict(list)
    for member in stage.members():
        kinds[member.kind].append(member)
    for together in zip_longest(*kinds.values()):
        before = {member: stage.pid(member.name) for member in together if member is not None}
        for member in before:
            stage.terminate(member.name)
        for member, pid in before.items():
            back = lambda: _is_back(stage, member, pid)  # noqa: B023, E731 - asked in this turn
            stage.until(back, _BACK_SECONDS, f"{member.name} is back (it was {pid})")


def _is_back(stage: Stage, member: Member, before: int | None) -> bool:
    now = next((one for one in stage.members() if one.name == member.name), None)
    return now is not None and stage.pid(member.name) not in (None, before) and answers(now)


def _migrate_and_roll(stage: Stage) -> None:
    """Old and new processes work on the new schema meanwhile."""
    _alter(stage, _EXPAND)
    _roll(stage)


def _alter(stage: Stage, statement: str) -> None:
    group = stage.engines.postgres
    for service in SERVICES:
        group.sql(group.primary, "set lock_timeout = '5s'", statement, database=service)


FAULTS = (
    Fault("rolling-restart", "rolling restart of every process", _BOUND, strike=_roll, at=2),
    Fault(
        "rolling-upgrade",
        "rolling upgrade over an additive migration",
        _BOUND,
        strike=_migrate_and_roll,
        at=2,
        settle=lambda stage: _alter(stage, _CONTRACT),
    ),
)
