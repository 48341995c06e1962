"""Dead letters in the consumer's own database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bet_intel.shared.messaging import DeadLetter
from bet_intel.shared.postgres.database import Database


class PostgresDeadLetters:
    """`messaging.DeadLetters` in the consumer's own database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, letter: DeadLetter) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                insert into dead_letter (queue, id, name, subject, body, reason, attempts)
                values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (queue, id) do update
                set reason = excluded.reason, attempts = excluded.attempts, died_at = now()
                """,
                letter.queue,
                letter.id,
                letter.name,
                letter.subject,
                letter.body,
                letter.reason,
                letter.attempts,
            )

    async def kept(self, queue: str) -> Sequence[DeadLetter]:
        async with self._database.latest() as connection:
            rows = await connection.fetch(
                """
                select queue, id, name, subject, body, reason, attempts
                from dead_letter where queue = $1 order by died_at, id
                """,
                queue,
            )
        return [DeadLetter(**row) for row in rows]

    @asynccontextmanager
    async def removing(self, queue: str, id: str) -> AsyncIterator[None]:
        # The deleted row stays locked until the end of the block: `keep` waits for it, and writes it anew.
        async with self._database.transaction() as connection:
            await connection.execute("delete from dead_letter where queue = $1 and id = $2", queue, id)
            yield

    async def count(self) -> int:
        async with self._database.latest() as connection:
            return int(await connection.fetchval("select count(*) from dead_letter"))
