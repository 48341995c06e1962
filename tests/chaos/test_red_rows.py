"""With a guard taken away, the row of a drill is red: what the ledger does not find it cannot promise."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bet_intel.compose.servers.programs import CLUSTER
from drills.catalog import UNDISTURBED
from drills.drill import Bound, Fault
from drills.play import Undisturbed
from drills.recording import Recording
from drills.run import TESTED, drilled_once, staged
from drills.stage import Stage
from fixtures.servers import need

pytestmark = [pytest.mark.chaos, pytest.mark.drill, pytest.mark.xdist_group("drills")]

_SNAPSHOTS = 20
_SABOTAGE = Path(__file__).parents[1] / "drills/sabotage"
_CARELESS = ("synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'")


@pytest.fixture(scope="module")
def guards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a guard's name in this folder takes it away."""
    return tmp_path_factory.mktemp("guards")


@pytest.fixture(scope="module")
def stage(guards: Path) -> Iterator[Stage]:
    need(*CLUSTER)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DRILLS_SABOTAGE", str(guards))
        environment.setenv("PYTHONPATH", str(_SABOTAGE))
        with staged(TESTED, {"api.serve": 2}, Recording(_SNAPSHOTS)) as stage:
            yield stage


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> Undisturbed:
    """With every guard in its place."""
    known = Undisturbed()
    row = asyncio.run(drilled_once(stage, UNDISTURBED, known))
    assert row.wrong == []
    return known


def _nothing(_stage: Stage) -> None:
    """No fault but the guard that is gone."""


def _fall_behind(stage: Stage) -> None:
    stage.engines.postgres.pause_replay(stage.engines.postgres.replicas[0])


def _catch_up(stage: Stage) -> None:
    stage.engines.postgres.resume_replay(stage.engines.postgres.replicas[0])


@pytest.mark.parametrize(
    ("guard", "strike", "said"),
    [
        ("confirms-off", _nothing, "missing"),
        ("outbox-off", _nothing, "missing"),
        ("ids-off", _nothing, "under 2 ids"),
        ("order-off", _nothing, "missed"),
        ("tokens-off", _fall_behind, "older than their token"),
    ],
)
async def test_without_its_guard_a_row_is_red(
    stage: Stage, undisturbed: Undisturbed, guards: Path, guard: str, strike: Callable[[Stage], None], said: str
) -> None:
    def take_away(stage: Stage) -> None:
        (guards / guard).touch()
        strike(stage)

    mend = _catch_up if strike is _fall_behind else None
    fault = Fault(guard, guard, Bound(), strike=take_away, mend=mend, hold=3.0, at=2)
    try:
        row = await drilled_once(stage, fault, undisturbed)
    finally:
        (guards / guard).unlink(missing_ok=True)

    assert not row.within
    assert any(said in sentence for sentence in row.wrong), row.wrong


async def test_without_synchronous_commits_acknowledged_writes_are_lost(stage: Stage, undisturbed: Undisturbed) -> None:
    group = stage.engines.postgres

    def forget(stage: Stage) -> None:
        for one in _CARELESS:
            group.sql(group.primary, f"alter system set {one}")
        group.sql(group.primary, "select pg_reload_conf()")
        stage.later(3.0, lambda _: group.kill(group.primary))

    def remember(stage: Stage) -> None:
        group.sql(group.primary, "alter system reset all", "select pg_reload_conf()")
        with stage.folder.lock("servers"):
            group.rebase(group.replicas[0])

    fault = Fault("sync-off", "sync off", Bound(None, None), strike=forget, settle=remember, at=4)
    row = await drilled_once(stage, fault, undisturbed)

    assert any("acknowledged writes are lost" in sentence for sentence in row.wrong), row.wrong
