"""Row 15: what it costs the gateway to tell one follower of the stream, beside a server that only sends."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import cast

import uvloop

from bench.callers import caller
from bench.connecting import connected
from bench.gateway import wait_for
from bench.http_load import p99, request
from bench.measure import Figure
from bench.servers import connector
from bench.system import System, system
from bench.worker import Worker
from bet_intel.compose.servers.ports import free_ports
from bet_intel.shared.rabbitmq.bus import RabbitBus
from fixtures.api_messages import Market, Offer, odds_changed, opportunities_updated

_FOLLOWERS = 1_000
_TOLD = 10
_PATIENCE = 120.0
_STREAM = "/v1/stream?type=opportunity.opened,opportunity.updated&min_ev=0"


def run(rounds: int) -> Sequence[Figure]:
    with system() as started, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(started, rounds))


async def _measure(started: System, rounds: int) -> Sequence[Figure]:
    async with _gateway(started) as ours, _sender(started, await ours.frame()) as bare:
        for number in range(-1, rounds):
            for one in (ours, bare) if number % 2 else (bare, ours):
                await one.turn(counts=number >= 0)
    dearer = median(own / theirs for own, theirs in zip(ours.seconds, bare.seconds, strict=True))
    detail = f"{median(ours.seconds) * 1e6:.0f} µs a delivery, {median(bare.seconds) * 1e6:.0f} of who only sends"
    late, sent = (median(p99(times) for times in one.late) * 1e3 for one in (ours, bare))
    return [
        Figure("CPU per delivery, against who only sends", dearer, 1.15, at_least=False, detail=detail),
        Figure(
            f"p99 of {_FOLLOWERS:,} followers, from the change on",
            late,
            50,
            at_least=False,
            unit="ms",
            detail=f"{sent:.0f} of who only sends",
            is_latency=True,
        ),
    ]


@dataclass(slots=True)
class _Streams:
    """Followers of a server; per turn the CPU of a delivery, and how long after the change each one was told."""

    process: Worker
    tell: Callable[[], Awaitable[None]]
    followers: Sequence["_Follower"]
    seconds: list[float] = field(default_factory=list)
    late: list[list[float]] = field(default_factory=list)

    async def frame(self) -> bytes:
        """One event as a follower gets it."""
        await self._told()
        return self.followers[0].last

    async def turn(self, *, counts: bool) -> None:
        before = self.process.seconds()
        late: list[float] = []
        for _ in range(_TOLD):
            late += await self._told()
        spent = self.process.seconds() - before
        if counts:
            self.seconds.append(spent / (_TOLD * len(self.followers)))
            self.late.append(late)

    async def _told(self) -> Sequence[float]:
        arrivals = [follower.expect() for follower in self.followers]
        begin = time.perf_counter()
        await self.tell()
        async with asyncio.timeout(_PATIENCE):
            times = await asyncio.gather(*arrivals)
        return [arrival - begin for arrival in times]


class _Follower(asyncio.Protocol):
    """Reads events; what else comes is let pass."""

    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self.begins: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.last = b""
        self._arrival: asyncio.Future[float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it
        self.transport.write(self._asked)

    def connection_lost(self, _error: Exception | None) -> None:
        for awaited in (self.begins, self._arrival):
            if awaited is not None and not awaited.done():
                awaited.set_exception(RuntimeError(f"the stream has ended: {self.last[:500]!r}"))

    def leave(self) -> None:
        """What has not come is not waited for any more."""
        for awaited in (self.begins, self._arrival):
            if awaited is not None:
                awaited.cancel()
        self.transport.close()

    def expect(self) -> "asyncio.Future[float]":
        self._arrival = asyncio.get_running_loop().create_future()
        return self._arrival

    def data_received(self, data: bytes) -> None:
        if not self.begins.done():
            # What changes before it, a follower is told of by the snapshot, and not as a change.
            self.last += data
            if not self.last.startswith(b"HTTP/1.1 200 "[: len(self.last)]):
                self.begins.set_exception(RuntimeError(f"no stream: {self.last[:500]!r}"))
            elif b"event: snapshot" in self.last:
                self.begins.set_result(None)
            return
        at = data.find(b"event: opportunity.")
        if at >= 0 and self._arrival is not None and not self._arrival.done():
            self.last = data[data.rfind(b"\n", 0, at) + 1 :].split(b"\n\n", 1)[0] + b"\n\n"
            self._arrival.set_result(time.perf_counter())


@asynccontextmanager
async def _gateway(started: System) -> AsyncIterator[_Streams]:
    process, port = started.start("api.serve")
    started.start("api.consume")
    await asyncio.to_thread(started.wait_for_consumers, "api.opportunities-updated", 1)
    await wait_for(port)
    bus = RabbitBus(connector(started.broker))
    await bus.publish(odds_changed(Market()))
    revision = 0

    async def tell() -> None:
        nonlocal revision
        revision += 1
        await bus.publish(opportunities_updated(Offer(ev=0.05 + revision / 1e5), revision=revision))

    try:
        # Who has no key has no streams.
        async with _followers(port, await caller(started, port)) as followers:
            yield _Streams(process, tell, followers)
    finally:
        await bus.close()


@asynccontextmanager
async def _sender(started: System, frame: bytes) -> AsyncIterator[_Streams]:
    port = next(free_ports())
    process = started.peer("bench.http_peers", "sender", str(port))
    posted = f"POST / HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(frame)}\r\n\r\n".encode() + frame
    reader, writer = await connected(port, _PATIENCE)

    async def tell() -> None:
        writer.write(posted)
        await reader.readuntil(b"\r\n\r\n")

    try:
        async with _followers(port, {}) as followers:
            yield _Streams(process, tell, followers)
    finally:
        writer.close()


@asynccontextmanager
async def _followers(port: int, key: Mapping[str, str]) -> AsyncIterator[Sequence[_Follower]]:
    loop, asked = asyncio.get_running_loop(), request(_STREAM, **key)
    found = [(await loop.create_connection(lambda: _Follower(asked), "127.0.0.1", port))[1] for _ in range(_FOLLOWERS)]
    try:
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(one.begins for one in found))
        yield found
    finally:
        for one in found:
            one.leave()
