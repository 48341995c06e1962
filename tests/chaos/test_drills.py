"""A short set of the drills on a small cluster: whatever is struck, nothing is lost, and the ledger is in order.

How long things took is judged by `make drills` on a quiet machine, not here.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bet_intel.compose.servers.programs import CLUSTER
from drills.catalog import FAULTS, UNDISTURBED
from drills.drill import Bound, Fault
from drills.play import Undisturbed
from drills.recording import Recording
from drills.run import TESTED, drilled_once, staged
from drills.stage import Stage
from fixtures.servers import need

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("drills")]

_SNAPSHOTS = 20
_UNTIMED = Bound(failed_reads=None, failed_writes=None, repeats=True)
"""Beside other tests a request may take longer than it is waited for."""
_VICTIMS = ("api.serve.1", "ev-engine.consume.1", "api.consume.1", "notifier.worker.1")
_BY_NAME = {fault.name: fault for fault in FAULTS}


def _kill_four(stage: Stage) -> None:
    for name in _VICTIMS:
        stage.kill(name)


_KILL = Fault("kill", "kill -9 gateway, engine, projector, sender", _UNTIMED, strike=_kill_four)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    need(*CLUSTER)
    with staged(TESTED, {"api.serve": 2}, Recording(_SNAPSHOTS)) as stage:
        yield stage


@pytest.fixture(scope="module")
def undisturbed(stage: Stage) -> Undisturbed:
    """What every play is held against, and itself without a fault."""
    known = Undisturbed()
    row = asyncio.run(drilled_once(stage, replace(UNDISTURBED, bound=_UNTIMED), known))
    assert row.wrong == []
    assert min(row.reads, row.writes, row.alerts) > 0
    return known


@pytest.mark.parametrize("fault", [_KILL, _BY_NAME["replica-behind"], _BY_NAME["poison"]], ids=lambda one: one.name)
async def test_nothing_is_lost(stage: Stage, undisturbed: Undisturbed, fault: Fault) -> None:
    row = await drilled_once(stage, replace(fault, bound=_UNTIMED, at=4, hold=2.0), undisturbed)

    assert row.wrong == []
    assert min(row.reads, row.writes, row.alerts) > 0
