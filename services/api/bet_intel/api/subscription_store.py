"""The SQL of subscriptions and of the log of their deliveries."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from bet_intel.api.domain.subscriptions import DeliveryReport, Rule, SubscriptionRow
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader, Writer

_LOGGED = len(DeliveryReport._fields) - 2


async def put(connection: Writer, row: SubscriptionRow) -> None:
    await connection.execute(
        """
        insert into subscription (id, account, revision, status, disabled_reason, rule, url, secret, created_at,
            updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (id) do update set
            revision = excluded.revision, status = excluded.status, disabled_reason = excluded.disabled_reason,
            rule = excluded.rule, url = excluded.url, secret = excluded.secret, updated_at = excluded.updated_at
        """,
        *row._replace(rule=msgspec.json.encode(row.rule).decode()),  # type: ignore[arg-type]  # as the column has it
    )


async def lock_account(connection: Writer, account: str) -> int:
    """Let one subscription of an account be made at a time; returns how many there are."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('subscriptions of ' || $1, 0))", account)
    count: int = await connection.fetchval("select count(*) from subscription where account = $1", account)
    return count


async def lock(connection: Writer, account: str, id: str) -> SubscriptionRow | None:
    row = await connection.fetchrow("select * from subscription where account = $1 and id = $2 for update", account, id)
    return None if row is None else _row(row)


async def lock_all(connection: Writer, accounts: Sequence[str]) -> list[SubscriptionRow]:
    """Every subscription of these accounts, by id."""
    rows = await connection.fetch(
        "select * from subscription where account = any($1::text[]) order by id for update", list(accounts)
    )
    return [_row(row) for row in rows]


async def get(connection: Reader, account: str, id: str) -> SubscriptionRow | None:
    row = await connection.fetchrow("select * from subscription where account = $1 and id = $2", account, id)
    return None if row is None else _row(row)


async def listed(
    connection: Reader, account: str, after: tuple[datetime, str] | None, limit: int
) -> list[SubscriptionRow]:
    """In the order in which they were made; `after` is time and id of the last one seen."""
    beyond = "" if after is None else "and (created_at, id) > ($3, $4::uuid)"
    rows = await connection.fetch(
        f"select * from subscription where account = $1 {beyond} order by created_at, id limit $2",  # noqa: S608 - ours
        account,
        limit,
        *(after or ()),
    )
    return [_row(row) for row in rows]


async def all_after(connection: Reader | Writer, id: str, limit: int) -> list[SubscriptionRow]:
    """Every account's, by id."""
    rows = await connection.fetch("select * from subscription where id > $1::uuid order by id limit $2", id, limit)
    return [_row(row) for row in rows]


async def delete(connection: Writer, id: str) -> None:
    await connection.execute("delete from subscription where id = $1", id)


async def put_deliveries(connection: Writer, reports: Sequence[DeliveryReport]) -> set[str]:
    """Log what is newer; of subscriptions that are no more nothing is kept. Returns the ids of those that were not
    newer."""
    columns = [list(column) for column in zip(*reports, strict=True)][:_LOGGED]
    rows = await connection.fetch(
        """
        with told as (
            select told.* from unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                $7::int[], $8::int[], $9::text[], $10::int[], $11::text[], $12::int[], $13::timestamptz[],
                $14::timestamptz[], $15::timestamptz[]) as told (id, subscription_id, revision, kind, opportunity_id,
                event_id, opening, level, state, attempts, reason, response_status, created_at, next_attempt_at,
                ended_at)
            join subscription on subscription.id = told.subscription_id
        ), kept as (
            insert into delivery as known (id, subscription_id, revision, kind, opportunity_id, event_id, opening,
                level, state, attempts, reason, response_status, created_at, next_attempt_at, ended_at)
            select * from told
            on conflict (id) do update set
                revision = excluded.revision, state = excluded.state, attempts = excluded.attempts,
                reason = excluded.reason, response_status = excluded.response_status,
                next_attempt_at = excluded.next_attempt_at, ended_at = excluded.ended_at
            where excluded.revision > known.revision
            returning id
        )
        select id from told where not exists (select from kept where kept.id = told.id)
        """,
        *columns,
    )
    return {row["id"] for row in rows}


async def lock_receiver(connection: Writer, id: str, revision: int) -> SubscriptionRow | None:
    """The subscription, if it still is as it was at `revision`."""
    row = await connection.fetchrow(
        "select * from subscription where id = $1 and revision <= $2 and status <> 'disabled' for update", id, revision
    )
    return None if row is None else _row(row)


async def deliveries(
    connection: Reader, subscription_id: str, after: tuple[datetime, str] | None, limit: int
) -> list[Record]:
    """The newest first; `after` is time and id of the last one seen."""
    beyond = "" if after is None else "and created_at <= $3 and (created_at < $3 or id > $4)"
    return await connection.fetch(
        f"""
        select * from delivery where subscription_id = $1 {beyond} order by created_at desc, id limit $2
        """,  # noqa: S608 - ours
        subscription_id,
        limit,
        *(after or ()),
    )


async def delivery(connection: Reader | Writer, subscription_id: str, id: str) -> Record | None:
    return await connection.fetchrow(
        "select * from delivery where subscription_id = $1 and id = $2", subscription_id, id
    )


async def delete_deliveries(connection: Writer, before: datetime) -> int:
    """Delete some of the deliveries made before `before`."""
    status = await connection.execute(
        """
        delete from delivery where id = any(array(
            select id from delivery where created_at < $1 order by created_at limit 1000 for update skip locked
        ))
        """,
        before,
    )
    return int(status.rpartition(" ")[2])


def _row(row: Record) -> SubscriptionRow:
    return SubscriptionRow(
        str(row["id"]),
        row["account"],
        row["revision"],
        row["status"],
        row["disabled_reason"],
        msgspec.json.decode(row["rule"], type=Rule),
        row["url"],
        row["secret"],
        row["created_at"],
        row["updated_at"],
    )
