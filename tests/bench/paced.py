"""A load over HTTP/1.1 at a rate: each request is sent when its time has come, whether those before are answered."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

from bench.http_load import length

_CONNECTIONS = 16
_PATIENCE = 60.0


class Answered(NamedTuple):
    """`seconds` are from when it was to be sent, so that who waits for a connection has waited too."""

    status: int
    seconds: float


async def paced(port: int, asked: bytes, number: int, rate: float) -> Sequence[Answered]:
    """The answers to so many of the same request, `rate` a second."""
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[_Line] = asyncio.Queue()
    lines = [(await loop.create_connection(_Line, "127.0.0.1", port))[1] for _ in range(_CONNECTIONS)]
    for line in lines:
        free.put_nowait(line)
    begin = time.perf_counter()

    async def one(place: int) -> Answered:
        due = begin + place / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))  # the rate is what is asked for
        line = await free.get()
        status = await line.ask(asked)
        free.put_nowait(line)
        return Answered(status, time.perf_counter() - due)

    try:
        async with asyncio.timeout(_PATIENCE):
            return await asyncio.gather(*(one(place) for place in range(number)))
    finally:
        for line in lines:
            line.close()


class _Line(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it

    async def ask(self, asked: bytes) -> int:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(asked)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + length(self._buffer[:head]) or self._answer is None:
            return
        self._answer.set_result(int(self._buffer.split(b" ", 2)[1]))
        self._buffer.clear()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(RuntimeError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()
