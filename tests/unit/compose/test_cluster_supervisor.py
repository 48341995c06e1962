"""The supervisor goes on, whatever is refused, and no server delays the services."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bet_intel.compose.cluster import supervisor as module
from bet_intel.compose.cluster.engines import SMALL
from bet_intel.compose.cluster.supervisor import Plan, Supervisor
from bet_intel.compose.servers.folder import ServersFolder

_SECONDS = 10.0


class Rounds:
    """Counts them; the first ones find the disk full."""

    def __init__(self, full: int = 0) -> None:
        self.number = 0
        self.five = threading.Event()
        self._full = full

    def __call__(self) -> None:
        self.number += 1
        if self.number >= 5:
            self.five.set()
        if self.number <= self._full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    supervisor = Supervisor(ServersFolder.peek(Path("/nonexistent")), Plan(SMALL, {}))
    yield supervisor
    supervisor.end()


def run(supervisor: Supervisor) -> threading.Thread:
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    return thread


@pytest.mark.parametrize("part", ["_tend_services", "_tend_engines"])
def test_a_full_disk_is_said_once_and_ends_nothing(
    supervisor: Supervisor, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = Rounds(full=3)
    monkeypatch.setattr(supervisor, part, rounds)

    thread = run(supervisor)

    assert rounds.five.wait(_SECONDS)
    supervisor.end()
    thread.join(_SECONDS)
    assert capsys.readouterr().out.count("No space left on device") == 1


def test_a_server_that_takes_its_time_delays_no_service(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, slow = Rounds(), threading.Event()
    monkeypatch.setattr(supervisor, "_tend_services", rounds)
    monkeypatch.setattr(supervisor, "_tend_engines", lambda: slow.wait(_SECONDS))

    thread = run(supervisor)

    assert rounds.five.wait(_SECONDS)
    assert not slow.is_set()
    slow.set()
    supervisor.end()
    thread.join(_SECONDS)
    assert not thread.is_alive()
