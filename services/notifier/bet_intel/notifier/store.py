"""Everything the notifier asks of its database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from bet_intel.notifier.domain.alerts import Alert, AlertKey
from bet_intel.notifier.domain.opportunities import OpportunitySet
from bet_intel.notifier.domain.rules import Alerted
from bet_intel.shared.partitions import DailyTable
from bet_intel.shared.postgres import Writer

DELIVERIES = DailyTable("delivery", "created_at")
"""By the clock."""


class State(StrEnum):
    """Of a delivery: `PENDING`, then one of the others."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert on its way by one channel."""

    id: int
    subscription_id: str
    opportunity_id: str
    event_id: str
    opening: int
    channel: str
    state: State
    attempts: int


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


async def add_deliveries(connection: Writer, alerts: Sequence[Alert], now: datetime) -> list[int]:
    """Remember the alerts and make a delivery of each that goes beyond the last one; returns the deliveries' ids.

    The rows of `alerted` are what keeps an alert from being repeated.
    """
    if not alerts:
        return []
    rows = await connection.fetch(
        """
        with alert as (
            select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::float8[],
                $7::text[]) as alert (subscription_id, opportunity_id, event_id, opening, level, ev, channel)
        ), remembered as (
            insert into alerted (subscription_id, opportunity_id, event_id, opening, level, ev, alerted_at)
            select subscription_id, opportunity_id, event_id, opening, level, ev, $8 from alert
            order by subscription_id, opportunity_id
            on conflict (subscription_id, opportunity_id) do update
            set event_id = excluded.event_id, opening = excluded.opening, level = excluded.level, ev = excluded.ev,
                alerted_at = excluded.alerted_at
            where (excluded.opening, excluded.level) > (alerted.opening, alerted.level)
            returning subscription_id, opportunity_id
        )
        insert into delivery (subscription_id, opportunity_id, event_id, opening, level, channel, created_at)
        select subscription_id, opportunity_id, event_id, opening, level, channel, $8
        from alert join remembered using (subscription_id, opportunity_id)
        returning id
        """,
        [alert.subscription_id for alert in alerts],
        [alert.opportunity_id for alert in alerts],
        [alert.event_id for alert in alerts],
        [alert.alerted.opening for alert in alerts],
        [alert.alerted.level for alert in alerts],
        [alert.alerted.ev for alert in alerts],
        [alert.channel for alert in alerts],
        now,
    )
    return [row["id"] for row in rows]


async def lock_delivery(connection: Writer, id: int) -> Delivery | None:
    row = await connection.fetchrow(
        """
        select id, subscription_id, opportunity_id, event_id, opening, channel, state, attempts
        from delivery where id = $1 for update
        """,
        id,
    )
    return None if row is None else Delivery(**(dict(row) | {"state": State(row["state"])}))


async def current_set(connection: Writer, event_id: str) -> OpportunitySet | None:
    """The last set of an event, None where there never was one."""
    body = await connection.fetchval("select body from opportunity_set where event_id = $1", event_id)
    return None if body is None else msgspec.json.decode(body, type=OpportunitySet)


async def end_delivery(
    connection: Writer, delivery: Delivery, state: State, *, reason: str | None, text: str | None
) -> None:
    """Move a delivery to `state`; one that was sent, or tried to, has one attempt more."""
    await connection.execute(
        """
        update delivery set state = $2, attempts = attempts + ($2 <> 'skipped')::integer, reason = $3, text = $4,
            ended_at = case when $2 <> 'pending' then clock_timestamp() end
        where id = $1
        """,
        delivery.id,
        state.value,
        reason,
        text,
    )
