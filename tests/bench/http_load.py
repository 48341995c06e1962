"""A bounded load over HTTP/1.1: as many requests as were asked for, over connections that stay open."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

CONNECTIONS = 16
_PATIENCE = 120.0


def request(path: str, **headers: str) -> bytes:
    """A GET as it goes over the wire; `_` in a header's name stands for `-`."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def answers(
    port: int, requests: Iterable[bytes], status: int = 200, connections: int = CONNECTIONS
) -> list[float]:
    """Send them all, each connection one after the other; seconds that each answer took.

    Raises:
        RuntimeError: an answer had another status, or did not come.
    """
    loop = asyncio.get_running_loop()
    waiting, taken = iter(requests), list[float]()
    expected = f"HTTP/1.1 {status} ".encode()
    async with asyncio.timeout(_PATIENCE):
        opened = [
            (await loop.create_connection(lambda: _Connection(expected, waiting, taken), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        try:
            for connection in opened:
                connection.begin()
            await asyncio.gather(*(connection.done for connection in opened))
        finally:
            for connection in opened:
                connection.close()
    return taken


async def body(port: int, asked: bytes) -> bytes:
    """The body of one answer."""
    got: list[bytes] = []
    connection = (
        await asyncio.get_running_loop().create_connection(
            lambda: _Connection(b"HTTP/1.1 200 ", iter([asked]), [], got.append), "127.0.0.1", port
        )
    )[1]
    connection.begin()
    try:
        await connection.done
    finally:
        connection.close()
    return got[0]


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        expected: bytes,
        waiting: Iterable[bytes],
        taken: list[float],
        got: Callable[[bytes], None] | None = None,
    ) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._expected = expected
        self._waiting = iter(waiting)
        self._taken = taken
        self._got = got
        self._buffer = bytearray()
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it

    def begin(self) -> None:
        asked = next(self._waiting, None)
        if asked is None:
            self.done.set_result(None)
            return
        self._begun = time.perf_counter()
        self._transport.write(asked)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + length(self._buffer[:head]):
            return
        if not self._buffer.startswith(self._expected):
            self.done.set_exception(RuntimeError(f"not {self._expected!r}: {bytes(self._buffer[:2000])!r}"))
            return
        self._taken.append(time.perf_counter() - self._begun)
        if self._got is not None:
            self._got(bytes(self._buffer[head + 4 :]))
        self._buffer.clear()
        self.begin()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()


def length(head: bytes | bytearray) -> int:
    """Bytes of the body that these headers announce."""
    at = head.lower().find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])


def p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]
