"""A session of one's own on the primary: for locks that last longer than a transaction."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg

from bet_intel.shared.postgres.connections import DRIVER_ERRORS, PrimaryUnavailableError
from bet_intel.shared.runtime import heed_cancellation


class Session:
    """A connection outside the pools. It is over when its host is not the primary any more."""

    def __init__(
        self, connection: "asyncpg.Connection[asyncpg.Record]", host: str, superseded: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._host = host
        self._superseded = superseded

    async def execute(self, statement: str, seconds: float, *arguments: Any) -> str:
        """
        Raises:
            PrimaryUnavailableError: no answer within `seconds`, the session was lost, or the host is superseded.
        """
        return str(await self._asked(self._connection.execute, statement, seconds, *arguments))

    async def fetchval(self, query: str, seconds: float, *arguments: Any) -> Any:
        """The first value of the first row. Raises as `execute`."""
        return await self._asked(self._connection.fetchval, query, seconds, *arguments)

    async def _asked(self, ask: Callable[..., Any], statement: str, seconds: float, *arguments: Any) -> Any:
        if self._superseded():
            raise PrimaryUnavailableError(f"{self._host} is not the primary any more")
        try:
            async with asyncio.timeout(seconds):
                return await ask(statement, *arguments)
        except DRIVER_ERRORS as error:
            heed_cancellation(error)
            raise PrimaryUnavailableError(f"the session on {self._host} was lost: {error}") from error
