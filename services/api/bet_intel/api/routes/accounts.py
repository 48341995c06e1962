"""`/v1/admin/accounts`: who has an account, and of which tier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import account_store as store
from bet_intel.api import cursor, subscription_telling
from bet_intel.api.account_store import AccountRow
from bet_intel.api.administration import Administration, Done
from bet_intel.api.answers.accounts import Account, AccountBody, AccountList, TierName
from bet_intel.api.bodies import check_json, decoded, received
from bet_intel.api.domain.accounts import ADMIN
from bet_intel.api.operation import READING, NoParameters, Operation, Question, Reads
from bet_intel.api.problems import NotFoundError, TakenError
from bet_intel.api.query import Cursor, Limit, ReadQuery, Time, parse
from bet_intel.api.writes import IDEMPOTENCY, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader, Writer
from bet_intel.shared.times import Clock

PATH = "/v1/admin/accounts"
ONE = f"{PATH}/{{id}}"
ID = {"id": "Id of the account."}
_EXAMPLE = '{"name": "Example Ltd", "tier": "basic"}'


class AccountQuery(ReadQuery, frozen=True):
    tier: Annotated[TierName, Meta(description="Only accounts of this tier.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class _Accounts:
    administration: Administration
    clock: Clock

    async def create(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        check_json(request)
        body = await received(request)
        asked = decoded(body, AccountBody, _EXAMPLE)

        async def act(unit: UnitOfWork) -> Done:
            now = self.clock()
            row = AccountRow(str(uuid4()), asked.name, asked.tier, now, now)
            if not await store.add(unit.connection, row):
                raise await _taken(unit.connection, asked.name)
            written = Written(201, Account(*row), f"{PATH}/{row.id}")
            return Done(written, "account.created", row.id, {"name": row.name, "tier": row.tier})

        return await self.administration.create(request, body, act)

    async def listed(self, connection: Reader, _question: Question, asked: AccountQuery) -> AccountList:
        after = cursor.decode(asked.cursor, asked, tuple[Time, UUID]) if asked.cursor else None
        last = None if after is None else (after[0], str(after[1]))
        rows = await store.listed(connection, asked.tier, last, asked.limit + 1)
        page, more = rows[: asked.limit], len(rows) > asked.limit
        next_cursor = cursor.encode((page[-1].created_at, UUID(page[-1].id)), asked) if more else None
        return AccountList([Account(*row) for row in page], next_cursor)

    async def get(self, connection: Reader, question: Question, _asked: ReadQuery) -> Account:
        id = known_id(question.path)
        row = await store.get(connection, id)
        if row is None:
            raise unknown(id)
        return Account(*row)

    async def replace(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        id = known_id(request.path_params)
        check_json(request)
        asked = decoded(await received(request), AccountBody, _EXAMPLE)

        async def act(unit: UnitOfWork) -> Done:
            row = await locked(unit.connection, id)
            changed = row._replace(name=asked.name, tier=asked.tier, updated_at=self.clock())
            if (row.name, row.tier) == (asked.name, asked.tier):
                return Done(Written(200, Account(*row)), "", id, {})
            if row.name != asked.name and await store.named(unit.connection, asked.name) is not None:
                raise await _taken(unit.connection, asked.name)
            await store.change(unit.connection, changed)
            if row.tier != asked.tier:
                await subscription_telling.tell_again(unit, [id], self.clock())
            before = {"name": row.name, "tier": row.tier}
            detail = {"before": before, "after": {"name": asked.name, "tier": asked.tier}}
            return Done(Written(200, Account(*changed)), "account.changed", id, detail)

        return await self.administration.run(request, act)

    async def delete(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        id = known_id(request.path_params)

        async def act(unit: UnitOfWork) -> Done:
            row = await locked(unit.connection, id)
            await subscription_telling.end_all(unit, id, self.clock())
            await store.delete(unit.connection, id)
            return Done(Written(204), "account.deleted", id, {"name": row.name, "tier": row.tier})

        return await self.administration.run(request, act)


def operations(reads: Reads, administration: Administration, clock: Clock) -> tuple[Operation, ...]:
    accounts = _Accounts(administration, clock)
    return (
        Operation(
            PATH,
            "listAccounts",
            "administration",
            "Accounts, the oldest first",
            reads.plain(AccountQuery, accounts.listed),
            query=AccountQuery,
            answer=AccountList,
            problems=(400, 401, 403, 503),
            headers=READING,
            need=ADMIN,
        ),
        Operation(
            PATH,
            "createAccount",
            "administration",
            "Make an account",
            accounts.create,
            "It has no key yet.",
            answer=Account,
            problems=(400, 401, 403, 409, 413, 415, 422, 503),
            method="POST",
            status=201,
            body=AccountBody,
            headers=IDEMPOTENCY,
            need=ADMIN,
        ),
        Operation(
            ONE,
            "getAccount",
            "administration",
            "One account",
            reads.plain(ReadQuery, accounts.get),
            query=ReadQuery,
            path_parameters=ID,
            answer=Account,
            problems=(400, 401, 403, 404, 503),
            headers=READING,
            need=ADMIN,
        ),
        Operation(
            ONE,
            "replaceAccount",
            "administration",
            "Change an account's name or tier",
            accounts.replace,
            "Another tier holds at every gateway within a second, and for its subscriptions too.",
            path_parameters=ID,
            answer=Account,
            problems=(400, 401, 403, 404, 409, 413, 415, 503),
            method="PUT",
            body=AccountBody,
            need=ADMIN,
        ),
        Operation(
            ONE,
            "deleteAccount",
            "administration",
            "Delete an account",
            accounts.delete,
            "With its keys, subscriptions and bets. Every gateway refuses its keys within a second.",
            path_parameters=ID,
            problems=(400, 401, 403, 404, 503),
            method="DELETE",
            status=204,
            need=ADMIN,
        ),
    )


async def locked(connection: Writer, id: str) -> AccountRow:
    """
    Raises:
        NotFoundError: there is no such account.
    """
    row = await store.lock(connection, id)
    if row is None:
        raise unknown(id)
    return row


async def _taken(connection: Writer, name: str) -> TakenError:
    return TakenError(f"There is an account of that name: {PATH}/{await store.named(connection, name)}.")


def known_id(path: Mapping[str, str]) -> str:
    """The id in the path, as the database writes it."""
    try:
        return str(UUID(path["id"]))
    except ValueError as error:
        raise unknown(path["id"]) from error


def unknown(id: str) -> NotFoundError:
    return NotFoundError.of("account", id, f"{PATH} lists those that there are.")
