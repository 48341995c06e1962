"""The tasks of odds-ingest (queue `data_refresh`): `refresh_odds_data` asks a provider for one target, `health_check`
sees whether it answers."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.poll_store import TargetId
from bet_intel.odds_ingest.schedule import ScheduledPoller
from bet_intel.shared.messaging import TerminalError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.tasks import Actor, Task
from bet_intel.shared.times import Clock, to_us

DATA_REFRESH = "data_refresh"
REFRESH_ODDS_DATA = "refresh_odds_data"
HEALTH_CHECK = "health_check"

_CHECKED_EVERY = timedelta(minutes=5)


class RefreshTasks:
    """Makes tasks of what the plan of `provider` says is due, and does them."""

    def __init__(self, outbox: Outbox, provider: str, clock: Clock) -> None:
        self._outbox = outbox
        self._provider = provider
        self._clock = clock
        self._checked_at: datetime | None = None

    async def dispatch(self, id: TargetId, seen: datetime | None) -> None:
        """Have `id` asked for, unless somebody else has it asked for since it was `seen` polled: then it is not due."""
        now = self._clock()
        at = to_us(now)
        async with self._outbox.transaction() as unit:
            if not await store.claim(unit.connection, self._provider, id, seen, now):
                return
            arguments = {"provider": self._provider, "league": id.league, "event": id.event}
            named = ":".join(part for part in (REFRESH_ODDS_DATA, *arguments.values(), str(at)) if part)
            unit.append(Task(named, DATA_REFRESH, REFRESH_ODDS_DATA, arguments))
            if self._checked_at is None or now - self._checked_at >= _CHECKED_EVERY:
                named = f"{HEALTH_CHECK}:{self._provider}:{at}"
                unit.append(Task(named, DATA_REFRESH, HEALTH_CHECK, {"provider": self._provider}))
                self._checked_at = now

    def actors(self, poller: ScheduledPoller) -> Mapping[str, Actor]:
        async def refresh_odds_data(provider: str, league: str, event: str = "") -> None:
            self._own(provider)
            await poller.refresh(TargetId(league, event))

        async def health_check(provider: str) -> None:
            self._own(provider)
            await poller.check()

        return {REFRESH_ODDS_DATA: refresh_odds_data, HEALTH_CHECK: health_check}

    def _own(self, provider: str) -> None:
        """Raises:
        TerminalError: this process reads another provider.
        """
        if provider != self._provider:
            raise TerminalError(f"this worker reads {self._provider}, not {provider}")
