"""The feed as this gateway knows it: a task follows it in the database and keeps its newest entries in memory.

Any number of gateways tail the same feed. A wake makes one look at once; a short poll covers its loss.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Gauge

from bet_intel.api.read_model import Position, Record, feed_entries, position
from bet_intel.shared.postgres import Database, DatabaseUnavailableError, Reader
from bet_intel.shared.postgres import Position as LogPosition
from bet_intel.shared.wake import Wake

_log = structlog.get_logger(__name__)

FEED_MOVED = "api.feed"
"""The topic that the projector rings."""
_ALIVE_WITHIN = 10.0
_PAGE = 1000


class FeedId(NamedTuple):
    """A place in the feed, the same on every gateway. As text it is the id of an event of the stream."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"


class Generation(NamedTuple):
    """Where the read model stands: another one, other answers."""

    epoch: int
    number: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `payload` is JSON under the names of the read model's columns; `frames` keeps what was made of it for
    one reader and is the same for others."""

    seq: int
    kind: str
    event_id: str
    as_of: datetime
    payload: dict[str, Any]
    frames: dict[tuple[Any, ...], bytes] = field(default_factory=dict)


class FeedTail:
    """Follows the feed. `run` works until cancelled; it keeps the newest `kept` entries."""

    def __init__(
        self,
        database: Database,
        wake: Wake,
        poll_seconds: float,
        kept: int,
        monotonic: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        self.position: Position | None = None
        # Where the read model stood at the last look; before the first nowhere. Compared at every request.
        self.generation = Generation(0, -1)
        self.closed = False
        # What a reply must show that is kept under `position`, whichever host it is read from.
        self.seen: LogPosition | None = None
        self._database = database
        self._wake = wake
        self._poll_seconds = poll_seconds
        self._kept = kept
        self._monotonic = monotonic
        self._looked_at: float | None = None
        self._entries: deque[Entry] = deque()
        self._moved = asyncio.Event()
        self.nudges = 0
        self._seq = Gauge("bet_intel_api_feed_seq", "Newest entry of the feed this gateway knows.", registry=registry)

    @property
    def place(self) -> FeedId:
        """Where this gateway stands; before the first look at the beginning of all numbering."""
        return FeedId(0, 0) if self.position is None else FeedId(self.position.epoch, self.position.seq)

    async def glance(self) -> None:
        """Read what is new in the feed where there is something: it is asked for by a single statement."""
        async with self._database.statement() as connection:
            now = await position(connection)
        self._looked_at = self._monotonic()
        if self._is_news(now):
            await self.look()

    async def look(self) -> None:
        """Read what is new in the feed."""
        async with self._database.snapshot() as connection:
            now = await position(connection)
            is_news = self._is_news(now)
            news = await self._up_to(connection, now) if is_news else []
            seen = await self._database.position(connection) if is_news else None
        self._looked_at = self._monotonic()
        if is_news:
            self._keep(now, news)
            self.seen = seen

    def _is_news(self, now: Position) -> bool:
        """Another replica may be behind what is known already: its answer says nothing new."""
        return self.position is None or now[:3] > self.position[:3]

    async def _up_to(self, connection: Reader, now: Position) -> list[Entry] | None:
        """The entries between what is known and `now`; None where they do not follow on what is kept."""
        known = self.position
        if known is None or known.epoch != now.epoch or now.seq - known.seq > self._kept:
            # Where it begins, or where more has passed than is kept: readers of older entries find them themselves.
            return None
        news: list[Entry] = []
        while known.seq + len(news) < now.seq:
            after = known.seq + len(news)
            page = [entry(row) for row in await feed_entries(connection, after, _PAGE)]
            if not page or page[0].seq != after + 1:
                return None
            news += page
        return news

    def _keep(self, now: Position, news: list[Entry] | None) -> None:
        # Position and entries change together: readers come in between wherever something is awaited.
        if news is None:
            self._entries.clear()
        else:
            self._entries += news
        while len(self._entries) > self._kept:
            self._entries.popleft()
        self.position = now
        self.generation = Generation(now.epoch, now.generation)
        self._seq.set(now.seq)
        self._tell()

    def after(self, id: FeedId, limit: int) -> list[Entry] | None:
        """The next entries behind `id`, at most `limit`; None where they are not kept, or of another numbering."""
        now = self.position
        if now is None or id.epoch != now.epoch:
            return None
        if id.seq >= now.seq:
            return []
        first = now.seq - len(self._entries) + 1
        if id.seq + 1 < first:
            return None
        start = id.seq + 1 - first
        return [self._entries[place] for place in range(start, min(start + limit, len(self._entries)))]

    async def moved(self, id: FeedId, seconds: float, nudges: int | None = None) -> None:
        """Return when the feed stands behind `id`, when readers are nudged (where `nudges` are given: have been since
        there were so many), when the tail is closed, or after `seconds`."""
        known = self.nudges if nudges is None else nudges
        await self._until(lambda: self.place > id or self.nudges != known, seconds)

    async def changed(self, generation: Generation, seconds: float) -> None:
        """Return when the read model stands elsewhere, when the tail is closed, or after `seconds`."""
        await self._until(lambda: self.generation != generation, seconds)

    async def _until(self, is_so: Callable[[], bool], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not self.closed and not is_so():
                    await self._moved.wait()
        except TimeoutError:
            pass

    def nudge(self) -> None:
        """Let every reader look whether it may still read."""
        self.nudges += 1
        self._tell()

    def close(self) -> None:
        """Let every reader end."""
        self.closed = True
        self._tell()

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def run(self) -> None:
        with self._wake.listening(FEED_MOVED) as woken:
            look = self.look
            while True:
                woken.clear()
                try:
                    await look()
                except (DatabaseUnavailableError, TimeoutError) as error:
                    _log.warning("feed position not read", reason=str(error) or type(error).__name__)
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await woken.wait()
                    look = self.look
                except TimeoutError:
                    look = self.glance

    def alive(self) -> bool:
        """Whether the position was looked up within the last seconds."""
        return self._looked_at is not None and self._monotonic() - self._looked_at < _ALIVE_WITHIN


def entry(row: Record) -> Entry:
    return Entry(row["seq"], row["kind"], row["event_id"], row["as_of"], msgspec.json.decode(row["payload"]))
