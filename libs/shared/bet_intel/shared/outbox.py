"""The transactional outbox: what a service tells others is committed with what it did.

The process that committed publishes its own rows at once and deletes each when it is confirmed; a sweeper publishes
what is older than a second and was left behind by a crash or a broker's absence. A message may come twice, never not
at all.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import msgspec
import structlog

from bet_intel.shared.messaging import EventBus, Message, UnavailableError, reason_of
from bet_intel.shared.postgres import Committed, Database, DatabaseUnavailableError, Writer
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.tasks import Task, TaskQueues
from bet_intel.shared.tracing import current_traceparent

_log = structlog.get_logger(__name__)

Outgoing = Message | Task


class UnitOfWork:
    """One transaction and the messages that leave with it."""

    def __init__(self, connection: Writer) -> None:
        self.connection = connection
        self.outgoing: list[Outgoing] = []

    def append(self, *outgoing: Outgoing) -> None:
        """What does not say to which trace it belongs, belongs to the one that we are in."""
        traceparent = current_traceparent()
        if traceparent:
            outgoing = tuple(one if one.traceparent else replace(one, traceparent=traceparent) for one in outgoing)
        self.outgoing += outgoing


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is committed and not confirmed: messages on their way, the age in seconds of the oldest, and how many were
    set aside because they could not be published."""

    depth: int = 0
    age: float = 0.0
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Sweeping:
    """How the sweeper works: pause and age of what counts as left behind (seconds), rows at once, tries to publish, and
    how many rows may be under way for it to take more: each is held in memory, and a broker that is away lets go of
    fewer than there are."""

    every: float = 1.0
    left_behind_after: float = 1.0
    rows: int = 500
    attempts: int = 20
    under_way: int = 2000


