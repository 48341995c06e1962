"""Where the read model stands, as this process knows it: kept by a task that polls the feed's position."""

import asyncio
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Gauge

from bet_intel.api.read_model import Position, position
from bet_intel.shared.postgres import Database, DatabaseUnavailableError
from bet_intel.shared.postgres import Position as LogPosition

_log = structlog.get_logger(__name__)

_ALIVE_WITHIN = 10.0


class FeedTail:
    """Follows the feed. `run` works until cancelled; setting `woken` makes it look at once."""

    def __init__(
        self, database: Database, poll_seconds: float, monotonic: Callable[[], float], registry: CollectorRegistry
    ) -> None:
        self.woken = asyncio.Event()
        self.position: Position | None = None
        # What a reply must show that is kept under `position`, whichever host it is read from.
        self.seen: LogPosition | None = None
        self._database = database
        self._poll_seconds = poll_seconds
        self._monotonic = monotonic
        self._looked_at: float | None = None
        self._seq = Gauge("bet_intel_api_feed_seq", "Newest entry of the feed this gateway knows.", registry=registry)

    async def look(self) -> None:
        """Look up the position once."""
        async with self._database.snapshot() as connection:
            self.position = await position(connection)
            self.seen = await self._database.position(connection)
        self._looked_at = self._monotonic()
        self._seq.set(self.position.seq)

    async def run(self) -> None:
        while True:
            self.woken.clear()
            try:
                await self.look()
            except (DatabaseUnavailableError, TimeoutError) as error:
                _log.warning("feed position not read", reason=str(error) or type(error).__name__)
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self.woken.wait()
            except TimeoutError:
                pass

    def alive(self) -> bool:
        """Whether the position was looked up within the last seconds."""
        return self._looked_at is not None and self._monotonic() - self._looked_at < _ALIVE_WITHIN
