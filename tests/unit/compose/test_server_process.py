"""A process of a server is ended without harm to its successor, and its ports are nobody else's."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bet_intel.compose.cluster.fleet import own_account
from bet_intel.compose.servers import ports
from bet_intel.compose.servers.processes import Process, ServerProcess

_SLEEP = ["/bin/sleep", "60"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path, "server", own_account())
    server.start(_SLEEP)
    yield server
    server.kill()


def test_what_was_killed_is_gone(server: ServerProcess) -> None:
    pid = server.find()
    assert pid is not None

    server.kill()

    assert server.find() is None
    now = Process.of(pid)
    assert now is None or not now.runs


def test_what_outlived_it_is_ended_before_it_is_started_again(tmp_path: Path) -> None:
    """As RabbitMQ's node does when the script that has started it is killed."""
    server = ServerProcess(tmp_path, "script", own_account())
    server.start(["/bin/sh", "-c", "/bin/sleep 60 & wait"])
    script = server.find()
    assert script is not None
    deadline = time.monotonic() + 10
    while not (nodes := [one for one in Process.all() if one.parent == script]):
        assert time.monotonic() < deadline
    descriptor = os.pidfd_open(script)
    os.kill(script, signal.SIGKILL)
    select.select([descriptor], [], [], 10)
    os.close(descriptor)
    assert all(one.still_runs for one in nodes)

    server.start(_SLEEP)

    assert not any(one.still_runs for one in nodes)
    assert server.find() not in (None, script)
    server.kill()


def test_who_is_started_while_another_is_killed_lives_and_is_found(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor that sees a dead server starts it at once, before its killer has looked whether it is dead."""
    victim = server.find()
    kill = os.kill

    def kill_and_restart(pid: int, number: int) -> None:
        monkeypatch.setattr(os, "kill", kill)
        ended = os.pidfd_open(pid)
        kill(pid, number)
        assert select.select([ended], [], [], 10)[0]
        os.close(ended)
        server.start(_SLEEP)

    monkeypatch.setattr(os, "kill", kill_and_restart)
    server.kill()

    assert server.find() not in (None, victim)


def test_servers_that_start_side_by_side_are_given_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each listens on its own only later: that it is free now is not enough."""
    monkeypatch.setattr(ports, "_FIRST", 22_000)
    monkeypatch.setattr(ports, "_LAST", 22_100)

    sides = [ports.free_ports() for _ in range(5)]
    given = [next(side) for _ in range(6) for side in sides]

    assert len(set(given)) == 30


_ASKS = """
import sys
from bet_intel.compose.servers import ports
ports._FIRST, ports._LAST = 11_900, 11_960
print(*[port for port, _ in zip(ports.free_ports(), range(10))], flush=True)
sys.stdin.read()
"""


def test_servers_that_two_processes_start_are_given_different_ports() -> None:
    """Each of which its server can listen on."""
    with ExitStack() as stack:
        asking = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _ASKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(2)
        ]
        given = [int(port) for one in asking if one.stdout is not None for port in one.stdout.readline().split()]
        for port in given:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))

    assert len(set(given)) == len(given) == 20
