"""The SQL of what callers write: answers to be given again, and pricing settings."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg
import msgspec

from bet_intel.api.problems import BusyError
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader, Writer

_KEPT = timedelta(days=1)
_FORGOTTEN_AT_ONCE = 100


class Answer(NamedTuple):
    """What a request was answered. `body` is as it is stored: encrypted where `is_secret`; `headers` are those that
    belong to the answer itself, as its ETag."""

    status: int
    location: str | None
    body: bytes
    is_secret: bool
    headers: Mapping[str, str]


class Claimed(NamedTuple):
    """An idempotency key that was used before: for which request, and what that was answered."""

    digest: bytes
    answer: Answer


async def claim(connection: Writer, account: str, key: str, digest: bytes, now: datetime) -> Claimed | None:
    """Take a key for the request with `digest`; returns what is known of it where somebody had it first.

    Another request with the key that is under way is waited for.

    Raises:
        BusyError: that one does not end.
    """
    await connection.execute("set local lock_timeout = '5s'")
    try:
        await connection.execute(
            "delete from idempotency where account = $1 and key = $2 and created_at < $3", account, key, now - _KEPT
        )
        taken = await connection.fetchval(
            """
            insert into idempotency (account, key, digest, created_at) values ($1, $2, $3, $4)
            on conflict (account, key) do nothing returning true
            """,
            account,
            key,
            digest,
            now,
        )
    except asyncpg.LockNotAvailableError as error:
        raise BusyError("Another request with this Idempotency-Key is under way; ask again for its answer.") from error
    if taken:
        await _forget(connection, now - _KEPT)
        return None
    row = await connection.fetchrow("select * from idempotency where account = $1 and key = $2", account, key)
    if row is None or row["status"] is None:
        raise BusyError("Another request with this Idempotency-Key has just ended; ask again.")
    headers = msgspec.json.decode(row["headers"], type=dict[str, str])
    return Claimed(row["digest"], Answer(row["status"], row["location"], row["answer"], row["is_secret"], headers))


async def _forget(connection: Writer, before: datetime) -> None:
    await connection.execute(
        """
        delete from idempotency where (account, key) in (
            select account, key from idempotency where created_at < $1
            order by created_at limit $2 for update skip locked
        )
        """,
        before,
        _FORGOTTEN_AT_ONCE,
    )


async def keep_answer(connection: Writer, account: str, key: str, answer: Answer) -> None:
    await connection.execute(
        """
        update idempotency set status = $3, location = $4, answer = $5, is_secret = $6, headers = $7
        where account = $1 and key = $2
        """,
        account,
        key,
        *answer[:-1],
        msgspec.json.encode(answer.headers).decode(),
    )


async def pricing(connection: Reader | Writer, profile: str) -> Record | None:
    return await connection.fetchrow(
        "select revision, settings, updated_at from pricing_settings where profile = $1", profile
    )


async def lock_pricing(connection: Writer) -> None:
    """Let one change of pricing settings at a time, also the first one of a profile."""
    await connection.execute("lock table pricing_settings in share row exclusive mode")


async def put_pricing(connection: Writer, profile: str, revision: int, settings: bytes, now: datetime) -> None:
    await connection.execute(
        """
        insert into pricing_settings (profile, revision, settings, updated_at) values ($1, $2, $3, $4)
        on conflict (profile) do update
        set revision = excluded.revision, settings = excluded.settings, updated_at = excluded.updated_at
        """,
        profile,
        revision,
        settings.decode(),
        now,
    )
