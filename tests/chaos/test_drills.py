"""A short set of the drills on a small cluster: nothing is lost. And with a guard taken away, each row says so.

How long things took is judged by `make drills` on a quiet machine, not here.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bet_intel.compose.cluster.engines import Sizes
from bet_intel.compose.servers.programs import CLUSTER
from drills.catalog import UNDISTURBED
from drills.drill import Bound, Fault
from drills.play import Undisturbed
from drills.recording import Recording
from drills.run import playing, staged
from drills.stage import Stage
from drills.table import Row
from fixtures.servers import need

pytestmark = [pytest.mark.chaos, pytest.mark.drill, pytest.mark.xdist_group("drills")]

_SNAPSHOTS = 20
_SABOTAGE = Path(__file__).parents[1] / "drills/sabotage"
_VICTIMS = ("api.serve.1", "ev-engine.consume.1", "api.consume.1", "notifier.worker.1")


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
        sizes = Sizes(rabbitmq_nodes=1, postgres_replicas=1, redis_masters=1, redis_replicas=0)
        with staged(sizes, {"api.serve": 2}, Recording(_SNAPSHOTS)) as stage:
            yield stage


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> Undisturbed:
    """What every play is held against, and itself without a fault."""
    known = Undisturbed()
    row = asyncio.run(_drilled(stage, known, UNDISTURBED))
    assert row.wrong == []
    assert row.alerts > 0, "the recording should have something to tell"
    return known


async def test_nothing_is_lost_when_gateway_engine_projector_and_sender_are_killed(
    stage: Stage, undisturbed: Undisturbed
) -> None:
    def kill(stage: Stage) -> None:
        for name in _VICTIMS:
            stage.kill(name)

    row = await _drilled(stage, undisturbed, Fault("kill", "kill -9 of four", Bound(repeats=True), strike=kill))

    assert row.wrong == []
    assert min(row.reads, row.writes, row.alerts) > 0


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
    fault = Fault(guard, guard, Bound(), strike=strike, mend=_catch_up if strike is _fall_behind else None, hold=3.0)
    (guards / guard).touch()
    try:
        row = await _drilled(stage, undisturbed, fault, at=2)
    finally:
        (guards / guard).unlink()

    assert not row.within
    assert any(said in sentence for sentence in row.wrong), row.wrong


async def test_without_synchronous_commits_acknowledged_writes_are_lost(stage: Stage, undisturbed: Undisturbed) -> None:
    group = stage.engines.postgres
    careless = ("synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = 0")

    def forget(stage: Stage) -> None:
        for one in careless:
            group.sql(group.primary, f"alter system set {one}")
        group.sql(group.primary, "select pg_reload_conf()")
        stage.later(3.0, lambda _: group.kill(group.primary))

    def remember(_stage: Stage) -> None:
        group.sql(group.primary, "alter system reset all", "select pg_reload_conf()")
        group.rebase(group.replicas[0])

    row = await _drilled(
        stage, undisturbed, Fault("sync-off", "sync off", Bound(None, None), strike=forget, settle=remember)
    )

    assert any("acknowledged writes are lost" in sentence for sentence in row.wrong), row.wrong


async def _drilled(stage: Stage, undisturbed: Undisturbed, fault: Fault, at: int = 4) -> Row:
    async with playing(stage, lambda _: None, undisturbed) as play:
        return await play.drill(replace(fault, at=at))
