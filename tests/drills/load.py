"""The clients of a drill in a process of their own.

What they measure must not wait for what the drill does meanwhile: a thread that starts a program holds up every other
one of its process until the program runs, which on a busy machine takes tenths of a second.

``python -m drills.load URL`` asks until it reads a line ``end``, says ``ended`` when all that it asked is answered, and
``told`` with everything it found when it reads ``tell``. In between it says how far its followers have heard.
"""

import asyncio
import os
import sys
import traceback
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from bet_intel.compose.servers.processes import ServerError
from drills.clients import Follower, Heard, Reads, Writes
from drills.timeline import Timeline

_Answer = TypeVar("_Answer")
_TESTS = Path(__file__).parents[1]
_FOLLOWERS = 3
_SAY_SECONDS = 0.2
"""How often it is told how far the followers are: the drill waits for that, and is not to wait for long."""
_ANSWER_SECONDS = 60.0
_LINE_BYTES = 2**26
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)


@dataclass(slots=True)
class Found:
    """What a load came to."""

    reads: Timeline = field(default_factory=Timeline)
    writes: Timeline = field(default_factory=Timeline)
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Ids of what was written, by key."""
    stale: list[str] = field(default_factory=list)
    """Ids of what a read with its token did not show."""
    followers: list[Heard] = field(default_factory=list)


class _Said(msgspec.Struct, omit_defaults=True):
    """A line of the load's process."""

    positions: list[int] = []
    ended: bool = False
    told: Found | None = None


class Load:
    """The other process, as the drill sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.positions: list[int] = []
        """Up to where each follower has heard everything."""
        self._ended = asyncio.Event()
        self._told: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.ensure_future(self._listen())

    async def end(self) -> None:
        """No more reads and writes; returns when those under way are answered.

        Raises:
            ServerError: the process is gone, or does not answer.
        """
        await self._answer("end", self._ended.wait())

    async def found(self) -> Found:
        """Everything, from all of them.

        Raises:
            ServerError: the process is gone, or does not answer.
        """
        return await self._answer("tell", asyncio.shield(self._told))

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await asyncio.wait({self._listening})

    async def _answer(self, asked: str, answer: Awaitable[_Answer]) -> _Answer:
        assert self._process.stdin is not None
        waiting = asyncio.ensure_future(answer)
        try:
            self._process.stdin.write(f"{asked}\n".encode())
            async with asyncio.timeout(_ANSWER_SECONDS):
                await asyncio.wait({waiting, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise ServerError(f"the load's process does not answer within {_ANSWER_SECONDS:g} s") from None
        finally:
            if not waiting.done():
                waiting.cancel()
        if not waiting.done() or waiting.cancelled():
            self._listening.result()  # what it said may not have been understood
            raise ServerError("the load's process ended before its end")
        return waiting.result()

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = msgspec.json.decode(line, type=_Said)
            self.positions = said.positions or self.positions
            if said.ended:
                self._ended.set()
            if said.told is not None:
                self._told.set_result(said.told)


@asynccontextmanager
async def loading(url: str) -> AsyncIterator[Load]:
    """Reads, writes and followers at work on the gateway at `url`."""
    arguments = (sys.executable, "-m", "drills.load", url)
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    # In a session of its own: whoever interrupts us is answered by us.
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=PIPE, stdout=PIPE, limit=_LINE_BYTES, env=environment, start_new_session=True
    )
    load = Load(process)
    try:
        yield load
    finally:
        await load.close()


async def _work(url: str) -> None:
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10, limits=_LIMITS) as client:
        reads, writes = Reads(client), Writes(client)
        followers = [Follower(client) for _ in range(_FOLLOWERS)]
        asking = [asyncio.create_task(one.run()) for one in (reads, writes)]
        others = [asyncio.create_task(one.run()) for one in followers]
        others.append(asyncio.create_task(_say_positions(followers)))
        for task in (*asking, *others):
            task.add_done_callback(_end_of)
        # Its end is the end of who started us.
        async for order in orders:
            if order == b"end\n":
                reads.enough.set()
                writes.enough.set()
                await asyncio.gather(*asking)
                _say(_Said(ended=True))
            else:
                heard = [one.heard for one in followers]
                _say(_Said(told=Found(reads.times, writes.times, writes.acknowledged, writes.stale, heard)))
        for task in (*asking, *others):
            task.cancel()
        await asyncio.wait({*asking, *others})


def _end_of(task: asyncio.Task[None]) -> None:
    """A client that fails ends the process, which says why: nobody is to wait for what does not come."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(1)


async def _say_positions(followers: list[Follower]) -> None:
    while True:
        _say(_Said(positions=[one.heard.position for one in followers]))
        await asyncio.sleep(_SAY_SECONDS)


def _say(said: _Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1]))
