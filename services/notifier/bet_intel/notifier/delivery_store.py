"""The SQL of deliveries."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from bet_intel.notifier.domain.alerts import Alert
from bet_intel.shared.partitions import DailyTable
from bet_intel.shared.postgres import Reader, Writer

DELIVERIES = DailyTable("delivery", "created_at")
"""By the clock."""

_COLUMNS = (
    "id, key, kind, subscription_id, opportunity_id, event_id, opening, level, channel, state, attempts, reason, "
    "response_status, body, is_resend, revision, created_at, next_attempt_at, ended_at"
)


class State(StrEnum):
    """Of a delivery: `PENDING`, then one of the others."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class Kind(StrEnum):
    ALERT = "alert"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way by one channel. `key` is its public id; `body` is what was last sent, and `is_resend` says
    that it is to be sent again as it was. Times are of the clock; `next_attempt_at` is None when it has ended."""

    id: int
    key: str
    kind: Kind
    subscription_id: str
    opportunity_id: str
    event_id: str
    opening: int
    level: int
    channel: str
    state: State
    attempts: int
    reason: str | None
    response_status: int | None
    body: str | None
    is_resend: bool
    revision: int
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to. `text` and `body` are what was sent, if anything was."""

    state: State
    reason: str | None = None
    response_status: int | None = None
    text: str | None = None
    body: str | None = None
    next_attempt_at: datetime | None = None


def key_of(alert: Alert) -> str:
    """The id of the delivery of an alert: the same whenever it is made, so that a receiver knows it again."""
    parts = (
        alert.subscription_id,
        alert.opportunity_id,
        str(alert.alerted.opening),
        str(alert.alerted.level),
        alert.channel,
    )
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


async def add_alerts(connection: Writer, alerts: Sequence[Alert], now: datetime, look_at: datetime) -> list[Delivery]:
    """Remember the alerts and make a delivery of each that goes beyond the last one.

    The rows of `alerted` are what keeps an alert from being repeated. `look_at` is when the sweeper looks whether a
    delivery still is under way.
    """
    if not alerts:
        return []
    rows = await connection.fetch(
        f"""
        with alert as (
            select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::float8[],
                $7::text[], $8::text[])
                as alert (subscription_id, opportunity_id, event_id, opening, level, ev, channel, key)
        ), remembered as (
            insert into alerted (subscription_id, opportunity_id, event_id, opening, level, ev, alerted_at)
            select subscription_id, opportunity_id, event_id, opening, level, ev, $9 from alert
            order by subscription_id, opportunity_id
            on conflict (subscription_id, opportunity_id) do update
            set event_id = excluded.event_id, opening = excluded.opening, level = excluded.level, ev = excluded.ev,
                alerted_at = excluded.alerted_at
            where (excluded.opening, excluded.level) > (alerted.opening, alerted.level)
            returning subscription_id, opportunity_id
        )
        insert into delivery (key, subscription_id, opportunity_id, event_id, opening, level, channel, created_at,
            next_attempt_at, revision)
        select key, subscription_id, opportunity_id, event_id, opening, level, channel, $9, $10,
            (extract(epoch from $9::timestamptz) * 1000000)::bigint
        from alert join remembered using (subscription_id, opportunity_id)
        returning {_COLUMNS}
        """,  # noqa: S608 - the column names are ours
        [alert.subscription_id for alert in alerts],
        [alert.opportunity_id for alert in alerts],
        [alert.event_id for alert in alerts],
        [alert.alerted.opening for alert in alerts],
        [alert.alerted.level for alert in alerts],
        [alert.alerted.ev for alert in alerts],
        [alert.channel for alert in alerts],
        [key_of(alert) for alert in alerts],
        now,
        look_at,
    )
    return [_delivery(row) for row in rows]


