"""Asks one host, on a connection of its own, which role it has and how far it is."""

import asyncio

import asyncpg

from bet_intel.shared.postgres.connections import hang_up
from bet_intel.shared.postgres.hosts import Address
from bet_intel.shared.postgres.positions import OF_A_HOST, SYSTEM, Position, lsn
from bet_intel.shared.postgres.roles import Observation

# Which timeline a replica replays, it tells to superusers only. A row that was written on it is seen by everybody.
_MARKED = f"select coalesce(max(number), 0) from timeline where system = {SYSTEM}"  # noqa: S608 - a constant
_MARK = f"insert into timeline (system, number) values ({SYSTEM}, $1) on conflict do nothing"  # noqa: S608 - a constant


class Probe:
    """The probe of one host. What it raises means that nothing is known of the host any more."""

    def __init__(self, address: Address, name: str, timeout: float, *, marks: bool) -> None:
        """`timeout` (s) bounds a question; `marks`: whether timelines are told apart, which one host needs not."""
        self._address = address
        self._name = name
        self._timeout = timeout
        self._marks = marks
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._marked = 0

    async def ask(self, asked_at: float) -> Observation:
        """What the host says of itself; `asked_at` is the time it is asked.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: no answer, or a refusal.
        """
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connected()
                row = await connection.fetchrow(OF_A_HOST)
                if self._marks:
                    self._marked = await connection.fetchval(_MARKED)
        except (
            BaseException
        ):  # also when cancelled: the answer to a question given up would be taken for the next one's
            self.hang_up()
            raise
        assert row is not None  # noqa: S101 - a select without FROM has one row
        if row["lsn"] is None:
            raise ConnectionError("it has replayed nothing yet")
        timeline = self._marked if row["is_replica"] else row["timeline"]
        return Observation(row["is_replica"], Position(timeline, lsn(row["lsn"])), asked_at)

    async def mark(self, timeline: int) -> None:
        """Leave on the primary what tells its timeline to the replicas. Raises as `ask`."""
        if self._marks and self._marked < timeline and self._connection is not None:
            async with asyncio.timeout(self._timeout):
                await self._connection.execute(_MARK, timeline)

    def hang_up(self) -> None:
        """Ask on another connection next time."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            hang_up(connection)

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._address.dsn,
                timeout=self._timeout,
                server_settings={"application_name": f"{self._name} probe", "default_transaction_read_only": "off"},
            )
        return self._connection
