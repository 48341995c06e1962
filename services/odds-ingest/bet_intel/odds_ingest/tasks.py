"""The tasks of odds-ingest (queue `data_refresh`): `refresh_odds_data` asks a provider for one target, `health_check`
sees whether it answers."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.poll_store import Claim, TargetId
from bet_intel.odds_ingest.schedule import ScheduledPoller
from bet_intel.odds_ingest.targets import Asked
from bet_intel.shared.messaging import TerminalError
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.tasks import Actor, Task
from bet_intel.shared.times import Clock, from_us, to_us

_log = structlog.get_logger(__name__)

DATA_REFRESH = "data_refresh"
REFRESH_ODDS_DATA = "refresh_odds_data"
HEALTH_CHECK = "health_check"

_CHECKED_EVERY = timedelta(minutes=5)


class RefreshMetrics:
    """Shown by a registry from `register` to `unregister`."""

    def __init__(self) -> None:
        self._refreshes = Counter(
            "bet_intel_provider_refreshes",
            "Tasks that ask a provider for a league or event, by what became of them.",
            ["provider", "outcome"],
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        registry.register(self._refreshes)

    def unregister(self, registry: CollectorRegistry) -> None:
        registry.unregister(self._refreshes)

    def refreshed(self, provider: str, asked: Asked) -> None:
        self._refreshes.labels(provider, asked.value).inc()


class RefreshTasks:
    """Makes tasks of what the plan of `provider` says is due, and does them."""

    def __init__(self, outbox: Outbox, provider: str, clock: Clock, metrics: RefreshMetrics) -> None:
        self._outbox = outbox
        self._provider = provider
        self._clock = clock
        self._metrics = metrics
        self._checked_at: datetime | None = None

    async def dispatch(self, id: TargetId, seen: datetime | None) -> None:
        """Have `id` asked for, unless somebody else has it asked for since it was `seen` polled: then it is not due."""
        now = self._clock()
        at = to_us(now)
        async with self._outbox.transaction() as unit:
            if not await store.claim(unit.connection, self._provider, id, seen, now):
                return
            named = ":".join(part for part in (REFRESH_ODDS_DATA, self._provider, *id, str(at)) if part)
            arguments = {
                "provider": self._provider,
                "league": id.league,
                "event": id.event,
                "claimed_us": at,
                "seen_us": None if seen is None else to_us(seen),
            }
            unit.append(Task(named, DATA_REFRESH, REFRESH_ODDS_DATA, arguments))
            if self._checked_at is None or now - self._checked_at >= _CHECKED_EVERY:
                named = f"{HEALTH_CHECK}:{self._provider}:{at}"
                unit.append(Task(named, DATA_REFRESH, HEALTH_CHECK, {"provider": self._provider}))
                self._checked_at = now

    def actors(self, poller: ScheduledPoller) -> Mapping[str, Actor]:
        async def refresh_odds_data(
            provider: str, league: str, event: str = "", claimed_us: int | None = None, seen_us: int | None = None
        ) -> None:
            """Without `claimed_us`, as by hand, nothing else can have been asked in its place."""
            self._own(provider)
            target = TargetId(league, event)
            asked = await poller.refresh(target, _claim(claimed_us, seen_us))
            self._metrics.refreshed(provider, asked)
            if asked not in (Asked.ANSWERED, Asked.FAILED):
                _log.info("not asked", provider=provider, target=target, claimed_us=claimed_us, reason=asked.value)

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


def _claim(claimed_us: int | None, seen_us: int | None) -> Claim | None:
    if claimed_us is None:
        return None
    return Claim(from_us(claimed_us), None if seen_us is None else from_us(seen_us))
