"""Asking a provider league by league and event by event, when the planner says, with the credits there are."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from opentelemetry.trace import SpanKind

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.calls import Bill, Calls, OutOfCreditsError, Paid
from bet_intel.odds_ingest.domain.plan import Plan, plan, rate_of_changes, smoothed
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.fixtures import Fixtures
from bet_intel.odds_ingest.ingest import Ingested, IngestOdds
from bet_intel.odds_ingest.means import Dispatch, Means
from bet_intel.odds_ingest.poll import CLOCK_TOLERANCE, NONE_IS_POLLED, Pace, Progress, Sleep, until_woken
from bet_intel.odds_ingest.poll_store import Claim, Polled, RefreshRequest, TargetId
from bet_intel.odds_ingest.providers.pollable import PollableProvider
from bet_intel.odds_ingest.providers.port import ProviderError
from bet_intel.odds_ingest.rests import Rests
from bet_intel.odds_ingest.targets import EVERY_EVENT, Ask, Asked, asks, target
from bet_intel.odds_ingest.wire import ProviderReport
from bet_intel.shared.messaging import UnavailableError
from bet_intel.shared.times import Clock
from bet_intel.shared.tracing import span

_log = structlog.get_logger(__name__)

_PLANNED_EVERY = timedelta(seconds=30)
_TICK_AFTER = timedelta(seconds=60)
_DATABASE_AGAIN_AFTER = 1.0
_ASKED_AGAIN_AFTER = timedelta(seconds=60)
"""A refresh has nothing asked for again that was asked for this short a time ago."""
_LOGGED_REJECTIONS = 10


class ScheduledPoller:
    """Asks for each target when the planner says, or has it asked for where there is a `dispatch`.

    `run` ends, and `ended` is set, with a `failure` that asking again cannot mend, such as a wrong key. Where it does
    not run, in a worker, the provider is asked again after a while: whoever plans decides whether that goes on.
    """

    def __init__(
        self,
        provider: PollableProvider,
        source: str,
        position: int,
        means: Means,
        pace: Pace,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        dispatch: Dispatch | None = None,
    ) -> None:
        self._provider = provider
        self._source = source
        self._position = position
        self._means = means
        self._teller = means.company.teller
        self._teller.position = position
        self._refreshes = means.company.refreshes
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._dispatch = dispatch
        self._fixtures = Fixtures(provider, clock)
        self._calls = Calls(provider, means.database, means.quota, clock)
        # Kept until they are stored, also while the database is away.
        self._paid: dict[TargetId, tuple[Paid, IngestOdds]] = {}
        self._storing = asyncio.Lock()
        # What was asked for the refreshes that are to be answered next.
        self._bill = Bill()
        # How the newest call for a league failed, where it did.
        self._failures_of: dict[TargetId, ProviderReport] = {}
        self._rests = Rests(means.database, provider.name, clock)
        self._runs = False
        self._refused: set[TargetId] = set()
        self._told_time_at: datetime | None = None
        self._behind = CLOCK_TOLERANCE
        self.ended = asyncio.Event()
        self.failure: ProviderError | None = None

    def go_on_from(self, position: int) -> None:
        """Another process may have read on since; before `run`."""
        self._position = self._teller.position = position
        self._bill = Bill()

    async def run(self) -> None:
        await self._pace.caught_up()
        while self.failure is None:
            try:
                if not self._runs:
                    # What kept an earlier process from asking may be why this one was started.
                    await self._rests.forget()
                    self._runs = True
                await self._step()
            except UnavailableError as error:
                _log.warning("not polled: the database is away", provider=self._provider.name, reason=str(error))
                # What was under way is looked up again.
                self._refreshes.arrived.set()
                await self._sleep(_DATABASE_AGAIN_AFTER)
        self.ended.set()

    async def pass_time(self) -> None:
        """Let what is known grow old although nothing is asked for any more; until cancelled."""
        while True:
            await self._sleep(_TICK_AFTER.total_seconds())
            try:
                await self._tell_time(self._clock())
            except UnavailableError as error:
                _log.warning("no time told", provider=self._provider.name, reason=str(error))

    async def _step(self) -> None:
        """Do what is due, or wait for it."""
        await self._store(*self._paid)
        await self._rests.read()
        # What is asked for from here on, is asked for after these were set.
        self._means.demand.changed.clear()
        requests = await self._refreshes.pending()
        # Somebody who asks does not wait for the next try.
        if (requests or self._rests.is_over) and not await self._looked(requests):
            return
        if requests:
            with span(f"refresh {self._provider.name}", SpanKind.INTERNAL):
                await self._refresh(requests)
            return
        polled = await self._polled()
        known = self._asks()
        upcoming = (await self._plan(polled, known)).next()
        now = self._clock()
        if upcoming is not None and upcoming[1] <= now and self._rests.is_over:
            await self._poll_planned(known[upcoming[0]], polled)
            return
        await self._tell_time(now)
        await self._wait_for(upcoming[1] if upcoming else None, now)

    async def _wait_for(self, due: datetime | None, now: datetime) -> None:
        until = now + _PLANNED_EVERY
        rest = self._rests.current
        if rest.until is not None and rest.until > now:
            # Nothing is asked for before then, and then perhaps everything is looked up again.
            until = min(until, rest.until)
        elif due is not None:
            until = min(until, due)
        seconds = max(0.0, (until - now).total_seconds())
        await until_woken(self._sleep(seconds), self._refreshes.arrived, self._means.demand.changed)

    async def _looked(self, requests: Sequence[RefreshRequest]) -> bool:
        """Look up leagues and events that were looked up too long ago; free. Where that fails, so do the requests."""
        try:
            await self._fixtures.look(self._calls.free)
        except ProviderError as error:
            await self._teller.answer(requests, await self._failed(error))
            return False
        return True

    async def _plan(self, polled: Mapping[TargetId, Polled], known: Mapping[str, Ask]) -> Plan:
        now = self._clock()
        state = await self._means.quota.state()
        leagues, events = (
            [target(ask, polled, self._means.demand) for ask in known.values() if bool(ask.id.event) is single]
            for single in (False, True)
        )
        # What calls under way and lost ones may cost is of today's share too.
        return plan(now, leagues, state.left, state.spent_day + state.reserved_day, events)

    def _asks(self) -> dict[str, Ask]:
        return asks(self._provider, self._fixtures, self._refused, self._clock())

    async def _polled(self) -> dict[TargetId, Polled]:
        async with self._means.database.latest() as connection:
            return await store.polled(connection, self._provider.name)

    async def refresh(self, id: TargetId, claim: Claim | None = None) -> Asked:
        """Ask for a target now, if it is still one that is polled and nothing speaks against asking.

        With the `claim` of who had it asked for, it is asked for once, however often and late this is called; where the
        provider is left alone, the claim is given back. What fails is told, as of a poll; the plan decides when it is
        asked for again.

        Raises:
            UnavailableError: the database is away. What was asked for is kept, and not asked for again.
        """
        if id in self._paid and await self._store(id):
            return Asked.ANSWERED
        polled = await self._polled()
        if claim is not None and polled.get(id, Polled()).polled_at != claim.at:
            return Asked.SUPERSEDED
        await self._rests.read()
        if self.failure is not None or not self._rests.is_over or not await self._looked(()):
            await self._give_back(id, claim)
            return Asked.LEFT_ALONE
        ask = next((each for each in self._asks().values() if each.id == id), None)
        if ask is None:
            return Asked.NOT_POLLED
        try:
            asked = await self._poll(ask, polled, self._means.asked)
        except OutOfCreditsError as error:
            _log.info("no credits", target=ask.key, reason=str(error))
            return Asked.NO_CREDITS
        except ProviderError as error:
            await self._failed(error, ask.id)
            self._means.demand.changed.set()  # wakes the plan, which the failure may have ended
            return Asked.FAILED
        return Asked.ANSWERED if asked else Asked.SUPERSEDED

    async def _give_back(self, id: TargetId, claim: Claim | None) -> None:
        if claim is not None:
            async with self._means.database.transaction() as connection:
                await store.give_back(connection, self._provider.name, id, claim)

    async def check(self) -> None:
        """See by a call that costs nothing whether the provider answers, and tell it where it does not."""
        try:
            await self._calls.free(self._provider.leagues)
        except ProviderError as error:
            await self._failed(error)

    async def _poll_planned(self, ask: Ask, polled: Mapping[TargetId, Polled]) -> None:
        if self._dispatch is not None:
            await self._dispatch(ask.id, polled.get(ask.id, Polled()).polled_at)
            return
        try:
            await self._poll(ask, polled)
            await self._pace.caught_up()
        except OutOfCreditsError:
            # Other workers were quicker; the next plan knows.
            _log.info("not asked: no credits", target=ask.key)
            await self._wait_for(None, self._clock())
        except ProviderError as error:
            await self._failed(error, ask.id)

    async def _refresh(self, requests: Sequence[RefreshRequest]) -> None:
        """Ask for every league that somebody wants, the one that starts first before the others."""
        wanted = [
            each
            for each in sorted(self._asks().values(), key=lambda each: self._fixtures.next_start(each.id.league))
            if not each.id.event and any(request.wants(each.id.league, each.sport) for request in requests)
        ]
        outcome = self._teller.newest
        failed: ProviderReport | None = None
        just_asked: list[str] = []
        if not wanted:
            outcome = replace(outcome, error_kind="validation", message=NONE_IS_POLLED)
        for ask in wanted:
            polled = await self._polled()
            if self._was_just_asked(polled.get(ask.id)):
                just_asked.append(ask.key)
                failed = self._failures_of.get(ask.id, failed)
                continue
            try:
                await self._poll(ask, polled, of_today=True)
                await self._pace.caught_up()
                outcome = self._teller.newest
            except OutOfCreditsError as error:
                outcome = replace(self._teller.newest, error_kind="quota", message=str(error))
                break
            except ProviderError as error:
                failed = await self._failed(error, ask.id)
                if error.retryable or error.ends:
                    break
                # It is refused for this league alone: the others are asked for all the same.
        if failed is not None:
            outcome = failed
        elif just_asked and not outcome.error_kind:
            seconds = int(_ASKED_AGAIN_AFTER.total_seconds())
            told = f"asked for less than {seconds} s ago, answered with what is there: {', '.join(just_asked)}"
            outcome = replace(outcome, message=told)
        state = await self._means.quota.state()
        await self._teller.answer(requests, replace(outcome, credits=self._bill.credits, quota=state))
        self._bill = Bill()

    def _was_just_asked(self, polled: Polled | None) -> bool:
        at = polled.polled_at if polled else None
        # Clocks of workers differ: it may lie ahead.
        return at is not None and abs(self._clock() - at) < _ASKED_AGAIN_AFTER

    async def _poll(
        self, ask: Ask, polled: Mapping[TargetId, Polled], ingest: IngestOdds | None = None, *, of_today: bool = False
    ) -> bool:
        """Ask for a target now; False where another worker has since `polled` was read. `of_today`: for a refresh,
        whose bill it goes on.

        Raises:
            OutOfCreditsError: there are not enough credits.
            ProviderError: it was asked for and not answered.
        """
        bill, rest = self._bill if of_today else Bill(), self._rests.current
        paid = await self._calls.ask(ask, polled.get(ask.id, Polled()), bill, of_today=of_today)
        if paid is None:
            return False
        self._failures_of.pop(ask.id, None)
        self._paid[ask.id] = paid, ingest or self._means.ingest
        await self._rests.end(rest)
        await self._store(ask.id)
        return True

    async def _store(self, *ids: TargetId) -> bool:
        """Settle and store what was answered; False where some has been asked for since, and is only settled. What
        cannot be stored now is kept; to store it twice changes nothing."""
        stored = True
        async with self._storing:
            for id in (id for id in ids if id in self._paid):
                try:
                    stored &= await self._store_one(id, *self._paid[id])
                except UnavailableError:
                    raise
                except Exception:
                    del self._paid[id]  # it would fail again
                    raise
                del self._paid[id]
        return stored

    async def _store_one(self, id: TargetId, paid: Paid, ingest: IngestOdds) -> bool:
        await self._means.quota.settle(paid.reservation, paid.usage)
        asked_at = (await self._polled()).get(id, Polled()).polled_at
        if asked_at is not None and asked_at > paid.received_at:
            _log.info("an answer came too late to be stored", target=paid.ask.key, as_of=str(paid.answer.as_of))
            return False
        answer = replace(paid.answer, position=self._position + 1)
        ingested = await ingest.answer(answer, self._source)
        self._position = self._teller.position = answer.position
        self._told_time_at = paid.received_at
        # Whole seconds, as answers tell the time.
        self._behind = timedelta(seconds=math.ceil((paid.received_at - answer.as_of).total_seconds()))
        await self._learn(id, answer, ingested, paid.seen)
        await self._tell(answer, ingested, paid.received_at)
        return True

    async def _learn(self, id: TargetId, answer: Answer, ingested: Ingested, seen: Polled) -> None:
        rate = seen.changes_per_hour
        if seen.answered_at is not None:
            hours = (answer.as_of - seen.answered_at).total_seconds() / 3600
            changed = min(ingested.changed_prices, ingested.prices)
            rate = smoothed(rate, rate_of_changes(changed, ingested.prices, hours))
        async with self._means.database.transaction() as connection:
            await store.answered(connection, self._provider.name, id, answer.as_of, rate)

    async def _tell(self, answer: Answer, ingested: Ingested, polled_at: datetime) -> None:
        refused = (*answer.rejections, *ingested.left_out)
        for rejection in refused[:_LOGGED_REJECTIONS]:
            _log.warning("could not be read", where=rejection.where, reason=rejection.reason, as_of=str(answer.as_of))
        rejections = len(refused)
        upcoming = (await self._plan(await self._polled(), self._asks())).next()
        self._teller.tell(
            ProviderReport(
                "polling",
                answer.as_of,
                ingested.events,
                ingested.prices,
                rejections,
                polled_at=polled_at,
                due_at=upcoming[1] if upcoming else None,
                quota=await self._means.quota.state(),
                ages=await self._means.company.ages.learn(answer),
            )
        )
        self._pace.on_progress(Progress(answer.position, None, answer.as_of, ingested, rejections))

    async def _failed(self, error: ProviderError, id: TargetId | None = None) -> ProviderReport:
        """Tell of a failure, and draw the consequence."""
        now = self._clock()
        _log.warning("provider failed", provider=self._provider.name, kind=error.kind, reason=str(error))
        report = replace(
            self._teller.newest,
            state="failing",
            error_kind=error.kind,
            message=str(error),
            polled_at=now,
            quota=await self._means.quota.state(),
        )
        self._teller.tell(report)
        if id is not None and not id.event:
            self._failures_of[id] = report
        if error.ends and self._runs:
            self.failure = error
        elif not error.retryable and not error.ends and id is not None:
            # A call that is refused as wrong is wrong the next time too, for one event as for the next.
            self._refused.add(id._replace(event=EVERY_EVENT) if id.event else id)
        else:
            await self._rests.failed(error)
        return report

    async def _tell_time(self, now: datetime) -> None:
        """Ages, starts and expiry go on while nothing is asked for."""
        if self._told_time_at is None or now - self._told_time_at >= _TICK_AFTER:
            self._told_time_at = now
            await self._means.ingest.tick(self._provider.name, now - self._behind)
