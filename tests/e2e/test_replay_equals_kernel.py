"""A recording played through the whole system ends where the kernel, applied to its last snapshot alone, ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from e2e.last_snapshot import assert_opportunities, board_shown, last_answer
from fixtures.system import board, data_folder, opportunities, running

pytestmark = pytest.mark.e2e

_START = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
_MLB = Path(__file__).parents[3] / "shared/data/odds_api_mlb_5min/mlb_2026-08-04_2026-08-05.jsonl.gz"


def _assert_replay_equals_kernel(recording: Path, seconds: float) -> None:
    last = last_answer(recording)
    with data_folder() as folder, running(folder, "--source", f"replay:{recording}", "--speed", "max") as system:
        system.until_ready()
        system.until_played(seconds)
        shown_board, shown = board(system), opportunities(system)
        assert system.interrupt() == 0
    assert shown_board == board_shown(last)
    assert_opportunities(shown, last)


def test_simulated_recording(tmp_path: Path) -> None:
    recording = tmp_path / "simulated.jsonl.gz"
    write_recording(recording, seed=7, start=_START, step=timedelta(minutes=2), count=20)
    _assert_replay_equals_kernel(recording, seconds=120)


@pytest.mark.skipif(not _MLB.exists(), reason=f"real odds are not here: {_MLB.name}")
def test_two_days_of_baseball() -> None:
    """432 snapshots and 450,030 prices: withdrawals, moved starts, lines that come and go, events that end."""
    _assert_replay_equals_kernel(_MLB, seconds=300)
