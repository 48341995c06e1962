"""When a provider may be asked again after it failed: known to every process through the database."""

from datetime import timedelta

from bet_intel.odds_ingest import poll_store as store
from bet_intel.odds_ingest.domain.rest import Rest
from bet_intel.odds_ingest.providers.port import ProviderError
from bet_intel.shared.postgres import Database
from bet_intel.shared.times import Clock

_LOGIN_REFUSED = timedelta(minutes=5)


class Rests:
    """The rests of `provider`. `current` is the newest one that this process has read or written."""

    def __init__(self, database: Database, provider: str, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self.current = Rest()

    @property
    def is_over(self) -> bool:
        return self.current.is_over(self._clock())

    async def read(self) -> Rest:
        async with self._database.latest() as connection:
            self.current = await store.rest(connection, self._provider)
        return self.current

    async def failed(self, error: ProviderError) -> None:
        """Leave the provider alone: for a while also where it refuses the login, which may pass, or be mended."""
        at_least = timedelta(seconds=error.retry_after or 0) if error.retry_after or not error.ends else _LOGIN_REFUSED
        now = self._clock()
        async with self._database.transaction() as connection:
            before = await store.lock_rest(connection, self._provider, now)
            self.current = before.after_failure(now, at_least)
            await store.save_rest(connection, self._provider, self.current)

    async def end(self, rest: Rest) -> None:
        """The provider has answered a call that was made after `rest`: one that has begun since goes on."""
        if not rest.failures:
            return
        async with self._database.transaction() as connection:
            await store.end_rest(connection, self._provider, rest)
        await self.read()

    async def forget(self) -> None:
        async with self._database.transaction() as connection:
            await store.forget_rest(connection, self._provider)
        self.current = Rest()
