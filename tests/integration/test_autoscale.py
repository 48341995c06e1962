"""`bet-intel cluster autoscale` where what it wants is refused."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bet_intel.compose.cluster import control
from bet_intel.compose.cluster.autoscale import Policy
from bet_intel.compose.cluster.engines import SMALL
from bet_intel.compose.cluster.fleet import WANTED, Wanted
from bet_intel.compose.cluster.queues import Depth
from bet_intel.compose.cluster.supervisor import ClusterState, Plan
from bet_intel.compose.servers.folder import ServersFolder
from bet_intel.compose.servers.processes import ServerError

pytestmark = pytest.mark.integration

_COUNTS = {"notifier.worker": 2, "odds-ingest.worker": 2, "notifier.consume": 16}
_QUIET = Policy(least=2, most=16, messages=50, calm=0.0)


class Queues:
    """What waits at each look, and the end of the cluster after the last."""

    def __init__(self, *depths: dict[str, int]) -> None:
        self._depths = iter(depths)
        self._now: dict[str, int] | None = {}

    def find(self, _: Path) -> ClusterState | None:
        self._now = next(self._depths, None)
        return None if self._now is None else ClusterState(0, 0, Plan(SMALL, {}), ready=True)

    def depths(self, _: object) -> list[Depth]:
        return [Depth(name, number, 0) for name, number in (self._now or {}).items()]


@pytest.fixture
def folder() -> Iterator[ServersFolder]:
    with ServersFolder.temporary() as folder:
        yield folder


def follow(folder: ServersFolder, queues: Queues, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(control, "find", queues.find)
    monkeypatch.setattr(control, "depths", queues.depths)
    monkeypatch.setattr(control, "_running", lambda _: None)
    monkeypatch.setattr(control, "_engines", lambda _: SimpleNamespace(rabbitmq=None))
    monkeypatch.setattr(control, "_FOLLOW_SECONDS", 0.0)
    control.autoscale(folder.path, ["notifier.worker", "odds-ingest.worker"], _QUIET, said.append)
    return said


def test_one_kind_is_refused_once_and_the_others_are_followed_up_and_down(
    folder: ServersFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(WANTED, Wanted(_COUNTS))
    burst = {"notifications": 1000, "data_refresh": 150}
    queues = Queues(burst, burst, burst, {}, {})

    said = follow(folder, queues, monkeypatch)

    [refused] = (one for one in said if one.startswith("notifier.worker"))
    assert refused.startswith("notifier.worker: 2, not 16 (1000 waiting): these processes may need")
    assert [one for one in said if one != refused] == [
        "odds-ingest.worker: 2 -> 3 (150 waiting)",
        "odds-ingest.worker: 3 -> 2 (0 waiting)",
    ]


def test_without_services_there_is_nothing_to_follow(folder: ServersFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write(WANTED, Wanted({}))
    with pytest.raises(ServerError, match="no services run in this cluster"):
        follow(folder, Queues({}, {}), monkeypatch)
