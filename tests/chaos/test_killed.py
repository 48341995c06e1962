"""`bet-intel up` killed with SIGKILL again and again in the middle of a recording ends as if nothing had happened."""

import random
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
_KILLS = 14
_SNAPSHOTS = 60
_SECONDS = 120.0
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


def _kills() -> Iterator[tuple[str, int]]:
    """Each point at least twice, at seeded counts that fall into the recording."""
    rng = random.Random(_SEED)
    points = list(POINTS) * (_KILLS // len(POINTS))
    rng.shuffle(points)
    for point in points:
        yield point, rng.randint(2, 5)


def test_a_run_killed_many_times_ends_like_an_undisturbed_one(recording: Path) -> None:
    source = ("--source", f"replay:{recording}", "--speed", "max")
    with data_folder() as folder, running(folder, *source) as undisturbed:
        expected = _final_state(undisturbed)
    assert expected[1], "the recording should end with open opportunities"
    survived = []
    with data_folder() as folder:
        for point, count in _kills():
            harness = [sys.executable, str(Path(__file__).with_name("killed_at.py")), point, str(count), "--"]
            with running(folder, *source, command=harness) as victim:
                code = victim.process.wait(_SECONDS)
                if code != -9:
                    survived.append((point, count, code, victim.said()))
        assert not survived
        with running(folder, *source) as last:
            assert "going on after" in _said_at_start(last)
            assert _final_state(last) == expected
            assert last.get("/v1/status")["services"], "every service lives"
            assert last.interrupt() == 0


def _said_at_start(system: System) -> str:
    system.until_ready()
    return system.said()
