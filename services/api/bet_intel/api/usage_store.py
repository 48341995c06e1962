"""The SQL of how much accounts ask for."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader, Writer


async def add(connection: Writer, day: date, counted: Mapping[str, tuple[int, int]]) -> None:
    """Add requests and refusals to a day, by account; of accounts that are no more nothing is kept."""
    accounts = sorted(counted)
    await connection.execute(
        """
        insert into account_usage as known (account, day, requests, refused)
        select told.account, $2, told.requests, told.refused
        from unnest($1::text[], $3::bigint[], $4::bigint[]) as told (account, requests, refused)
        join account on account.id::text = told.account
        on conflict (account, day) do update set
            requests = known.requests + excluded.requests, refused = known.refused + excluded.refused
        """,
        accounts,
        day,
        [counted[account][0] for account in accounts],
        [counted[account][1] for account in accounts],
    )


async def mark_used(connection: Writer, keys: Collection[str], at: datetime) -> None:
    """Keys that were used until now."""
    await connection.execute(
        """
        update api_key set last_used_at = $2 where id = any(array(
            select id from api_key where id = any($1::uuid[]) and (last_used_at is null or last_used_at < $2)
            order by id for update
        ))
        """,
        list(keys),
        at,
    )


async def of(connection: Reader, account: str, since: date) -> list[Record]:
    """By day, the newest first."""
    return await connection.fetch(
        "select day, requests, refused from account_usage where account = $1 and day >= $2 order by day desc",
        account,
        since,
    )


async def delete_old(connection: Writer, before: date) -> int:
    """Delete some of the days before `before`."""
    status = await connection.execute(
        """
        delete from account_usage where (account, day) in (
            select account, day from account_usage where day < $1 order by day limit 1000 for update skip locked
        )
        """,
        before,
    )
    return int(status.rpartition(" ")[2])
