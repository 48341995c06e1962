"""One process of each type is killed with SIGKILL while a recording is played through the cluster: it ends the same."""

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bet_intel.compose.cluster.services import ONE_OF_EACH
from bet_intel.compose.cluster.supervisor import STATE, ClusterState
from bet_intel.compose.servers.folder import ServersFolder, is_gone
from bet_intel.compose.servers.programs import CLUSTER
from bet_intel.odds_ingest.providers.simulator.recording import write_recording
from fixtures.cluster import Cluster, started, until_outcome
from fixtures.outcome import Outcome, outcome
from fixtures.polling import holds_within
from fixtures.servers import need
from fixtures.system import data_folder, running

pytestmark = [pytest.mark.chaos, pytest.mark.drill, pytest.mark.xdist_group("cluster-killed")]

_SNAPSHOTS = 30
_STEP = timedelta(seconds=60)
_SPEED = 40
"""Two snapshots in three seconds: it is still being played when the last process is killed."""
_SEEN_BY = ("api.consume", "api.serve", "odds-ingest.schedule")
"""Without these it cannot be seen how far the recording is: they die last."""
_SECONDS = 120.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "simulated.jsonl.gz"
    write_recording(path, seed=11, start=datetime(2026, 5, 2, 12, 0, tzinfo=UTC), step=_STEP, count=_SNAPSHOTS)
    return path


@pytest.fixture(scope="module")
def undisturbed(recording: Path) -> Outcome:
    need(*CLUSTER)
    with data_folder() as folder, running(folder, "--source", f"replay:{recording}", "--speed", "max") as system:
        system.until_ready()
        system.until_played(_SECONDS)
        return outcome(system)


def test_one_process_of_each_type_dies_and_nothing_is_missing_at_the_end(recording: Path, undisturbed: Outcome) -> None:
    assert undisturbed[1], "the recording should end with open opportunities"
    source = ("--source", f"replay:{recording}", "--speed", str(_SPEED))
    with started("killed", "--small", *source) as cluster:
        processes = cluster.processes()
        victims = [f"{name}.1" for name in (*(one for one in ONE_OF_EACH if one not in _SEEN_BY), *_SEEN_BY)]
        first = _position(cluster)
        for number, name in enumerate(victims):
            _until_position(cluster, first + number)
            os.kill(processes[name]["pid"], signal.SIGKILL)
            died_at = _position(cluster)
        os.kill(processes["nginx"]["pid"], signal.SIGKILL)
        assert died_at < _SNAPSHOTS, "the last one should have died before the end"

        until_outcome(cluster, undisturbed, _SECONDS)

        after = cluster.processes()
        # Once more where another process of the machine has taken a port in between.
        assert all(after[name]["restarts"] >= 1 for name in victims), cluster.logs()
        assert all(after[name]["pid"] not in (None, processes[name]["pid"]) for name in victims)

        _kill_supervisor(cluster)
        assert cluster.left() == []


def _kill_supervisor(cluster: Cluster) -> None:
    """Returns when the keeper has ended what it left."""
    state = ServersFolder.peek(cluster.folder).read(STATE, ClusterState)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    assert holds_within(_SECONDS, lambda: is_gone(cluster.folder)), cluster.logs()


def _position(cluster: Cluster) -> int:
    """How much of the recording has been read, as far as a gateway knows; 0 where none answers."""
    answer = cluster.try_get("/v1/status")
    providers = answer["providers"] if answer else []
    return int(providers[0]["position"]) if providers else 0


def _until_position(cluster: Cluster, position: int) -> None:
    """While the scheduler or the projector is away, the position does not move: then it is time that counts."""
    holds_within(5.0, lambda: _position(cluster) >= position)
