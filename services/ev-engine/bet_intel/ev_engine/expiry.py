"""What is not told of any more grows old all the same: its opportunities end by staleness, or with the start.

As long as odds-ingest tells of an event, time comes with what it tells. Where it does not (its state was lost, a
message was, it does not run), the set stands as it was told last, and so do the opportunities in it. The leader looks
for such events and has them priced as of the source time of their provider (`ev.calc_batch`).

Nothing is decided by the clock: that time is the newest one that was told of any event of the provider, at least one
look ago, so that everything told of that time has been handled meanwhile. Where time at the provider goes on with the
clock (`live`), so much is added as has passed on it since. The time of a recording ends with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bet_intel.ev_engine import expiry_store
from bet_intel.ev_engine.domain.profile import longest_stale
from bet_intel.ev_engine.expiry_store import ToldUntil
from bet_intel.ev_engine.pricing_settings import CALC_BATCH, EV_CALCULATION, Profiles
from bet_intel.shared.outbox import Outbox
from bet_intel.shared.postgres import Database
from bet_intel.shared.tasks import Task
from bet_intel.shared.ticker import Ticker
from bet_intel.shared.times import Monotonic, to_us


@dataclass(frozen=True, slots=True)
class _Seen:
    told: ToldUntil
    at: float
    """When it was first seen, on the monotonic clock."""


class ExpirySweep:
    """A duty of the leader: `look` every now and then."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        ticker: Ticker,
        profiles: Profiles,
        monotonic: Monotonic,
        *,
        shards: int,
        silence: timedelta,
    ) -> None:
        """`silence` is for how long, in source time, an event may go untold."""
        self._database = database
        self._outbox = outbox
        self._ticker = ticker
        self._profiles = profiles
        self._monotonic = monotonic
        self._shards = shards
        self._silence = silence
        self._seen: dict[str, _Seen] = {}

    async def look(self) -> None:
        """Have what has gone silent priced as of the time it is at its provider."""
        async with self._database.latest() as connection:
            times = self._times(await expiry_store.told_until(connection))
            stale = longest_stale(await self._profiles.current(connection))
            shards = await expiry_store.silent_shards(connection, times, self._silence, stale, self._shards)
        if not shards:
            return
        async with self._outbox.transaction() as unit:
            await self._ticker.guard(unit.connection)
            unit.append(*[self._task(shard, times) for shard in shards])

    def _times(self, told: dict[str, ToldUntil]) -> dict[str, datetime]:
        """The source time of each provider, of those that were there at the last look."""
        now, before = self._monotonic(), self._seen
        self._seen = {
            provider: before[provider] if provider in before and before[provider].told == one else _Seen(one, now)
            for provider, one in told.items()
        }
        return {provider: self._time(seen, now) for provider, seen in before.items() if provider in told}

    def _time(self, seen: _Seen, now: float) -> datetime:
        return seen.told.as_of + timedelta(seconds=now - seen.at if seen.told.live else 0.0)

    def _task(self, shard: int, times: dict[str, datetime]) -> Task:
        told = {provider: to_us(at) for provider, at in sorted(times.items())}
        return Task(
            id=f"{CALC_BATCH}:expired:{'+'.join(f'{provider}@{at}' for provider, at in told.items())}:{shard}",
            queue=EV_CALCULATION,
            actor=CALC_BATCH,
            arguments={
                "shard": shard,
                "shards": self._shards,
                "times": told,
                "silent_seconds": self._silence.total_seconds(),
            },
        )
