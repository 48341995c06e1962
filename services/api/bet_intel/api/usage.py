"""How much each account asks for: counted in the gateways, told to the database every few seconds."""

from datetime import UTC

import structlog

from bet_intel.api import usage_store
from bet_intel.api.request_limits import RequestLimits
from bet_intel.shared.postgres import Database, DatabaseUnavailableError
from bet_intel.shared.runtime import every
from bet_intel.shared.times import Clock

_log = structlog.get_logger(__name__)

_EVERY = 5.0


class Usage:
    """`run` tells until cancelled. What a gateway that dies has not told yet is lost: it is for information."""

    def __init__(self, database: Database, limits: RequestLimits, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock

    async def run(self) -> None:
        await every(_EVERY, self.tell)

    async def tell(self) -> None:
        counted = self._limits.counted()
        if not counted:
            return
        now = self._clock()
        used = self._limits.used_keys()
        try:
            async with self._database.transaction() as connection:
                await usage_store.add(connection, now.astimezone(UTC).date(), counted)
                await usage_store.mark_used(connection, used, now)
        except (DatabaseUnavailableError, TimeoutError) as error:
            self._limits.count_again(counted)
            _log.warning("usage not told", reason=str(error) or type(error).__name__)
