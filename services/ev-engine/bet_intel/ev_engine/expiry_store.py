"""The SQL of what is not told of any more."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bet_intel.shared.postgres import Reader


class ToldUntil(NamedTuple):
    """The source time of the newest that was told of any event of a provider, and whether it goes on with the clock."""

    as_of: datetime
    live: bool


async def told_until(connection: Reader) -> dict[str, ToldUntil]:
    """By provider."""
    rows = await connection.fetch(
        """
        select distinct on (provider) provider, told_as_of, live
        from (select split_part(id, ':', 1) as provider, told_as_of, live from event) as known
        where told_as_of is not null order by provider, told_as_of desc, live desc
        """
    )
    return {row["provider"]: ToldUntil(row["told_as_of"], row["live"]) for row in rows}


_SILENT = """
    from event join unnest($1::text[], $2::timestamptz[]) as now (provider, at)
        on split_part(id, ':', 1) = now.provider
    where open and as_of < now.at - $3::interval
        -- Later than that every price is stale, and nothing changes any more.
        and as_of < told_as_of + $4::interval
"""


async def silent(
    connection: Reader,
    times: Mapping[str, datetime],
    silence: timedelta,
    stale: timedelta,
    shard: tuple[int, int],
    after: str,
    limit: int,
) -> dict[str, str]:
    """Ids behind `after`, in their order, of the shard's open events whose set is older than the time of their provider
    by more than `silence`, and was not priced yet at a time when all of its prices are `stale`; with their provider."""
    rows = await connection.fetch(
        f"""
        select id, now.provider {_SILENT} and id > $5 and mod(hashtext(id)::bigint + 2147483648, $6) = $7
        order by id limit $8
        """,
        *(list(times), list(times.values()), silence, stale),
        *(after, shard[1], shard[0], limit),
    )
    return {row["id"]: row["provider"] for row in rows}


async def silent_shards(
    connection: Reader, times: Mapping[str, datetime], silence: timedelta, stale: timedelta, shards: int
) -> Sequence[int]:
    """In which of the shards there are such events."""
    rows = await connection.fetch(
        f"select distinct mod(hashtext(id)::bigint + 2147483648, $5) as shard {_SILENT} order by shard",
        *(list(times), list(times.values()), silence, stale, shards),
    )
    return [row["shard"] for row in rows]
