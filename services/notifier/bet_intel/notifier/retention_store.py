"""The SQL of retention."""

from datetime import datetime

from bet_intel.shared.postgres import Reader, Writer


async def newest_source_time(connection: Reader) -> datetime | None:
    newest: datetime | None = await connection.fetchval("select max(as_of) from opportunity_set")
    return newest


async def delete_sets(connection: Writer, before: datetime) -> int:
    """Delete some of the sets without opportunities that are older than `before`."""
    deleted: int = await connection.fetchval(
        """
        with over as (
            select event_id from opportunity_set
            where as_of < $1 and jsonb_array_length(body -> 'opportunities') = 0
            order by event_id limit 500 for update skip locked
        ), deleted as (
            delete from opportunity_set using over where opportunity_set.event_id = over.event_id returning 1
        )
        select count(*) from deleted
        """,
        before,
    )
    return deleted


async def count_pending(connection: Reader, before: datetime) -> int:
    """How many deliveries that were made before `before` are still pending."""
    pending: int = await connection.fetchval(
        "select count(*) from delivery where state = 'pending' and created_at < $1", before
    )
    return pending


async def delete_alerted(connection: Writer, before: datetime) -> int:
    """Delete some of the alerts before `before` whose opportunities are not in their event's set any more."""
    deleted: int = await connection.fetchval(
        """
        with over as (
            select subscription_id, opportunity_id from alerted
            where alerted_at < $1 and not exists (
                select from opportunity_set, jsonb_array_elements(body -> 'opportunities') as one
                where opportunity_set.event_id = alerted.event_id and one ->> 'id' = alerted.opportunity_id
            )
            order by subscription_id, opportunity_id limit 500 for update of alerted skip locked
        ), deleted as (
            delete from alerted using over
            where alerted.subscription_id = over.subscription_id and alerted.opportunity_id = over.opportunity_id
            returning 1
        )
        select count(*) from deleted
        """,
        before,
    )
    return deleted
