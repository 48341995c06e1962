"""Followers that have heard everything: what is new is written to all of them, one after the other.

A follower who keeps up needs no task of his own for that: he is told in the turn of whoever found the news, in bytes
that are made once for all who ask for the same. Who does not take them at once is let go: he reads on by himself, at
the speed at which his connection takes it.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bet_intel.api.domain.accounts import Caller
from bet_intel.api.feed import Entry, FeedId, FeedTail
from bet_intel.api.following import Wanted
from bet_intel.shared.service_metrics import Hops
from bet_intel.shared.times import Monotonic

_BATCH = 100
_AT_ONCE = 50
"""Followers that are written to before others of this process have a turn: a few milliseconds."""


class Outlet(Protocol):
    """Where one follower's stream goes."""

    async def send(self, chunk: bytes) -> None:
        """Write, when his connection takes it."""
        ...

    def write(self, chunk: bytes) -> bool:
        """Write at once, or nothing of it: False where his connection takes no more for now, or cannot be written to
        in this way."""
        ...


@dataclass(slots=True, eq=False)
class _Follower:
    """`at` is what he was told up to; `let_go` is done when he is to read on by himself, and `misses` a heartbeat
    then."""

    caller: Caller
    outlet: Outlet
    at: FeedId
    let_go: "asyncio.Future[None]"
    misses: bool = False

    def release(self) -> None:
        if not self.let_go.done():
            self.let_go.set_result(None)


class _News(NamedTuple):
    """What is behind a place: as bytes, the place that they end at, and the last entry where they tell of any."""

    chunk: bytes
    at: FeedId
    told: Entry | None


@dataclass(slots=True)
class Fanout:
    """`frames` makes bytes of entries behind a place, `heartbeat` of a place; `holds` tells whether a follower may
    still follow. `run` works until cancelled, or the tail is closed."""

    tail: FeedTail
    frames: Callable[[Collection[Entry], FeedId, Wanted], bytes]
    heartbeat: Callable[[FeedId, Wanted], bytes]
    heartbeat_seconds: float
    holds: Callable[[Caller], bool]
    monotonic: Monotonic
    hops: Hops
    _groups: dict[Wanted, set[_Follower]] = field(default_factory=dict)
    """By what they asked for: what is new is the same for all of a group."""

    async def follow(self, wanted: Wanted, caller: Caller, outlet: Outlet, at: FeedId) -> tuple[FeedId, bool]:
        """Be told what comes behind `at` until it has to be read by oneself; returns what was told up to, and whether
        a heartbeat is due that was not told."""
        follower = _Follower(caller, outlet, at, asyncio.get_running_loop().create_future())
        group = self._groups.setdefault(wanted, set())
        group.add(follower)
        try:
            await follower.let_go
        finally:
            group.discard(follower)
            if not group and self._groups.get(wanted) is group:
                del self._groups[wanted]
        return follower.at, follower.misses

    def close(self) -> None:
        """Let everybody go, also where nobody tells them any more."""
        for group in self._groups.values():
            for follower in group:
                follower.release()

    async def run(self) -> None:
        due = self.monotonic() + self.heartbeat_seconds
        at, nudges = self.tail.place, self.tail.nudges
        while not self.tail.closed:
            await self.tail.moved(at, max(0.0, due - self.monotonic()), nudges)
            # Of before the round: what happens within it has not met those who were told by then.
            at, nudges = self.tail.place, self.tail.nudges
            beats = self.monotonic() >= due
            if beats:
                due = self.monotonic() + self.heartbeat_seconds
            await self._round(beats=beats)
        self.close()

    async def _round(self, *, beats: bool) -> None:
        told = 0
        for wanted in tuple(self._groups):
            news: dict[FeedId, _News | None] = {}
            for follower in tuple(self._groups.get(wanted, ())):
                if follower.at not in news:
                    news[follower.at] = self._news(follower.at, wanted, beats=beats)
                self._tell(follower, news[follower.at], beats=beats)
                told += 1
                if told % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            for new in news.values():
                if new is not None and new.told is not None:
                    self.hops.reached("client", new.told.as_of)

    def _tell(self, follower: _Follower, new: _News | None, *, beats: bool) -> None:
        if follower.let_go.done():
            return
        if not self.holds(follower.caller):
            follower.release()
        elif new is None or (new.chunk and not follower.outlet.write(new.chunk)):
            follower.misses = beats
            follower.release()
        else:
            follower.at = new.at

    def _news(self, at: FeedId, wanted: Wanted, *, beats: bool) -> _News | None:
        """None where it has to be looked up, or is more than one write."""
        entries = self.tail.after(at, _BATCH)
        if entries is None or len(entries) == _BATCH:
            return None
        end = FeedId(at.epoch, entries[-1].seq) if entries else at
        chunk = self.frames(entries, at, wanted) if entries else b""
        return _News(chunk + self.heartbeat(end, wanted) if beats else chunk, end, entries[-1] if chunk else None)
