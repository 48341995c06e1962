"""Reading a provider at its own pace, and saying how it is doing."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from opentelemetry.trace import SpanKind

from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.ingest import Ingested, IngestOdds
from bet_intel.odds_ingest.poll_store import RefreshRequest
from bet_intel.odds_ingest.providers.port import OddsProvider, ProviderError
from bet_intel.odds_ingest.refreshes import Refreshes
from bet_intel.odds_ingest.telling import BookmakerAges, Teller
from bet_intel.odds_ingest.wire import ProviderReport
from bet_intel.shared.messaging import UnavailableError
from bet_intel.shared.times import Clock, Monotonic
from bet_intel.shared.tracing import span

_log = structlog.get_logger(__name__)

_FIRST_BACKOFF = 1.0
_DOUBLINGS = 6
_LONGEST_WAIT = 60.0
CLOCK_TOLERANCE = timedelta(seconds=30)
"""A provider's clock may be behind ours: an event must not be known from a later time than its next answer tells."""
NONE_IS_POLLED = "none of the leagues asked for is polled"
_LOGGED_REJECTIONS = 10

Sleep = Callable[[float], Coroutine[Any, Any, None]]
"""Waits for a number of seconds."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source has been read. `total` is None for an endless one."""

    position: int
    total: int | None
    as_of: datetime
    ingested: Ingested
    rejections: int


@dataclass(frozen=True, slots=True)
class Pace:
    """What holds the poller back and who watches it.

    `caught_up` returns when the consumers have handled what was told so far (or a bound on waiting has passed), so that
    a recording played at full speed does not run away from them.
    """

    caught_up: Callable[[], Awaitable[None]]
    on_progress: Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Company:
    """What polls and what asks for polls have in common: how it is told, what was asked for, how old bookmakers are."""

    teller: Teller
    refreshes: Refreshes
    ages: BookmakerAges


