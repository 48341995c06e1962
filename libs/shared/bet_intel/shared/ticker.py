"""Work that only one process of a service may do: polls, sweeping, retention.

Processes contend for an advisory lock on a connection of their own. Whoever holds it leads: it takes the next epoch in
the table `ticker`, beats, and does its duties until the lock's connection is lost. A leader that is not heard of for
some seconds has its sessions ended by those who wait. It may wake up and still believe that it leads, so every write
that must be single asks `guard` in its own transaction.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Gauge

from bet_intel.shared.messaging import UnavailableError
from bet_intel.shared.postgres import Database, Writer
from bet_intel.shared.postgres.direct import Session
from bet_intel.shared.runtime import TaskGroup, heed_cancellation

_log = structlog.get_logger(__name__)

Duty = Callable[[], Awaitable[None]]
"""Work of a leader: runs until it is cancelled, or is done for this term."""


class NotLeadingError(UnavailableError):
    """This process does not lead, or not any more: another does what it was about to do."""


@dataclass(frozen=True, slots=True)
class Timing:
    """In seconds: how often a leader beats, and others look whether there is one; for how long a leader may be silent,
    or a transaction of the last one be under way, before its session is ended."""

    beat: float = 1.0
    silence: float = 6.0

    @property
    def answer(self) -> float:
        """How long a leader waits for the server: it gives up before others may count it as silent."""
        return self.silence / 2


class TickerMetrics:
    """Label: the ticker's name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leads = Gauge(
            "bet_intel_ticker_leads", "1 where this process does what only one may do.", ("ticker",), registry=registry
        )


class Ticker:
    """The leadership of one service, in this process. `run` contends and leads until cancelled."""

    def __init__(
        self,
        name: str,
        database: Database,
        timing: Timing | None = None,
        metrics: TickerMetrics | None = None,
    ) -> None:
        self._name = name
        self._database = database
        self._timing = timing or Timing()
        self._metrics = metrics
        self._duties: dict[str, Duty] = {}
        self._epoch: int | None = None

    @property
    def epoch(self) -> int | None:
        """Of this process's term; None while it does not lead."""
        return self._epoch

    def add(self, name: str, duty: Duty) -> None:
        """Have a leader do this; before `run`."""
        self._duties[name] = duty

    async def guard(self, connection: Writer) -> None:
        """Refuse a transaction of a leader that is none any more; until it ends, nobody else can become one.

        Raises:
            NotLeadingError: another leads, or none.
        """
        if self._epoch is None:
            raise NotLeadingError(f"{self._name}: this process does not lead")
        # Nobody waits for long for a transaction whose process was suspended: the server ends it.
        epoch = await connection.fetchval("select ticker_guard($1)", self._name)
        if epoch != self._epoch:
            raise NotLeadingError(f"{self._name}: the term of epoch {self._epoch} has ended, {epoch} leads")

    async def run(self) -> None:
        while True:
            try:
                async with self._database.direct() as session:
                    await self._contend(session)
            except UnavailableError as error:
                # A duty's last word may have taken the cancellation's place.
                heed_cancellation(error)
                _log.warning("ticker has no database", ticker=self._name, reason=str(error))
            await asyncio.sleep(self._timing.beat)

    async def _contend(self, session: Session) -> None:
        """Wait for the lock and lead; returns or raises `UnavailableError` when the term is over."""
        answer = self._timing.answer
        lock = "select pg_try_advisory_lock(730401, hashtext($1))"
        # To lead is worth a word where somebody else might have.
        level = logging.DEBUG
        while not await session.fetchval(lock, answer, self._name):
            level = logging.INFO
            await self._end_silent(session)
            await asyncio.sleep(self._timing.beat)
        self._epoch = await self._next(session)
        _log.log(level, "leads", ticker=self._name, epoch=self._epoch)
        self._show()
        try:
            await self._lead(session)
        finally:
            self._epoch = None
            self._show()
            _log.log(level, "leads no more", ticker=self._name)

    async def _end_silent(self, session: Session) -> None:
        silent = "select now() - beat_at > make_interval(secs => $2) from ticker where name = $1"
        if await session.fetchval(silent, self._timing.answer, self._name, self._timing.silence):
            _log.warning("the leader is not heard of: its lock is taken", ticker=self._name)
            await session.execute("select ticker_end($1, 730401)", self._timing.answer, self._name)

    async def _next(self, session: Session) -> int:
        """The epoch of this term, taken once no transaction of the last one is under way."""
        asked, holder = 0, f"{socket.gethostname()} {os.getpid()}"
        while True:
            await session.execute(
                """
                insert into ticker (name, epoch, holder, beat_at) values ($1, 0, $2, now())
                on conflict (name) do update set beat_at = now()
                """,
                self._timing.answer,
                self._name,
                holder,
            )
            epoch = await session.fetchval("select ticker_next($1, $2)", self._timing.answer, self._name, holder)
            if epoch is not None:
                return int(epoch)
            asked += 1
            if asked * self._timing.beat > self._timing.silence:
                _log.warning("writes of the last leader do not come to an end: ended", ticker=self._name)
                await session.execute("select ticker_end($1, 730402)", self._timing.answer, self._name)
            else:
                await asyncio.sleep(self._timing.beat)

    async def _lead(self, session: Session) -> None:
        try:
            async with TaskGroup() as group:
                group.create_task(self._beat(session), name=f"{self._name} ticker")
                for name, duty in self._duties.items():
                    group.create_task(_coroutine(duty), name=name)
        except* UnavailableError as group_of_losses:
            losses = group_of_losses.exceptions
        else:
            return
        raise NotLeadingError(f"{self._name}: {losses[0]}")

    async def _beat(self, session: Session) -> None:
        while True:
            await asyncio.sleep(self._timing.beat)
            beaten = await session.execute(
                "update ticker set beat_at = now() where name = $1 and epoch = $2",
                self._timing.answer,
                self._name,
                self._epoch,
            )
            if beaten != "UPDATE 1":
                raise NotLeadingError("another has taken over")

    def _show(self) -> None:
        if self._metrics is not None:
            self._metrics.leads.labels(self._name).set(self._epoch is not None)


async def _coroutine(duty: Duty) -> None:
    try:
        await duty()
    except asyncio.CancelledError as error:
        heed_cancellation(error)
        # A group takes that for an end in order: nobody would do this duty any more, and nobody would know.
        raise RuntimeError("a duty was cancelled from within") from error


def periodically(seconds: float, name: str, tick: Callable[[], Awaitable[None]]) -> Duty:
    """A duty that calls `tick` now and again `seconds` after it has ended. While what it needs is away, it waits."""

    async def duty() -> None:
        while True:
            try:
                await tick()
            except NotLeadingError:
                raise
            except UnavailableError as error:
                heed_cancellation(error)
                _log.warning("periodic work waits", work=name, reason=str(error))
            await asyncio.sleep(seconds)

    return duty
