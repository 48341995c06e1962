"""The SQL of accounts, keys and tiers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bet_intel.api.domain.accounts import Tier
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import Reader, Writer


class AccountRow(NamedTuple):
    id: str
    name: str
    tier: str
    created_at: datetime
    updated_at: datetime


class KeyRow(NamedTuple):
    """A key without its secret; `hint` are the characters before its checksum."""

    id: str
    account: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at is None or self.expires_at > now else "expired"


_KEY = ", ".join(KeyRow._fields)
_ACCOUNT = ", ".join(AccountRow._fields)


async def tiers(connection: Reader | Writer) -> list[Tier]:
    """All tiers, in the order in which they are shown."""
    rows = await connection.fetch("select * from tier order by position")
    return [
        Tier(
            row["name"],
            row["requests_per_minute"],
            tuple(row["categories"]),
            row["delay_seconds"],
            tuple(row["features"]),
            row["streams"],
            row["subscriptions"],
        )
        for row in rows
    ]


async def lock_tiers(connection: Writer) -> None:
    """Let one change of a tier at a time, and none of an account beside it."""
    await connection.execute("lock table tier, account in share row exclusive mode")


async def put_tier(connection: Writer, tier: Tier) -> None:
    """Change a tier that there is."""
    await connection.execute(
        """
        update tier set requests_per_minute = $2, categories = $3, delay_seconds = $4, features = $5, streams = $6,
            subscriptions = $7
        where name = $1
        """,
        tier.name,
        tier.requests_per_minute,
        list(tier.categories),
        tier.delay_seconds,
        list(tier.features),
        tier.streams,
        tier.subscriptions,
    )


async def add(connection: Writer, account: AccountRow) -> bool:
    """Whether it was stored: False where there is one of its name."""
    added = await connection.fetchval(
        f"insert into account ({_ACCOUNT}) values ($1, $2, $3, $4, $5) "  # noqa: S608 - names of ours
        "on conflict (name) do nothing returning true",
        *account,
    )
    return bool(added)


async def change(connection: Writer, account: AccountRow) -> None:
    await connection.execute(
        "update account set name = $2, tier = $3, updated_at = $4 where id = $1",
        account.id,
        account.name,
        account.tier,
        account.updated_at,
    )


async def lock(connection: Writer, id: str) -> AccountRow | None:
    row = await connection.fetchrow(f"select {_ACCOUNT} from account where id = $1 for update", id)  # noqa: S608 - ours
    return None if row is None else _account(row)


async def hold(connection: Writer, id: str) -> bool:
    """Keep the account and its tier as they are until the transaction ends; whether there is one."""
    row = await connection.fetchrow(
        "select a.id from account a join tier t on t.name = a.tier where a.id = $1 for share", id
    )
    return row is not None


async def get(connection: Reader | Writer, id: str) -> AccountRow | None:
    row = await connection.fetchrow(f"select {_ACCOUNT} from account where id = $1", id)  # noqa: S608 - names of ours
    return None if row is None else _account(row)


async def named(connection: Writer, name: str) -> str | None:
    """The id of the account of that name."""
    id = await connection.fetchval("select id from account where name = $1", name)
    return None if id is None else str(id)


async def listed(
    connection: Reader, tier: str | None, after: tuple[datetime, str] | None, limit: int
) -> list[AccountRow]:
    """In the order in which they were made; `after` is time and id of the last one seen."""
    rows = await connection.fetch(
        f"""
        select {_ACCOUNT} from account
        where ($1::text is null or tier = $1) and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
        order by created_at, id limit $4
        """,  # noqa: S608 - names of ours
        tier,
        *(after or (None, None)),
        limit,
    )
    return [_account(row) for row in rows]


async def delete(connection: Writer, id: str) -> None:
    """The account and everything that is its own."""
    await connection.execute("delete from account where id = $1", id)
    for table in ("subscription", "bet", "idempotency", "account_usage"):
        await connection.execute(f"delete from {table} where account = $1", id)  # noqa: S608 - names of ours


async def ids_of_tier(connection: Writer, tier: str) -> list[str]:
    rows = await connection.fetch("select id from account where tier = $1 order by id", tier)
    return [str(row["id"]) for row in rows]


async def tiers_of(connection: Reader | Writer, ids: Collection[str]) -> Mapping[str, str]:
    """The names of the tiers of accounts, by id; of ids that are no account's nothing."""
    rows = await connection.fetch("select id, tier from account where id::text = any($1::text[])", list(ids))
    return {str(row["id"]): row["tier"] for row in rows}


async def add_key(connection: Writer, key: KeyRow, digest: bytes) -> None:
    await connection.execute(
        """
        insert into api_key (id, account, name, digest, hint, scopes, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        key.id,
        key.account,
        key.name,
        digest,
        key.hint,
        list(key.scopes),
        key.created_at,
        key.expires_at,
    )


async def lock_key(connection: Writer, account: str, id: str) -> KeyRow | None:
    row = await connection.fetchrow(
        f"select {_KEY} from api_key where account = $1 and id = $2 for update",  # noqa: S608 - names of ours
        account,
        id,
    )
    return None if row is None else _key(row)


async def keys(
    connection: Reader | Writer, account: str, after: tuple[datetime, str] | None = None, limit: int | None = None
) -> list[KeyRow]:
    """An account's, the oldest first; `after` is time and id of the last one seen."""
    rows = await connection.fetch(
        f"""
        select {_KEY} from api_key
        where account = $1 and ($2::timestamptz is null or (created_at, id) > ($2, $3::uuid))
        order by created_at, id limit $4
        """,  # noqa: S608 - names of ours
        account,
        *(after or (None, None)),
        limit,
    )
    return [_key(row) for row in rows]


async def expire_key(connection: Writer, id: str, at: datetime) -> None:
    await connection.execute("update api_key set expires_at = $2 where id = $1", id, at)


async def revoke_key(connection: Writer, id: str, at: datetime) -> None:
    await connection.execute("update api_key set revoked_at = $2 where id = $1", id, at)


async def delete_dead_keys(connection: Writer, before: datetime) -> int:
    """Delete some of the keys that ended before `before`."""
    status = await connection.execute(
        """
        delete from api_key where id = any(array(
            select id from api_key where least(expires_at, revoked_at) < $1 limit 1000 for update skip locked
        ))
        """,
        before,
    )
    return int(status.rpartition(" ")[2])


async def usable_keys(connection: Reader, accounts: Sequence[str] | None) -> list[Record]:
    """Keys that are not revoked, with their account's tier: of these accounts, of all where it is None."""
    return await connection.fetch(
        """
        select k.id, k.account, k.digest, k.scopes, k.expires_at, a.tier
        from api_key k join account a on a.id = k.account
        where k.revoked_at is null and ($1::uuid[] is null or k.account = any($1))
        """,
        accounts,
    )


def _account(row: Record) -> AccountRow:
    columns: dict[str, Any] = {name: row[name] for name in AccountRow._fields} | {"id": str(row["id"])}
    return AccountRow(**columns)


def _key(row: Record) -> KeyRow:
    columns: dict[str, Any] = {name: row[name] for name in KeyRow._fields}
    columns |= {"id": str(row["id"]), "account": str(row["account"]), "scopes": tuple(row["scopes"])}
    return KeyRow(**columns)