class Poller:
    """Reads one provider from where its stored position says. A refresh makes it ask at once, where that can help: a
    recording is played as it was taken.

    `run` ends, and `ended` is set, with the source: at its end, or with a `failure` that asking again cannot mend.
    """

    def __init__(
        self,
        provider: OddsProvider,
        source: str,
        position: int,
        ingest: IngestOdds,
        company: Company,
        pace: Pace,
        clock: Clock,
        monotonic: Monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._provider = provider
        self._source = source
        self._position = position
        self._ingest = ingest
        self._teller = company.teller
        self._refreshes = company.refreshes
        self._ages = company.ages
        self._pace = pace
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._teller.position = position
        self._is_recording = provider.total is not None
        self._waiting: list[RefreshRequest] = []
        self._answered_at = 0.0
        self.ended = asyncio.Event()
        self.failure: ProviderError | None = None

    def go_on_from(self, position: int) -> None:
        """Another process may have read on since; before `run`."""
        self._position = self._teller.position = position

    async def run(self) -> None:
        await self._pace.caught_up()
        await self._read()
        await self._pace.caught_up()
        self.ended.set()

    async def pass_time(self) -> None:
        """Let what is known grow old although nothing is asked for any more; until cancelled. Not for a recording,
        whose time ends with it."""
        while True:
            await self._sleep(_LONGEST_WAIT)
            now = self._source_time()
            try:
                if now is not None:
                    await self._ingest.tick(self._provider.name, now)
            except UnavailableError as error:
                _log.warning("no time told", provider=self._provider.name, reason=str(error))

    async def _read(self) -> None:
        failures = 0
        while True:
            wait = 0.0
            asked = self._monotonic()
            try:
                self._waiting = [] if self._is_recording else await self._asked_for()
                with span(f"poll {self._provider.name}", SpanKind.INTERNAL):
                    answer = await self._provider.fetch(self._position)
                    if answer is None:
                        self._teller.tell(replace(self._teller.newest, state="finished"))
                        return
                    await self._answered(answer)
            except ProviderError as error:
                await self._failed(error)
                if error.ends:
                    self.failure = error
                    return
                # Not longer than a minute at a time: ages, starts and expiry go on with each try.
                wait = min(error.retry_after or 0.0, _LONGEST_WAIT)
            except UnavailableError as error:
                # Nobody knows whether a commit that was cut off took effect: the same answer may be stored twice.
                _log.warning("answer not stored, asking again", provider=self._provider.name, reason=str(error))
                self._refreshes.arrived.set()
            else:
                failures = 0
                await self._pace.caught_up()
                await self._pause(max(0.0, answer.due_in - (self._monotonic() - asked)))
                continue
            await self._pause(max(wait, _FIRST_BACKOFF * 2.0 ** min(failures, _DOUBLINGS)))
            failures += 1

    async def _asked_for(self) -> list[RefreshRequest]:
        """The refreshes that a league polled can answer; the others are refused."""
        requests = await self._refreshes.pending()
        polled = self._provider.polled_leagues
        refused = [each for each in requests if not each.wants_any(polled)]
        await self._teller.answer(
            refused, replace(self._teller.newest, error_kind="validation", message=NONE_IS_POLLED)
        )
        return [each for each in requests if each not in refused]

    async def _answered(self, answer: Answer) -> None:
        ingested = await self._ingest.answer(answer, self._source)
        self._position = self._teller.position = answer.position
        self._answered_at = self._monotonic()
        refused = (*answer.rejections, *ingested.left_out)
        for rejection in refused[:_LOGGED_REJECTIONS]:
            _log.warning("could not be read", where=rejection.where, reason=rejection.reason, as_of=str(answer.as_of))
        rejections = len(refused)
        if rejections > _LOGGED_REJECTIONS:
            _log.warning("more could not be read", pieces=rejections - _LOGGED_REJECTIONS, as_of=str(answer.as_of))
        report = ProviderReport(
            "polling",
            answer.as_of,
            events=ingested.events,
            prices=ingested.prices,
            rejections=rejections,
            polled_at=self._clock(),
            ages=await self._ages.learn(answer),
        )
        self._teller.tell(report)
        # The others wait for the turn of a league of theirs.
        await self._teller.answer([each for each in self._waiting if each.wants_any(answer.leagues)], report)
        self._pace.on_progress(Progress(answer.position, self._provider.total, answer.as_of, ingested, rejections))

    async def _failed(self, error: ProviderError) -> None:
        _log.warning("provider failed", provider=self._provider.name, kind=error.kind, reason=str(error))
        report = replace(
            self._teller.newest, state="failing", error_kind=error.kind, message=str(error), polled_at=self._clock()
        )
        self._teller.tell(report)
        now = self._source_time()
        try:
            await self._teller.answer(self._waiting, report)
            if error.ends or now is None:
                return
            await self._ingest.tick(self._provider.name, now)
        except UnavailableError as unavailable:
            _log.warning("no time told", provider=self._provider.name, reason=str(unavailable))

    def _source_time(self) -> datetime | None:
        """The time at the provider, never ahead of what its next answer tells; None where nothing says it."""
        as_of = self._teller.newest.as_of
        if as_of is None:
            return self._clock() - CLOCK_TOLERANCE if self._provider.is_live else None
        # Whole seconds, as answers tell the time.
        return as_of + timedelta(seconds=int(self._monotonic() - self._answered_at))

    async def _pause(self, seconds: float) -> None:
        if self._is_recording:
            await self._sleep(seconds)
        else:
            await until_woken(self._sleep(seconds), self._refreshes.arrived)


async def until_woken(sleeping: Coroutine[Any, Any, None], *wakers: asyncio.Event) -> None:
    """Wait until `sleeping` has ended or one of `wakers` is set."""
    waits = [asyncio.ensure_future(each) for each in (sleeping, *(waker.wait() for waker in wakers))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
