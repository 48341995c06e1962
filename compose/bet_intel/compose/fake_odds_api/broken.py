"""Answers that are none: what a client meets when the service, or the way to it, is ill."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bet_intel.compose.fake_odds_api.faults import Fault

_HUGE = 50_000_000
_PIECE = 1 << 16
_FULL = b'[{"id": "0123456789abcdef0123456789abcdef", "sport_key": "baseball_mlb", "home_team": "'


class BrokenAnswer(Response):
    """An ASGI answer that goes wrong in the way of `fault`."""

    def __init__(self, fault: Fault, headers: dict[str, str]) -> None:
        super().__init__()
        self._fault = fault
        self._more_headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._fault is Fault.HANG:
            await _until_gone(receive)
            return
        packed = self._fault in {Fault.CUT_GZIP, Fault.HUGE}
        headers = {
            **self._more_headers,
            "content-type": "application/json",
            **({"content-encoding": "gzip"} if packed else {}),
        }
        if self._fault is Fault.HALF:
            headers["content-length"] = str(10 * len(_FULL))
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        # A server takes what is sent to a client that is gone without a word.
        gone = asyncio.create_task(_until_gone(receive))
        try:
            async for piece in self._pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                if gone.done():
                    return
        finally:
            gone.cancel()
        if self._fault is not Fault.HALF:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        # An answer that is left unfinished: the server closes the connection.

    async def _pieces(self) -> AsyncIterator[bytes]:
        match self._fault:
            case Fault.HALF:
                yield _FULL
            case Fault.NOT_JSON:
                yield b"<html><body>Bad gateway</body></html>"
            case Fault.CUT_GZIP:
                yield gzip.compress(_FULL * 100)[:-20]
            case Fault.HUGE:
                packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
                yield packer.compress(_FULL)
                for _ in range(_HUGE // _PIECE):
                    yield packer.compress(b"a" * _PIECE)
                yield packer.compress(b'"}]') + packer.flush()
            case _:  # Fault.ENDLESS
                while True:
                    yield b" " * _PIECE
                    await asyncio.sleep(0)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
