"""The SQL of sets and of the alerts they called for."""

from collections.abc import Collection, Sequence

import msgspec

from bet_intel.notifier.domain.alerts import AlertKey
from bet_intel.notifier.domain.opportunities import OpportunitySet
from bet_intel.notifier.domain.rules import Alerted
from bet_intel.shared.postgres import Reader, Writer


async def save_newer(connection: Writer, sets: Sequence[OpportunitySet]) -> set[str]:
    """Keep each set (one of each event) that is newer than the one kept; returns the ids of their events.

    The rows of the events stay locked until the end of the transaction, taken in the order given.
    """
    rows = await connection.fetch(
        """
        insert into opportunity_set as kept (event_id, revision, as_of, body)
        select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::jsonb[])
        on conflict (event_id) do update
        set revision = excluded.revision, as_of = excluded.as_of, body = excluded.body
        where excluded.revision > kept.revision
        returning event_id
        """,
        [one.event.id for one in sets],
        [one.revision for one in sets],
        [one.as_of for one in sets],
        [msgspec.json.encode(one).decode() for one in sets],
    )
    return {row["event_id"] for row in rows}


async def last_alerted(connection: Writer, opportunity_ids: Collection[str]) -> dict[AlertKey, Alerted]:
    """The last alert of each of these opportunities to each subscription."""
    rows = await connection.fetch(
        """
        select subscription_id, opportunity_id, opening, level, ev from alerted
        where opportunity_id = any($1::text[])
        """,
        list(opportunity_ids),
    )
    return {
        (row["subscription_id"], row["opportunity_id"]): Alerted(row["opening"], row["level"], row["ev"])
        for row in rows
    }


async def has_no_sets(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from opportunity_set)")
    return empty


async def current_set(connection: Writer, event_id: str) -> OpportunitySet | None:
    """The last set of an event, None where there never was one."""
    body = await connection.fetchval("select body from opportunity_set where event_id = $1", event_id)
    return None if body is None else msgspec.json.decode(body, type=OpportunitySet)
