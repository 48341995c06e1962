"""The SQL of the copies of subscriptions."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from bet_intel.notifier.domain.rules import Rule
from bet_intel.shared.postgres import Reader, Writer

DELETED = "deleted"
ACTIVE = "active"


class Subscription(NamedTuple):
    """A subscription at a revision. `rule`, `url` and `secret` (encrypted) are None where it was deleted."""

    id: str
    revision: int
    status: str
    rule: Rule | None
    url: str | None
    secret: bytes | None


async def put(connection: Writer, subscriptions: Sequence[Subscription]) -> set[str]:
    """Keep what is newer; one of each id, in the order of ids. Returns the ids of those that were."""
    rows = await connection.fetch(
        """
        insert into subscription as known (id, revision, status, rule, url, secret)
        select * from unnest($1::text[], $2::bigint[], $3::text[], $4::jsonb[], $5::text[], $6::bytea[])
        on conflict (id) do update set
            revision = excluded.revision, status = excluded.status, rule = excluded.rule, url = excluded.url,
            secret = excluded.secret, heard_at = excluded.heard_at
        where excluded.revision > known.revision
        returning id
        """,
        [one.id for one in subscriptions],
        [one.revision for one in subscriptions],
        [one.status for one in subscriptions],
        [None if one.rule is None else msgspec.json.encode(one.rule).decode() for one in subscriptions],
        [one.url for one in subscriptions],
        [one.secret for one in subscriptions],
    )
    return {row["id"] for row in rows}


async def get(connection: Writer, id: str) -> Subscription | None:
    row = await connection.fetchrow(
        "select id, revision, status, rule, url, secret from subscription where id = $1", id
    )
    if row is None:
        return None
    rule = None if row["rule"] is None else msgspec.json.decode(row["rule"], type=Rule)
    return Subscription(row["id"], row["revision"], row["status"], rule, row["url"], row["secret"])


async def disable(connection: Writer, id: str, revision: int) -> None:
    """Send nothing more for a subscription that still is at `revision`, until its owner tells a newer one."""
    await connection.execute(
        "update subscription set status = 'disabled' where id = $1 and revision = $2 and status <> 'deleted'",
        id,
        revision,
    )


class ActiveRules:
    """The rules of active subscriptions; decodes each revision once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Rule]] = {}

    async def read(self, connection: Writer | Reader) -> list[Rule]:
        rows = await connection.fetch("select id, revision from subscription where status = 'active' order by id")
        missing = [row["id"] for row in rows if self._known.get(row["id"], (0, None))[0] != row["revision"]]
        found = {row["id"]: self._known[row["id"]] for row in rows if row["id"] not in missing}
        if missing:
            told = await connection.fetch(
                "select id, revision, rule from subscription where id = any($1::text[]) and status = 'active'", missing
            )
            for row in told:
                found[row["id"]] = (row["revision"], msgspec.json.decode(row["rule"], type=Rule))
        self._known = found
        return [found[row["id"]][1] for row in rows if row["id"] in found]


async def has_none(connection: Reader) -> bool:
    empty: bool = await connection.fetchval("select not exists (select from subscription)")
    return empty


async def delete_marks(connection: Writer, before: datetime) -> int:
    """Delete some of the marks of subscriptions that were deleted before `before`."""
    status = await connection.execute(
        """
        delete from subscription where id = any(array(
            select id from subscription where status = 'deleted' and heard_at < $1
            order by id limit 500 for update skip locked
        ))
        """,
        before,
    )
    return int(status.rpartition(" ")[2])
