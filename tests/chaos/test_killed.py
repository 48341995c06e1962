"""`bet-intel up` killed with SIGKILL again and again in the middle of a recording ends as if nothing had happened."""

import random
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from chaos.killed_at import POINTS
from fixtures.outcome import Outcome, assert_same, outcome
from fixtures.system import System, data_folder, running

pytestmark = pytest.mark.chaos

_SEED = 20260502
_SNAPSHOTS = 60
_SECONDS = 180.0
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


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "simulated.jsonl.gz"
    write_recording(
        path, seed=3, start=datetime(2026, 5, 2, 18, 0, tzinfo=UTC), step=timedelta(seconds=90), count=_SNAPSHOTS
    )
    return path


def _final_state(system: System) -> Outcome:
    system.until_ready()
    system.until_played(_SECONDS)
    return outcome(system)


def _kills() -> list[tuple[str, int, int]]:
    """(point, snapshot, passing): each point at a seeded snapshot, then the way of the last one step by step, where no
    later message can heal what a crash has lost."""
    rng = random.Random(_SEED)
    snapshots = sorted(rng.sample(range(2, _SNAPSHOTS - 10), len(POINTS)))
    points = rng.sample(list(POINTS), len(POINTS))
    early = [(point, snapshot, rng.randint(1, 4)) for point, snapshot in zip(points, snapshots, strict=True)]
    return early + [(point, _SNAPSHOTS, 1) for point in _LAST]


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
            assert_same(_final_state(last), expected)
            assert "taken over" in last.said(), "the PostgreSQL of a killed run is adopted"
            assert last.interrupt() == 0
