"""What there is to ask for: leagues in season, and when their events start. Looking it up costs nothing."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from bet_intel.odds_ingest.providers.pollable import PollableProvider, PolledEvent, PolledLeague, Told
from bet_intel.shared.times import Clock

T = TypeVar("T")

_LEAGUES_FOR = timedelta(hours=1)
_EVENTS_FOR = timedelta(minutes=30)
_LAST = datetime.max.replace(tzinfo=UTC)


class Asks(Protocol):
    """Makes a free call."""

    async def __call__(self, call: Callable[[], Awaitable[Told[T]]]) -> T: ...


class Fixtures:
    """Leagues and their events as of the newest look."""

    def __init__(self, provider: PollableProvider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self.leagues: Sequence[PolledLeague] = ()
        self.events: dict[str, Sequence[PolledEvent]] = {}
        self._leagues_at: datetime | None = None
        self._events_at: dict[str, datetime] = {}

    async def look(self, ask: Asks) -> None:
        """Look up what was looked up too long ago. What was told before an error stays."""
        now = self._clock()
        if _is_old(self._leagues_at, now, _LEAGUES_FOR):
            self.leagues = await ask(self._provider.leagues)
            self._leagues_at = now
        for league in self.leagues:
            if _is_old(self._events_at.get(league.key), now, _EVENTS_FOR):
                await self._look_up(league.key, ask)
                self._events_at[league.key] = now

    async def _look_up(self, league: str, ask: Asks) -> None:
        self.events[league] = await ask(lambda: self._provider.events(league))

    def next_start(self, league: str) -> datetime:
        now = self._clock()
        return min((start for start in self.starts(league) if start > now), default=_LAST)

    def starts(self, league: str) -> Sequence[datetime]:
        return [event.starts for event in self.events.get(league, ())]


def _is_old(at: datetime | None, now: datetime, after: timedelta) -> bool:
    # With a new month the provider's credits are other ones, and a free call tells of them before any is spent.
    return at is None or now - at >= after or at.month != now.month
