"""The SQL of the log of what administrators did, which gateways follow."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import TIMELINE, Reader, Writer


class Act(NamedTuple):
    """Something an administrator did. `actor` is his account, or who else; `subject` whose account, which tier, which
    profile; `detail` never holds a secret."""

    at: datetime
    actor: str
    actor_key: str | None
    request_id: str
    act: str
    subject: str
    detail: Mapping[str, Any]


class AuditPosition(NamedTuple):
    """Where the log stands."""

    epoch: int
    seq: int


async def append(connection: Writer, act: Act) -> None:
    """Enter an act as the last statement of its transaction: the numbers are taken one after the other."""
    seq = await connection.fetchval(
        f"""
        update audit_position set seq = seq + 1, timeline = now.timeline,
            epoch = case when now.timeline = audit_position.timeline then audit_position.epoch
                else greatest(now.epoch, audit_position.epoch + 1) end
        from (select {TIMELINE} as timeline, (extract(epoch from clock_timestamp()) * 1000)::bigint as epoch) as now
        returning seq
        """  # noqa: S608 - a constant
    )
    if seq is None:
        seq = await _begin(connection)
    await connection.execute(
        """
        insert into audit_entry (seq, at, actor, actor_key, request_id, act, subject, detail)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        seq,
        *act._replace(detail=msgspec.json.encode(act.detail).decode()),  # type: ignore[arg-type]  # as the column has it
    )


async def _begin(connection: Writer) -> int:
    """The position was emptied by hand: go on behind what there is, under another name."""
    seq: int = await connection.fetchval(
        f"""
        insert into audit_position (epoch, seq, timeline)
        values (
            (extract(epoch from clock_timestamp()) * 1000)::bigint, (select coalesce(max(seq), 0) + 1 from audit_entry),
            {TIMELINE}
        )
        returning seq
        """  # noqa: S608 - a constant
    )
    return seq


async def position(connection: Reader) -> AuditPosition:
    row = await connection.fetchrow("select epoch, seq from audit_position")
    return AuditPosition(0, 0) if row is None else AuditPosition(*row)


async def subjects_after(connection: Reader, seq: int) -> list[tuple[str, str]]:
    """Act and subject of everything behind `seq`."""
    rows = await connection.fetch("select act, subject from audit_entry where seq > $1", seq)
    return [(row["act"], row["subject"]) for row in rows]


async def listed(
    connection: Reader,
    subject: str | None,
    actor: str | None,
    act: str | None,
    before: int | None,
    limit: int,
) -> list[Record]:
    """The newest first; `before` is the number of the last one seen."""
    return await connection.fetch(
        """
        select * from audit_entry
        where ($1::text is null or subject = $1) and ($2::text is null or actor = $2) and ($3::text is null or act = $3)
            and ($4::bigint is null or seq < $4)
        order by seq desc limit $5
        """,
        subject,
        actor,
        act,
        before,
        limit,
    )


async def delete_old(connection: Writer, before: datetime) -> int:
    """Delete some of the oldest entries, as far as they are of before `before`."""
    status = await connection.execute(
        """
        delete from audit_entry where seq = any(array(
            select seq from audit_entry where at < $1 order by seq limit 1000 for update skip locked
        ))
        """,
        before,
    )
    return int(status.rpartition(" ")[2])