class Outbox:
    """The outbox of one service. `run` publishes until cancelled."""

    def __init__(
        self,
        database: Database,
        bus: EventBus,
        tasks: TaskQueues,
        sweeping: Sweeping | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._tasks = tasks
        self._sweeping = sweeping or Sweeping()
        self._in_flight: set[int] = set()
        self._confirmed: list[int] = []
        self._ready: asyncio.Queue[tuple[int, Outgoing]] = asyncio.Queue()
        self._wake_deleter = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def transaction(self, committed: Committed | None = None) -> AsyncIterator[UnitOfWork]:
        """A transaction whose appended messages are stored in it, and published once it is committed.

        `committed` is told where that is, as by `Database.transaction`.
        """
        async with self._database.transaction(committed) as connection:
            unit = UnitOfWork(connection)
            yield unit
            ids = await _store(connection, unit.outgoing)
        self._hand_over(list(zip(ids, unit.outgoing, strict=True)))

    async def recover(self) -> int:
        """Take over what a run before this one left unconfirmed, as much as may be under way; returns how many rows.
        The sweeper does the rest later, and all of it where nobody takes writes."""
        recovered = 0
        try:
            while True:
                found = await self._sweep_once(0.0)
                recovered += found
                if found < self._sweeping.rows:
                    break
        except DatabaseUnavailableError as error:
            _log.warning("outbox not swept", reason=str(error))
        return recovered

    async def run(self, *, sweeps: bool = True) -> None:
        """Publish until cancelled. Where several processes have this outbox, one of them sweeps (`sweep`)."""
        async with TaskGroup() as group:
            group.create_task(self._publish_ready(group))
            group.create_task(self._delete_confirmed())
            if sweeps:
                group.create_task(self.sweep())

    async def drained(self, timeout: float) -> bool:  # noqa: ASYNC109 - a bound on waiting, whose end is an answer
        """Wait until every message handed over is confirmed; False if that takes longer than `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    async def backlog(self) -> Backlog:
        """What is not confirmed yet, whichever process stored it."""
        async with self._database.latest() as connection:
            [row] = await connection.fetch(
                """
                select count(*) filter (where failed_at is null) as depth,
                    coalesce(extract(epoch from now() - min(created_at) filter (where failed_at is null)), 0) as age,
                    count(*) filter (where failed_at is not null) as set_aside
                from outbox
                """
            )
        return Backlog(row["depth"], max(0.0, float(row["age"])), row["set_aside"])

    async def redrive(self) -> int:
        """Give what was set aside its tries back; the sweeper publishes it. Returns how many rows."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                """
                update outbox set attempts = 0, failed_at = null, reason = null
                where failed_at is not null returning id
                """
            )
        return len(rows)

    def _hand_over(self, rows: list[tuple[int, Outgoing]]) -> None:
        for id, outgoing in rows:
            if id not in self._in_flight:
                self._in_flight.add(id)
                self._empty.clear()
                self._ready.put_nowait((id, outgoing))

    async def _publish_ready(self, group: TaskGroup) -> None:
        while True:
            id, outgoing = await self._ready.get()
            # One task a message: confirms are awaited side by side, and a slow consumer of one holds no other up.
            group.create_task(self._publish(id, outgoing))

    async def _publish(self, id: int, outgoing: Outgoing) -> None:
        try:
            if isinstance(outgoing, Task):
                await self._tasks.enqueue(outgoing)
            else:
                await self._bus.publish(outgoing)
        except UnavailableError as error:
            _log.warning("not published, the row stays", id=id, reason=str(error))
            self._forget([id])
        except Exception as error:  # noqa: BLE001 - the edge of a message: the row stays and the sweeper comes back to it
            name = outgoing.actor if isinstance(outgoing, Task) else outgoing.type
            await self._keep(id, name, error, self._sweeping.attempts)
        else:
            self._confirmed.append(id)
            self._wake_deleter.set()

    async def _keep(self, id: int, name: str, error: Exception, limit: int) -> None:
        """Count a failure; the row is set aside with `limit` of them."""
        reason = reason_of(error)
        try:
            async with self._database.transaction() as connection:
                attempts = await connection.fetchval(
                    """
                    update outbox set attempts = attempts + 1, tried_at = now(),
                        failed_at = case when attempts + 1 >= $2 then now() end,
                        reason = case when attempts + 1 >= $2 then $3 end
                    where id = $1 returning attempts
                    """,
                    id,
                    limit,
                    reason,
                )
        except DatabaseUnavailableError as unreachable:
            _log.warning("outbox row could not be marked", id=id, reason=str(unreachable))
        else:
            _log.warning("not published, the row stays", id=id, name=name, attempts=attempts, reason=reason)
        finally:
            self._forget([id])

    async def _delete_confirmed(self) -> None:
        while True:
            await self._wake_deleter.wait()
            self._wake_deleter.clear()
            ids, self._confirmed = self._confirmed, []
            await self._delete(ids)

    async def _delete(self, ids: list[int]) -> None:
        try:
            async with self._database.transaction() as connection:
                await connection.execute("delete from outbox where id = any($1::bigint[])", ids)
        except DatabaseUnavailableError as error:
            # The rows stay and are published once more: harmless, and better than to stop for it.
            _log.warning("confirmed outbox rows could not be deleted", rows=len(ids), reason=str(error))
        self._forget(ids)

    def _forget(self, ids: list[int]) -> None:
        self._in_flight.difference_update(ids)
        if not self._in_flight:
            self._empty.set()

    async def sweep(self) -> None:
        """Publish what is left behind, until cancelled; by `run`."""
        while True:
            await asyncio.sleep(self._sweeping.every)
            try:
                await self._sweep_once(self._sweeping.left_behind_after)
            except DatabaseUnavailableError as error:
                _log.warning("outbox not swept", reason=str(error))

    async def _sweep_once(self, left_behind_after: float) -> int:
        """Returns how many rows were found, of as many as may be under way."""
        if len(self._in_flight) >= self._sweeping.under_way:
            return 0
        async with self._database.latest() as connection:
            rows = await connection.fetch(
                """
                select id, kind, name, body from outbox
                where failed_at is null
                    and tried_at <= now() - make_interval(secs => $1)
                    and not id = any($2::bigint[])
                order by id limit $3
                """,
                left_behind_after,
                list(self._in_flight),
                self._sweeping.rows,
            )
        for row in rows:
            try:
                outgoing = _decode(row["kind"], row["body"])
            except msgspec.MsgspecError as error:
                # Written by another version of the program; it must not keep this one from the rows behind it.
                await self._keep(row["id"], row["name"], error, limit=1)
            else:
                self._hand_over([(row["id"], outgoing)])
        return len(rows)


async def _store(connection: Writer, outgoing: list[Outgoing]) -> list[int]:
    if not outgoing:
        return []
    rows = await connection.fetch(
        """
        insert into outbox (message_id, kind, name, subject, body)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[])
        returning id
        """,
        [item.id for item in outgoing],
        ["task" if isinstance(item, Task) else "event" for item in outgoing],
        [item.actor if isinstance(item, Task) else item.type for item in outgoing],
        ["" if isinstance(item, Task) else item.subject for item in outgoing],
        [msgspec.msgpack.encode(item) for item in outgoing],
    )
    return [row["id"] for row in rows]


def _decode(kind: str, body: bytes) -> Outgoing:
    if kind == "task":
        return msgspec.msgpack.decode(body, type=Task)
    return msgspec.msgpack.decode(body, type=Message)
