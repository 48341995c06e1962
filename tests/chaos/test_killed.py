"""`bet-intel up` killed with SIGKILL again and again in the middle of a recording ends as if nothing had happened."""

import random
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from chaos.killed_at import POINTS
from fixtures.system import System, board, data_folder, opportunities, running

pytestmark = pytest.mark.chaos

_SEED = 20260502
_SNAPSHOTS = 60
_SECONDS = 60.0
_LAST = (
    "ingest, before its commit",
    "ingest, committed and not published",
    "while publishing",
    "engine, lines recorded, nothing else",
    "engine, before its commit",
    "engine, committed and not published",
    "gateway, before its handler",
    "notifier, before its handler",
    "confirmed, not deleted",
)
# What a run may have of its own: identity and history of a life, and how old the wall clock says a thing is.
_OF_THE_RUN = {"id", "first_seen", "opened_at", "peak"}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "simulated.jsonl.gz"
    write_recording(
        path, seed=3, start=datetime(2026, 5, 2, 18, 0, tzinfo=UTC), step=timedelta(seconds=90), count=_SNAPSHOTS
    )
    return path


def _final_state(system: System) -> tuple[dict[Any, Any], dict[Any, Any]]:
    system.until_ready()
    system.until_played(_SECONDS)
    lives = {
        key: {name: value for name, value in one.items() if name not in _OF_THE_RUN}
        for key, one in opportunities(system).items()
    }
    return board(system), lives


def _kills() -> list[tuple[str, int, int]]:
    """(point, snapshot, passing): each point at a seeded snapshot, then the way of the last one step by step, where no
    later message can heal what a crash has lost."""
    rng = random.Random(_SEED)
    snapshots = sorted(rng.sample(range(2, _SNAPSHOTS - 10), len(POINTS)))
    points = rng.sample(list(POINTS), len(POINTS))
    early = [(point, snapshot, rng.randint(1, 4)) for point, snapshot in zip(points, snapshots, strict=True)]
    return early + [(point, _SNAPSHOTS, 1) for point in _LAST]


def _flat(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, (*path, key))
    else:
        yield path, value


def _assert_same(found: tuple[dict[Any, Any], dict[Any, Any]], expected: tuple[dict[Any, Any], dict[Any, Any]]) -> None:
    """Board and lives are the same. The last bit of a float may depend on how many markets were priced in one pass."""
    assert found[0] == expected[0]
    one, other = dict(_flat(found[1])), dict(_flat(expected[1]))
    assert one.keys() == other.keys()
    for path, value in other.items():
        assert one[path] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), path


def test_a_run_killed_many_times_ends_like_an_undisturbed_one(recording: Path) -> None:
    source = ("--source", f"replay:{recording}", "--speed", "max")
    with data_folder() as folder, running(folder, *source) as undisturbed:
        expected = _final_state(undisturbed)
    assert expected[1], "the recording should end with open opportunities"
    with data_folder() as folder:
        for point, snapshot, passing in _kills():
            armed = [sys.executable, "-m", "chaos.killed_at", point, str(snapshot), str(passing), "--"]
            with running(folder, *source, command=armed) as victim:
                victim.until_dead(_SECONDS, f"to be killed at: {point}, passing {passing} from snapshot {snapshot} on")
                assert victim.process.returncode == -signal.SIGKILL, victim.said()
        with running(folder, *source) as last:
            _assert_same(_final_state(last), expected)
            assert "taken over" in last.said(), "the PostgreSQL of a killed run is adopted"
            assert last.interrupt() == 0
