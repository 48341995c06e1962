"""Calls of a provider that charges for them: reserved before, and settled after the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.domain.budget import Reservation, Usage, cost_of
from bet_intel.odds_ingest.domain.quotes import Answer
from bet_intel.odds_ingest.poll_store import Polled
from bet_intel.odds_ingest.providers.pollable import PollableProvider, Told
from bet_intel.odds_ingest.providers.port import ProviderError
from bet_intel.odds_ingest.quota import Quota
from bet_intel.odds_ingest.targets import Ask
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import Clock

T = TypeVar("T")


class OutOfCreditsError(Exception):
    """A call was not made: its worst case is more than what is left."""


@dataclass(slots=True)
class Bill:
    """The most that calls have been charged, in credits: a lost one its worst case."""

    credits: int = 0


@dataclass(frozen=True, slots=True)
class Paid:
    """An answer that was had and paid for. `seen` is what was known of its target before."""

    ask: Ask
    seen: Polled
    answer: Answer
    usage: Usage
    reservation: Reservation
    received_at: datetime


class Calls:
    """The calls of `provider`, with the credits of `quota`."""

    def __init__(self, provider: PollableProvider, database: Database, quota: Quota, clock: Clock) -> None:
        self._provider = provider
        self._database = database
        self._quota = quota
        self._clock = clock

    async def free(self, call: Callable[[], Awaitable[Told[T]]]) -> T:
        """Make a call that costs nothing."""
        reservation = await self._quota.reserve(0)
        assert reservation is not None  # noqa: S101 - what is free may always be asked for
        told = await self._made(reservation, call, Bill())
        await self._quota.settle(reservation, told.usage)
        return told.value

    async def ask(self, ask: Ask, seen: Polled, bill: Bill, *, of_today: bool = False) -> Paid | None:
        """Ask for a target, whose answer is still to be settled; None where another worker has since it was `seen`.

        `of_today`: with what is left of the plan's allowance for today alone.

        Raises:
            OutOfCreditsError: there are not enough credits.
            ProviderError: it was asked for and not answered.
        """
        reservation = await self._quota.reserve(ask.cost, of_today=of_today)
        if reservation is None:
            left = "is left of today's share of the credits" if of_today else "is left"
            raise OutOfCreditsError(f"asking for {ask.key} may cost {ask.cost} credits, which is more than {left}")
        async with self._database.transaction() as connection:
            claimed = await store.claim(connection, self._provider.name, ask.id, seen.polled_at, self._clock())
        if not claimed:
            await self._quota.release(reservation)
            return None
        told = await self._made(reservation, lambda: ask.of(self._provider), bill)
        return Paid(ask, seen, told.value, told.usage, reservation, self._clock())

    async def _made(self, reservation: Reservation, call: Callable[[], Awaitable[Told[T]]], bill: Bill) -> Told[T]:
        """Make a call whose worst case is reserved; one that fails is settled."""
        try:
            told = await call()
        except ProviderError as error:
            if error.kind == "quota":
                usage = Usage(last=error.spent, remaining=0)
            elif error.may_have_cost:
                bill.credits += reservation.credits
                raise
            else:
                usage = Usage(last=error.spent)
            bill.credits += cost_of(reservation, usage)
            await self._quota.settle(reservation, usage)
            raise
        bill.credits += cost_of(reservation, told.usage)
        return told
