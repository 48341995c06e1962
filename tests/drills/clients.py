"""The clients of a drill: a bounded load of reads and of writes, and followers of the stream, each with what it saw."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count, pairwise
from uuid import uuid4

import httpx

from drills.pacing import until_moment
from drills.timeline import Timeline

_READS_PER_SECOND = 20
_WRITERS = 2
_WRITE_EVERY = 0.4
_AT_ONCE = 40
_SECONDS = 10.0
"""A request that is not answered by then has failed."""
_SILENCE = 3.0
"""A follower who hears nothing, not even a heartbeat, comes back by another way."""
_PAUSE = 0.1
"""What a client lets pass before it tries again, so that its tries are no load of their own."""
_SHOWN = 3
_PATHS = ("/v1/opportunities?limit=20", "/v1/events?limit=20", "/v1/opportunities?min_ev=0.02&limit=50", "/v1/status")
_EVERYTHING = {"min_ev": "0", "class": "take,marginal,suspect"}


@dataclass(slots=True)
class Reads:
    """So many a second, whatever becomes of those before: nobody waits for a slow one."""

    client: httpx.AsyncClient
    times: Timeline = field(default_factory=Timeline)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, nothing more is asked; what has been asked is waited for."""

    async def run(self) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for number in count():
                if self.enough.is_set():
                    return
                await slots.acquire()
                asked = time.monotonic()
                reading = group.create_task(self._read(_PATHS[number % len(_PATHS)]))
                reading.add_done_callback(lambda _: slots.release())
                await until_moment(asked + 1 / _READS_PER_SECOND)

    async def _read(self, path: str) -> None:
        began = time.monotonic()
        try:
            answer = await self.client.get(path)
        except httpx.TransportError as error:
            self.times.failed.append((time.monotonic(), f"GET {path}: {type(error).__name__} {error}"))
            return
        now = time.monotonic()
        if answer.status_code == 200:
            self.times.succeeded(began, now, f"GET {path}")
        else:
            self.times.failed.append((now, f"GET {path}: {answer.status_code}"))


@dataclass(slots=True)
class Writes:
    """Subscriptions, paused, so that nothing comes of them. Each is asked for under its key until it is acknowledged,
    and then read with its token."""

    client: httpx.AsyncClient
    times: Timeline = field(default_factory=Timeline)
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Ids by key."""
    stale: list[str] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """As of the reads."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WRITERS):
                group.create_task(self._write_on())

    async def _write_on(self) -> None:
        while not self.enough.is_set():
            began = time.monotonic()
            await self._write(f"drill-{uuid4()}")
            await until_moment(began + _WRITE_EVERY)

    async def _write(self, key: str) -> None:
        body = {"name": key, "status": "paused", "webhook": {"url": "http://127.0.0.1:9/hook"}}
        began = time.monotonic()
        while True:
            try:
                answer = await self.client.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                problem = f"{type(error).__name__} {error}"
            else:
                if answer.status_code == 201:
                    break
                problem = str(answer.status_code)
            self.times.failed.append((time.monotonic(), f"POST /v1/subscriptions: {problem}"))
            if self.enough.is_set():
                return
            await asyncio.sleep(_PAUSE)
            began = time.monotonic()
        self.times.succeeded(began, time.monotonic())
        id = answer.json()["id"]
        self.acknowledged[key] = id
        await self._read_own(id, answer.headers["Read-After"])

    async def _read_own(self, id: str, token: str) -> None:
        try:
            answer = await self.client.get(f"/v1/subscriptions/{id}", headers={"Read-After": token})
        except httpx.TransportError:
            return  # the reads say how often that is so
        if answer.status_code == 404:
            self.stale.append(id)


@dataclass(slots=True)
class Heard:
    """What one follower was told, in its order."""

    times: Timeline = field(default_factory=Timeline)
    seqs: list[int] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    """Why it was given one."""
    last: str | None = None
    start: int = 0
    """Where its first snapshot stood."""
    position: int = 0
    """Up to where it has heard everything."""
    covered: list[tuple[int, int]] = field(default_factory=list)
    """From where to where a later snapshot showed what had been told meanwhile."""

    def hear(self, name: str, id: str, data: str) -> None:
        if name == "snapshot" and id:
            self.snapshots.append(data[:60])
        if not id:
            return
        seq = int(id.partition("-")[2])
        if self.last is None:
            self.start = seq
        elif name == "snapshot":
            self.covered.append((self.position + 1, seq))
        self.last = id
        if name not in ("heartbeat", "snapshot"):
            self.seqs.append(seq)
            self.times.done.append(time.monotonic())
        self.position = seq

    def faults(self, name: str, told: Collection[int], *, anew: bool) -> list[str]:
        """What is wrong with what it heard against what there was to tell: gaps, repeats, and needless snapshots; it
        may have to begin `anew` once."""
        found = []
        needless = len(self.snapshots) - 1 - anew
        if needless > 0:
            found.append(f"{name} was given {needless} snapshots more: {self.snapshots[-1]}")
        repeats = [other for one, other in pairwise(self.seqs) if other <= one]
        if repeats:
            found.append(f"{name} heard again what it had heard: {repeats[:_SHOWN]}")
        untold = set(told).difference(self.seqs, *(range(first, last + 1) for first, last in self.covered))
        missing = sorted(seq for seq in untold if self.start < seq <= self.position)
        if missing:
            found.append(f"{name} missed {len(missing)} events: {missing[:_SHOWN]}")
        return found


@dataclass(slots=True)
class Follower:
    """Follows everything, and comes back with its last id when the stream ends or falls silent."""

    client: httpx.AsyncClient
    heard: Heard = field(default_factory=Heard)

    async def run(self) -> None:
        while True:
            headers = {} if self.heard.last is None else {"Last-Event-ID": self.heard.last}
            try:
                async with self.client.stream(
                    "GET",
                    "/v1/stream",
                    params=_EVERYTHING,
                    headers=headers,
                    timeout=httpx.Timeout(_SECONDS, read=_SILENCE),
                ) as answer:
                    if answer.status_code == 200:
                        await self._listen(answer)
                    else:
                        await answer.aread()
            except httpx.TransportError:
                pass  # the next one goes on
            await asyncio.sleep(_PAUSE)

    async def _listen(self, answer: httpx.Response) -> None:
        name, id, data = "", "", ""
        async for line in answer.aiter_lines():
            if line:
                kind, _, value = line.partition(":")
                value = value.removeprefix(" ")
                name, id, data = (
                    (value, id, data) if kind == "event" else (name, value, data) if kind == "id" else (name, id, value)
                )
            elif name:
                self.heard.hear(name, id, data)
                name, id, data = "", "", ""
