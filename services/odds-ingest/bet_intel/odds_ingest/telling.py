"""Saying how a provider is doing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.domain import ages
from bet_intel.odds_ingest.domain.ages import BookmakerAge
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.poll_store import RefreshRequest
from bet_intel.odds_ingest.refreshes import Refreshes
from bet_intel.odds_ingest.wire import ProviderReport, provider_status
from bet_intel.shared.messaging import EventBus, Message, UnavailableError
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import Clock, Monotonic

_log = structlog.get_logger(__name__)

_SAVED_EVERY = 30.0
_TRY_AGAIN_AFTER = 1.0


class BookmakerAges:
    """Ages of a provider's bookmakers, with norms that outlive the process: saved every half minute."""

    def __init__(self, database: Database, provider: str, known: dict[str, BookmakerAge], monotonic: Monotonic) -> None:
        self._database = database
        self._provider = provider
        self._known = known
        self._monotonic = monotonic
        self._saved_at: float | None = None

    @classmethod
    async def load(cls, database: Database, provider: str, monotonic: Monotonic) -> "BookmakerAges":
        async with database.latest() as connection:
            return cls(database, provider, await store.bookmaker_ages(connection, provider), monotonic)

    async def learn(self, answer: Answer) -> Sequence[BookmakerAge]:
        """Take an answer in; returns the ages of every bookmaker seen so far."""
        self._known |= {age.bookmaker: age for age in ages.after(self._known, answer)}
        now = self._monotonic()
        if self._known and (self._saved_at is None or now - self._saved_at >= _SAVED_EVERY):
            async with self._database.transaction() as connection:
                await store.save_bookmaker_ages(connection, self._provider, self._known, answer.as_of)
            self._saved_at = now
        return list(self._known.values())


class Teller:
    """Tells everybody how a provider is doing, and those who asked for a refresh how that went.

    `newest` is the report of the newest answer, which later failures repeat.
    """

    def __init__(self, provider: str, total: int | None, bus: EventBus, refreshes: Refreshes, clock: Clock) -> None:
        self._provider = provider
        self._total = total
        self._bus = bus
        self._refreshes = refreshes
        self._clock = clock
        self.newest = ProviderReport("polling")
        self.position = 0

    def tell(self, report: ProviderReport) -> None:
        if report.state == "polling":
            self.newest = report
        self._bus.announce(self._message(report))

    async def answer(self, requests: Sequence[RefreshRequest], report: ProviderReport) -> None:
        """Answer refreshes with `report`."""
        await self._refreshes.answer(requests, lambda id: self._message(replace(report, refresh_id=id)))

    async def refuse(self, reason: str) -> None:
        """Refuse every refresh, as long as there is nothing newer to ask for; until cancelled."""
        while True:
            await self._refreshes.arrived.wait()
            try:
                requests = await self._refreshes.pending()
                await self.answer(requests, replace(self.newest, error_kind="validation", message=reason, credits=0))
            except UnavailableError as error:
                _log.warning("refreshes not refused yet", reason=str(error))
                await asyncio.sleep(_TRY_AGAIN_AFTER)

    def _message(self, report: ProviderReport) -> Message:
        return provider_status(self._provider, report, self._clock(), self.position, self._total)
