"""Connections to servers that have just been started: tried until they listen."""

import asyncio

from fixtures.polling import holds_soon

_STREAM_LIMIT = 2**24
"""Bytes of the longest line: a snapshot of the stream is one."""


async def connected(port: int, patience: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To a server on loopback.

    Raises:
        RuntimeError: it does not listen within so many seconds.
    """
    made: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def takes() -> bool:
        try:
            made.append(await asyncio.open_connection("127.0.0.1", port, limit=_STREAM_LIMIT))
        except ConnectionRefusedError:
            return False
        return True

    if not await holds_soon(patience, takes, every=0.05):
        raise RuntimeError(f"nobody listens on port {port} within {patience:g} s")
    return made[0]