async def add_test(
    connection: Writer, key: str, subscription_id: str, channel: str, now: datetime, look_at: datetime
) -> Delivery | None:
    """Make the delivery of a test message; None where there is one."""
    # One at a time of a key: no index over all days can be unique in it.
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('delivery ' || $1, 0))", key)
    row = await connection.fetchrow(
        f"""
        insert into delivery (key, kind, subscription_id, opportunity_id, event_id, opening, level, channel, created_at,
            next_attempt_at, revision)
        select $1, 'test', $2, '', '', 1, 1, $3, $4::timestamptz, $5,
            (extract(epoch from $4::timestamptz) * 1000000)::bigint
        where not exists (select from delivery where key = $1)
        returning {_COLUMNS}
        """,  # noqa: S608 - the column names are ours
        key,
        subscription_id,
        channel,
        now,
        look_at,
    )
    return None if row is None else _delivery(row)


async def send_again(
    connection: Writer, key: str, subscription_id: str, now: datetime, look_at: datetime
) -> Delivery | None:
    """Give a delivery that has ended all its attempts once more; None where there is none, or it is under way."""
    row = await connection.fetchrow(
        f"""
        update delivery set state = 'pending', attempts = 0, reason = null, text = null, ended_at = null,
            next_attempt_at = $4, is_resend = body is not null,
            revision = greatest(revision + 1, (extract(epoch from $3::timestamptz) * 1000000)::bigint)
        where key = $1 and subscription_id = $2 and state <> 'pending'
        returning {_COLUMNS}
        """,  # noqa: S608 - the column names are ours
        key,
        subscription_id,
        now,
        look_at,
    )
    return None if row is None else _delivery(row)


async def take_due(connection: Writer, now: datetime, look_at: datetime, limit: int) -> list[tuple[int, int]]:
    """Id and attempts so far of deliveries whose next attempt is due; nobody else takes them before `look_at`."""
    rows = await connection.fetch(
        """
        update delivery set next_attempt_at = $2
        where (id, created_at) in (
            select id, created_at from delivery where state = 'pending' and next_attempt_at <= $1
            order by next_attempt_at limit $3 for update skip locked
        )
        returning id, attempts
        """,
        now,
        look_at,
        limit,
    )
    return [(row["id"], row["attempts"]) for row in rows]


async def by_state(connection: Reader) -> dict[str, int]:
    """How many deliveries of the last hour are in each state that any is in."""
    rows = await connection.fetch(
        "select state, count(*) as deliveries from delivery where created_at > now() - interval '1 hour' group by state"
    )
    return {row["state"]: row["deliveries"] for row in rows}


async def lock(connection: Writer, id: int) -> Delivery | None:
    row = await connection.fetchrow(f"select {_COLUMNS} from delivery where id = $1 for update", id)  # noqa: S608 - ours
    return None if row is None else _delivery(row)


async def end_attempt(connection: Writer, delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery:
    """Store what an attempt came to; one that was skipped was none."""
    row = await connection.fetchrow(
        f"""
        update delivery set state = $2, attempts = attempts + ($2 <> 'skipped')::integer, reason = $3,
            response_status = $4, text = $5, body = coalesce($6, body), next_attempt_at = $7,
            ended_at = case when $2 <> 'pending' then $8::timestamptz end,
            revision = greatest(revision + 1, (extract(epoch from $8::timestamptz) * 1000000)::bigint)
        where id = $1 returning {_COLUMNS}
        """,  # noqa: S608 - the column names are ours
        delivery.id,
        outcome.state.value,
        outcome.reason,
        outcome.response_status,
        outcome.text,
        outcome.body,
        outcome.next_attempt_at,
        now,
    )
    if row is None:
        raise LookupError(f"delivery {delivery.id} is locked, and gone")
    return _delivery(row)


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(**(dict(row) | {"state": State(row["state"]), "kind": Kind(row["kind"])}))


def tellable(deliveries: Collection[Delivery], channel: str) -> list[Delivery]:
    """Those of subscriptions of the gateway: the rules of the settings are nobody's business there."""
    return [delivery for delivery in deliveries if delivery.channel == channel]
