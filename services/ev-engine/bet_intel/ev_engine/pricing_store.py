"""The SQL of pricing settings, and of what is to be priced anew because of them."""

from datetime import datetime

from bet_intel.shared.postgres import Reader, Writer


async def settings(connection: Writer | Reader, profile: str, newer_than: int) -> tuple[int, str] | None:
    """Revision and settings (JSON) of a profile, where they are newer."""
    row = await connection.fetchrow(
        "select revision, settings from pricing_settings where profile = $1 and revision > $2", profile, newer_than
    )
    return None if row is None else (row["revision"], row["settings"])


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
