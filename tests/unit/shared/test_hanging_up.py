"""A connection that is given up leaves nothing under way."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from unittest.mock import Mock

import pytest
import uvloop

from bet_intel.shared.postgres.connections import hang_up

_MORE_THAN_IS_UNDER_WAY = 8 * 2**20


@dataclass
class _Connection:
    """As the driver's: a transport, and a way to abort it."""

    _transport: asyncio.Transport

    def terminate(self) -> None:
        self._transport.abort()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """The services run on uvloop."""
    with asyncio.Runner(loop_factory=request.param) as opened:
        yield opened


def test_a_server_that_reads_again_is_not_told_what_was_still_to_be_sent(runner: asyncio.Runner) -> None:
    """As when the network is back: else a commit that nobody waits for any more would be done."""
    runner.run(_hangs_up_in_the_middle())


async def _hangs_up_in_the_middle() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, *listening.getsockname())
    server, _ = listening.accept()
    with listening, server:
        transport.write(bytes(_MORE_THAN_IS_UNDER_WAY))
        hang_up(cast("Any", _Connection(transport)))
        await asyncio.sleep(0)  # a turn of the loop, in which the socket is closed
        server.settimeout(10)
        with pytest.raises(ConnectionResetError):
            await asyncio.to_thread(_read_all, server)


def _read_all(server: socket.socket) -> None:
    while server.recv(2**16):
        pass


def test_one_that_is_closed_already_may_be_given_up(runner: asyncio.Runner) -> None:
    runner.run(_hangs_up_what_is_closed())


async def _hangs_up_what_is_closed() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    server, _ = listening.accept()
    with listening:
        server.close()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        hang_up(cast("Any", _Connection(cast("asyncio.Transport", writer.transport))))


class _Gone:
    """uvloop's socket of a connection whose peer has just gone."""

    def setsockopt(self, *_: object) -> None:
        raise ValueError("negative file descriptor")


def test_one_whose_peer_has_just_gone_may_be_given_up() -> None:
    transport = Mock(**{"get_extra_info.return_value": _Gone()})
    hang_up(cast("Any", _Connection(transport)))
    transport.abort.assert_called_once_with()
