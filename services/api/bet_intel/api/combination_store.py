"""The SQL of opportunities of several legs."""

from collections.abc import Collection, Sequence

import msgspec

from bet_intel.api.domain.combinations import KnownCombination
from bet_intel.api.domain.model import Leg, OpenCombination
from bet_intel.shared.postgres import Writer

_COLUMNS = ", ".join(OpenCombination.__struct_encode_fields__)
_MOVING = ", ".join(
    f"{column} = excluded.{column}"
    for column in OpenCombination.__struct_encode_fields__
    if column not in ("id", "event_id", "kind", "profile", "sport", "league", "market", "period", "subject")
)


async def open_now(connection: Writer, event_ids: Collection[str]) -> dict[str, KnownCombination]:
    """Combinations of these events that are open, by id."""
    rows = await connection.fetch(
        """
        select id, event_id, kind, profile, class, sport, league, commence_time, market, ev, legs
        from combination where event_id = any($1)
        """,
        event_ids,
    )
    return {
        row["id"]: KnownCombination(
            row["id"],
            row["event_id"],
            row["kind"],
            row["profile"],
            row["class"],
            row["sport"],
            row["league"],
            row["commence_time"],
            row["market"],
            row["ev"],
            msgspec.json.decode(row["legs"], type=list[Leg]),
        )
        for row in rows
    }


async def put(connection: Writer, combinations: Sequence[OpenCombination]) -> None:
    """Open combinations, new ones and those that were open already."""
    if not combinations:
        return
    await connection.execute(
        f"""
        insert into combination ({_COLUMNS})
        select {_COLUMNS} from jsonb_populate_recordset(null::combination, $1::jsonb)
        on conflict (id) do update set {_MOVING}
        """,  # noqa: S608 - the column names are those of a structure of ours
        msgspec.json.encode(combinations).decode(),
    )


async def remove(connection: Writer, ids: Collection[str]) -> None:
    if ids:
        await connection.execute("delete from combination where id = any($1::text[])", list(ids))
