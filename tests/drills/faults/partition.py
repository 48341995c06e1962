"""The services cannot reach the primary, which lives on: as if it were lost, and it stays unwritten when it is reached
again."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from bet_intel.compose.servers.postgres import PostgresHost
from drills.drill import Bound, Fault
from drills.namespaces import is_apart
from drills.pacing import let_pass
from drills.stage import Stage

_OLD, _COUNTED, _LOGGED = "old", "counted", "logged"
_WROTE = re.compile(rb"LOG:  (?:statement: |execute |automatic ).*(?:\n\t.*)*")
_SHOWN = 5
_NEXT = "select pg_snapshot_xmax(pg_current_snapshot())"
"""The number that the next transaction to write is given, in whatever database. Counts of rows would not do: what a
session did before it was cut off, it may report when it is ended."""
_VACUUMS = "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'"
_VACUUM_SECONDS = 30.0
_HEALED_AFTER = 4.0
_SEEN_AFTER = 1.0
"""By then everybody has seen who is the primary, and thrown away what was under way to the old one. No condition tells:
what is under way, of those who were cut off, can be seen neither at the old primary nor at them."""


def _lacks_network() -> str | None:
    if os.geteuid() != 0:
        return "needs root, to cut a network"
    if shutil.which("ip") is None:
        return "needs ip: apt-get install iproute2"
    if not is_apart("net"):
        return "needs a network of its own: run it by make drills"
    return None


def _cut(stage: Stage) -> None:
    """Nothing of ours reaches the primary; its replicas, who are another user's, do."""
    old = stage.engines.postgres.primary
    stage.notes[_OLD] = old
    # Before what is local is looked up.
    _ip("rule", "add", "pref", "2", "lookup", "local")
    _ip("rule", "del", "pref", "0")
    _ip("rule", "add", "pref", "1", *_to(old))


def _promote(stage: Stage) -> None:
    # The supervisor would take it for one that was interrupted.
    with stage.folder.lock("servers"):
        stage.promote()
    stage.later(_HEALED_AFTER, _heal)


def _heal(stage: Stage) -> None:
    old: PostgresHost = stage.notes[_OLD]
    _ip("rule", "del", "pref", "1", *_to(old))
    _ip("rule", "add", "pref", "0", "lookup", "local")
    _ip("rule", "del", "pref", "2")
    settings = {"autovacuum": "off", "log_statement": "mod", "log_autovacuum_min_duration": "0"}
    told = [f"alter system set {name} = '{value}'" for name, value in settings.items()]
    stage.engines.postgres.sql(old, *told, "select pg_reload_conf()")
    let_pass(_SEEN_AFTER)
    # A vacuum writes what it finds out of each table, which is nobody's doing; one under way goes on to its end.
    stage.until(lambda: stage.engines.postgres.sql(old, _VACUUMS) == "0", _VACUUM_SECONDS, "the vacuum ends")
    stage.notes[_LOGGED] = _log(stage).stat().st_size
    stage.notes[_COUNTED] = _next(stage)


def _to(host: PostgresHost) -> tuple[str, ...]:
    return ("uidrange", "0-0", "ipproto", "tcp", "dport", str(host.port), "blackhole")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _next(stage: Stage) -> int:
    return int(stage.engines.postgres.sql(stage.notes[_OLD], _NEXT))


def _never_written(stage: Stage) -> list[str]:
    written = _next(stage) - stage.notes[_COUNTED]
    if not written:
        return []
    since = _log(stage).read_bytes()[stage.notes[_LOGGED] :]
    what = [" ".join(line.decode(errors="replace").split()) for line in _WROTE.findall(since)]
    return [f"{written} transactions wrote to the old primary", *what[:_SHOWN]]


def _log(stage: Stage) -> Path:
    return stage.folder.path / "log" / f"{stage.notes[_OLD].name}.log"


def _rebase(stage: Stage) -> None:
    with stage.folder.lock("servers"):
        stage.engines.postgres.rebase(stage.notes[_OLD])


FAULTS = (
    Fault(
        "partition",
        "services cut off from the primary, promote",
        Bound(failed_writes=None, reads=3.0, writes_back=2.0, recovered=5.0, anew=True),
        strike=_cut,
        mend=_promote,
        hold=3.0,
        judge=_never_written,
        settle=_rebase,
        lacks=_lacks_network,
    ),
)
