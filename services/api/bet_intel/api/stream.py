"""One follower's stream: where it begins, what it is told, and when it is told to begin anew.

The feed's numbering is the same on every gateway, so a follower may go on at any of them. Nobody keeps a queue for him:
he reads from the entries that the tail keeps, at the speed at which his connection takes them; where he has read all,
`fanout` tells him what comes.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as Count

from bet_intel.api import read_model
from bet_intel.api.answers import Combination, Opportunity
from bet_intel.api.combination_members import Staking, listed
from bet_intel.api.combination_reads import CombinationFilter, combinations
from bet_intel.api.domain.accounts import Caller
from bet_intel.api.fanout import Fanout, Outlet
from bet_intel.api.feed import Entry, FeedId, FeedTail, entry
from bet_intel.api.following import COMBINATIONS, Wanted, frame, told
from bet_intel.api.members import members
from bet_intel.api.problems import NoPlaceError
from bet_intel.api.shared_reads import SharedReads
from bet_intel.api.stream_events import OpportunitySnapshot, StreamHeartbeat
from bet_intel.shared.postgres import Database, DatabaseUnavailableError, Reader
from bet_intel.shared.service_metrics import Hops
from bet_intel.shared.times import Monotonic

_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_BATCH = 100
_PAGE = 500
_PART = 200
_EVERY_OPPORTUNITY = 1_000_000
_COME_BACK_AFTER = 5.0
_REPLICA_BEHIND = 0.05

_log = structlog.get_logger(__name__)

START = "start"
UNKNOWN_POSITION = "unknown_position"
TOO_OLD = "too_old"
TOO_SLOW = "too_slow"


@dataclass(frozen=True, slots=True)
class Streaming:
    """How streams go, in seconds and milliseconds: pause between heartbeats, how long a follower whose id is ahead of
    this gateway's database is kept waiting, and when a client shall come back after a lost connection. `followers` are
    the most at once, `reads` the connections of the database that they hold together."""

    heartbeat_seconds: float = 10.0
    ahead_seconds: float = 10.0
    retry_ms: int = 2000
    followers: int = 1000
    reads: int = 4


class Streams:
    """All followers of one gateway."""

    def __init__(
        self,
        database: Database,
        tail: FeedTail,
        streaming: Streaming,
        monotonic: Monotonic,
        registry: CollectorRegistry,
        hops: Hops,
        holds: Callable[[Caller], bool],
    ) -> None:
        """`holds` tells whether a follower may still follow."""
        self._holds = holds
        self._of: Counter[str] = Counter()
        self._hops = hops
        self._database = database
        self._tail = tail
        self._streaming = streaming
        self._monotonic = monotonic
        self._open = 0
        self._followers = Gauge("bet_intel_api_stream_followers", "Streams that are open.", registry=registry)
        self._followers.set_function(lambda: self._open)
        seconds = streaming.heartbeat_seconds
        self._fanout = Fanout(tail, _frames, self._heartbeat, seconds, holds, monotonic, hops)
        self._snapshots = Count(
            "bet_intel_api_stream_snapshots", "Snapshots given to followers.", ["reason"], registry=registry
        )
        # After a gateway was lost all its followers come at once, most of them with the same question.
        room = asyncio.Semaphore(streaming.reads)
        self._shown = SharedReads(self._read_snapshot, room)
        self._pages = SharedReads(self._read_page, room)

    async def run(self) -> None:
        """Tell followers what is new, until cancelled or the tail is closed."""
        await self._fanout.run()

    def close(self) -> None:
        """Let every stream end, once the tail is closed."""
        self._fanout.close()

    def follow(
        self, wanted: Wanted, last_event_id: str | None, caller: Caller
    ) -> AbstractContextManager[Callable[[Outlet], Awaitable[None]]]:
        """A place for a new follower, and in it what writes his stream into an outlet, to its end. Enter it without
        waiting for anything: until then the place is not taken.

        Raises:
            NoPlaceError: this gateway has as many as it takes, or as the caller may have.
        """
        if self._of[caller.counted_as] >= caller.tier.streams:
            told = f"Your tier has {caller.tier.streams} streams at once, which are open: end one of them."
            raise NoPlaceError(told, _COME_BACK_AFTER)
        if self._open >= self._streaming.followers:
            raise NoPlaceError("This gateway has as many streams as it takes; try again shortly.", _COME_BACK_AFTER)
        return self._place(caller, partial(self._write, wanted, last_event_id, caller))

    @contextmanager
    def _place(
        self, caller: Caller, write: Callable[[Outlet], Awaitable[None]]
    ) -> Iterator[Callable[[Outlet], Awaitable[None]]]:
        self._open += 1
        self._of[caller.counted_as] += 1
        try:
            yield write
        finally:
            self._open -= 1
            self._of[caller.counted_as] -= 1
            if not self._of[caller.counted_as]:
                del self._of[caller.counted_as]

    async def _write(self, wanted: Wanted, last_event_id: str | None, caller: Caller, outlet: Outlet) -> None:
        try:
            await self._stream(wanted, last_event_id, caller, outlet)
        except (DatabaseUnavailableError, TimeoutError) as error:
            # The answer has begun: its end tells the client to come back with its id.
            _log.warning("stream ended", reason=str(error) or type(error).__name__)

    async def _stream(self, wanted: Wanted, last_event_id: str | None, caller: Caller, outlet: Outlet) -> None:
        await outlet.send(f"retry: {self._streaming.retry_ms}\n\n".encode())
        at, reason = await self._beginning(last_event_id)
        is_live = False
        due = self._monotonic() + self._streaming.heartbeat_seconds
        # A revoked key, or another tier, ends it: whoever comes back is told what he sees then.
        while not self._tail.closed and self._holds(caller):
            if at is None:
                at, parts = await self._snapshot(wanted, reason)
                for part in parts:
                    await outlet.send(part)
                is_live = False
            entries = self._tail.after(at, _BATCH)
            if entries is None:
                entries = None if is_live else await self._stored(at)
                if entries is None:
                    # Of an entry that is not kept nobody can be told, only of what is now.
                    reason = self._why(at, is_live=is_live)
                    at = None
                    continue
            else:
                is_live = len(entries) < _BATCH
            if entries:
                chunk = _frames(entries, at, wanted)
                at = FeedId(at.epoch, entries[-1].seq)
                if chunk:
                    await outlet.send(chunk)
                    if is_live:
                        self._hops.reached("client", entries[-1].as_of)
            if self._monotonic() >= due:
                await outlet.send(self._heartbeat(at, wanted))
                due = self._monotonic() + self._streaming.heartbeat_seconds
            elif not entries and is_live:
                at, is_due = await self._fanout.follow(wanted, caller, outlet, at)
                due = self._monotonic() + (0.0 if is_due else self._streaming.heartbeat_seconds)
            elif not entries:
                await self._tail.moved(at, max(0.0, due - self._monotonic()))

    async def _beginning(self, last_event_id: str | None) -> tuple[FeedId | None, str]:
        """Where to go on, or why to begin with a snapshot."""
        if last_event_id is None:
            return None, START
        match = _ID.fullmatch(last_event_id)
        if match is None:
            return None, UNKNOWN_POSITION
        at = FeedId(int(match[1]), int(match[2]))
        deadline = self._monotonic() + self._streaming.ahead_seconds
        while not self._tail.closed:
            known = self._tail.place
            if at.epoch < known.epoch:
                return None, UNKNOWN_POSITION
            if at <= known:
                return at, ""
            # Another gateway's database was ahead of this one's: it will be here in a moment.
            left = deadline - self._monotonic()
            if left <= 0:
                return None, UNKNOWN_POSITION
            await self._tail.moved(known, left)
        return at, ""

    async def _snapshot(self, wanted: Wanted, reason: str) -> tuple[FeedId, list[bytes]]:
        self._snapshots.labels(reason).inc()
        return await self._shown((wanted, reason))

    async def _read_snapshot(self, question: tuple[Wanted, str]) -> tuple[FeedId, list[bytes]]:
        wanted, reason = question
        shown: list[Opportunity] = []
        async with self._database.snapshot() as connection:
            now = await read_model.position(connection)
            if any(kind.startswith("opportunity.") for kind in wanted.kinds):
                rows = await read_model.opportunities(connection, wanted.which, "ev", None, _EVERY_OPPORTUNITY)
                shown = [Opportunity(**members(row, wanted.odds_format)) for row in rows]
            combined = await self._combined(connection, wanted)
        id = FeedId(now.epoch, now.seq)
        cut = [shown[start : start + _PART] for start in range(0, len(shown), _PART)] or [[]]
        return id, [
            frame(
                "snapshot",
                OpportunitySnapshot(reason, number, len(cut), now.as_of, part, combined if number == len(cut) else []),
                id if number == len(cut) else None,
                wanted.times,
            )
            for number, part in enumerate(cut, 1)
        ]

    async def _combined(self, connection: Reader, wanted: Wanted) -> list[Combination]:
        """What is open of the kinds whose events are wanted."""
        kinds = tuple(kind for kind in COMBINATIONS if any(one.startswith(f"{kind}.") for one in wanted.kinds))
        if not kinds:
            return []
        which = wanted.which
        classes = tuple({"take", "marginal", "no_ev", *which.classes}) if which.classes else ()
        chosen = CombinationFilter(
            kinds,
            which.profile,
            classes,
            which.sports,
            which.leagues,
            which.event,
            which.markets,
            which.bookmakers,
            wanted.least_combined_ev,
            starts_before=which.starts_before,
            view=which.view,
        )
        rows = await combinations(connection, chosen, None, _EVERY_OPPORTUNITY)
        return listed(rows, wanted.odds_format, Staking())

    async def _stored(self, at: FeedId) -> list[Entry] | None:
        """The next entries behind `at` as the database has them; None where they are not there any more."""
        entries = await self._pages(at)
        if entries is not None and not entries:
            # This replica has not come as far yet.
            await asyncio.sleep(_REPLICA_BEHIND)
        return entries

    async def _read_page(self, at: FeedId) -> list[Entry] | None:
        async with self._database.snapshot() as connection:
            now = await read_model.position(connection)
            if now.epoch != at.epoch:
                return None
            rows = await read_model.feed_entries(connection, at.seq, _PAGE)
        if now.seq <= at.seq:
            return []
        return [entry(row) for row in rows] if rows and rows[0]["seq"] == at.seq + 1 else None

    def _why(self, at: FeedId, *, is_live: bool) -> str:
        if self._tail.place.epoch != at.epoch:
            return UNKNOWN_POSITION
        return TOO_SLOW if is_live else TOO_OLD

    def _heartbeat(self, at: FeedId, wanted: Wanted) -> bytes:
        position = self._tail.position
        return frame("heartbeat", StreamHeartbeat(position.as_of if position else None), at, wanted.times)


def _frames(entries: Collection[Entry], at: FeedId, wanted: Wanted) -> bytes:
    frames = (told(each, at.epoch, wanted) for each in entries)
    # One write for all of them: that is what costs.
    return b"".join(each for each in frames if each is not None)
