"""A stream of server-sent events as an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bet_intel.api.fanout import Outlet
from bet_intel.api.whole_writes import cycle_in

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx is not to wait until it has a buffer full.
    (b"x-accel-buffering", b"no"),
]


class StreamResponse(Response):
    """What is in `place` writes the stream, until it ends or the client is gone. Who takes nothing is disconnected by
    whoever holds the connection (`protocol.Protocol.unread_seconds`)."""

    def __init__(self, place: AbstractContextManager[Callable[[Outlet], Awaitable[None]]]) -> None:
        super().__init__()
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": _HEADERS}
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        with self._place as follow:
            await send(start)
            await _follow(follow(_Sent(send, cycle_in(scope))), receive, send)


async def _follow(stream: Awaitable[None], receive: Receive, send: Send) -> None:
    following = asyncio.ensure_future(stream)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({following, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (following, leaving):
            one.cancel()
        await asyncio.wait({following, leaving})
    if not following.cancelled():
        following.result()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Sent:
    """By `send`, or past it where there is nothing to wait for: what stands between it and the connection looks at the
    beginning of an answer alone, and costs as much for each piece as the writing of it."""

    def __init__(self, send: Send, cycle: RequestResponseCycle | None) -> None:
        self._send = send
        self._cycle = cycle

    async def send(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    def write(self, chunk: bytes) -> bool:
        cycle = self._cycle
        if cycle is None or not cycle.chunked_encoding or cycle.disconnected or cycle.flow.write_paused:
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        return True


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
