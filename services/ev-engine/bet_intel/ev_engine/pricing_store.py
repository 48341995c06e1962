"""The SQL of pricing settings, and of what is to be priced anew because of them."""

from collections.abc import Mapping
from datetime import datetime

from bet_intel.shared.postgres import Reader, Writer


async def settings(connection: Writer | Reader, newer_than: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """Revision and settings (JSON) of each profile of `newer_than` whose settings are newer than it says."""
    rows = await connection.fetch(
        """
        select profile, revision, settings from pricing_settings
        join unnest($1::text[], $2::bigint[]) as known (name, newest) on profile = name where revision > newest
        """,
        list(newer_than),
        list(newer_than.values()),
    )
    return {row["profile"]: (row["revision"], row["settings"]) for row in rows}


async def revisions_together(connection: Writer) -> int:
    """The revisions of all profiles added up: it grows whenever one of them does, in whatever order they come."""
    together: int = await connection.fetchval("select coalesce(sum(revision), 0)::bigint from pricing_settings")
    return together


async def put_settings(connection: Writer, profile: str, revision: int, settings: str) -> bool:
    """Keep the settings of a profile; whether they were newer."""
    newer: bool | None = await connection.fetchval(
        """
        insert into pricing_settings as known (profile, revision, settings) values ($1, $2, $3)
        on conflict (profile) do update set revision = excluded.revision, settings = excluded.settings
        where excluded.revision > known.revision
        returning true
        """,
        profile,
        revision,
        settings,
    )
    return bool(newer)


async def has_no_settings(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from pricing_settings)")
    return empty


async def has_no_events(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from event)")
    return empty


async def newest_revision(connection: Writer) -> int:
    """The highest revision of any event's set, 0 where there is none."""
    revision: int = await connection.fetchval("select coalesce(max(revision), 0) from event")
    return revision


async def to_price_anew(
    connection: Reader, after: str, shard: tuple[int, int], pricing_revision: int, told_before: int, limit: int
) -> dict[str, datetime]:
    """Ids behind `after`, in their order, of the shard's open events whose set was priced with older settings or has a
    revision below `told_before`, with their source times. `shard` is its number, from 0, and how many there are."""
    rows = await connection.fetch(
        """
        select id, as_of from event
        where id > $1 and open and (pricing_revision < $2 or revision < $3)
            and mod(hashtext(id)::bigint + 2147483648, $4) = $5
        order by id limit $6
        """,
        after,
        pricing_revision,
        told_before,
        shard[1],
        shard[0],
        limit,
    )
    return {row["id"]: row["as_of"] for row in rows}
