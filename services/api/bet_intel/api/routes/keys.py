"""`/v1/admin/accounts/{id}/keys`: the keys of an account."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import account_store as store
from bet_intel.api import cursor
from bet_intel.api.account_store import KeyRow
from bet_intel.api.administration import Administration, Done
from bet_intel.api.answers.accounts import CreatedKey, Key, KeyBody, KeyList, RotationBody
from bet_intel.api.bodies import check_json, decoded, received
from bet_intel.api.domain.accounts import ADMIN
from bet_intel.api.domain.keys import RANDOM_BYTES, digest_of, hint_of, key_of
from bet_intel.api.operation import READING, NoParameters, Operation, Question, Reads
from bet_intel.api.paging import ShortListQuery
from bet_intel.api.problems import BodyError, ForbiddenError, NotFoundError, TakenError
from bet_intel.api.query import Time, parse
from bet_intel.api.routes.accounts import ID, ONE, known_id, locked, unknown
from bet_intel.api.writes import IDEMPOTENCY, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader, Writer
from bet_intel.shared.times import Clock

_PATH = f"{ONE}/keys"
_KEY = f"{_PATH}/{{key}}"
_ID = ID | {"key": "Id of the key."}
_EXAMPLE = '{"name": "laptop", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00Z"}'
_ROTATION = '{"overlap_seconds": 86400}'
_MOST = 50
_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 422, 503)


@dataclass(frozen=True, slots=True)
class _Keys:
    administration: Administration
    clock: Clock

    async def create(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        id = known_id(request.path_params)
        check_json(request)
        body = await received(request)
        asked = decoded(body, KeyBody, _EXAMPLE)
        ends = asked.ends
        if ends is not None and ends <= self.clock():
            raise BodyError("The body cannot be used: expires_at has passed already.")

        async def act(unit: UnitOfWork) -> Done:
            account = await locked(unit.connection, id)
            if "admin" in asked.scopes and account.tier != "admin":
                raise BodyError(
                    f"The body cannot be used: the scope admin is for accounts of the tier admin, not {account.tier}."
                )
            return await self._made(unit, id, asked.name, asked.scopes, ends, {})

        return await self.administration.create(request, body, act)

    async def listed(self, connection: Reader, question: Question, asked: ShortListQuery) -> KeyList:
        id = known_id(question.path)
        if await store.get(connection, id) is None:
            raise unknown(id)
        now = self.clock()
        after = cursor.decode(asked.cursor, asked, tuple[Time, UUID], of=id) if asked.cursor else None
        last = None if after is None else (after[0], str(after[1]))
        rows = await store.keys(connection, id, last, asked.limit + 1)
        page, more = rows[: asked.limit], len(rows) > asked.limit
        next_cursor = cursor.encode((page[-1].created_at, UUID(page[-1].id)), asked, of=id) if more else None
        return KeyList([Key(**_members(row, now)) for row in page], next_cursor)

    async def rotate(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        id, key_id = known_id(request.path_params), _key_id(request.path_params)
        body = await received(request)
        if body.strip():
            check_json(request)
        asked = decoded(body, RotationBody, _ROTATION) if body.strip() else RotationBody()

        async def act(unit: UnitOfWork) -> Done:
            await locked(unit.connection, id)
            old = await _locked_key(unit.connection, id, key_id)
            now = self.clock()
            if old.state(now) != "active":
                raise TakenError(f"This key is {old.state(now)}: make a new one.")
            ends = now + timedelta(seconds=asked.overlap_seconds)
            ends = ends if old.expires_at is None else min(ends, old.expires_at)
            # The new one lives as long as the old one was given.
            until = None if old.expires_at is None else now + (old.expires_at - old.created_at)
            await store.expire_key(unit.connection, key_id, ends)
            detail = {"replaces": key_id, "which_ends": ends}
            return await self._made(unit, id, old.name, old.scopes, until, detail, "key.rotated")

        return await self.administration.create(request, body, act)

    async def revoke(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        id, key_id = known_id(request.path_params), _key_id(request.path_params)

        async def act(unit: UnitOfWork) -> Done:
            await locked(unit.connection, id)
            key = await _locked_key(unit.connection, id, key_id)
            if key.revoked_at is not None:
                return Done(Written(204), "", id, {})
            await store.revoke_key(unit.connection, key_id, self.clock())
            return Done(Written(204), "key.revoked", id, {"key": key_id, "name": key.name, "hint": key.hint})

        return await self.administration.run(request, act)

    async def _made(
        self,
        unit: UnitOfWork,
        account: str,
        name: str,
        scopes: tuple[str, ...],
        expires_at: datetime | None,
        detail: Mapping[str, Any],
        act: str = "key.created",
    ) -> Done:
        now = self.clock()
        if sum(one.state(now) == "active" for one in await store.keys(unit.connection, account)) >= _MOST:
            raise ForbiddenError(f"The account has {_MOST} keys, which is the most: revoke one first.")
        key = key_of(secrets.token_bytes(RANDOM_BYTES))
        row = KeyRow(str(uuid4()), account, name, hint_of(key), scopes, now, expires_at, None, None)
        await store.add_key(unit.connection, row, digest_of(key))
        answer = CreatedKey(**_members(row, now), key=key)
        told = {"key": row.id, "name": name, "hint": row.hint, "scopes": scopes, "expires_at": expires_at, **detail}
        written = Written(201, answer, _PATH.format(id=account), is_secret=True)
        return Done(written, act, account, told)


def operations(reads: Reads, administration: Administration, clock: Clock) -> tuple[Operation, ...]:
    keys = _Keys(administration, clock)
    return (
        Operation(
            _PATH,
            "listKeys",
            "administration",
            "Keys of an account, the oldest first",
            reads.plain(ShortListQuery, keys.listed),
            "Without their secrets, which are nowhere.",
            ShortListQuery,
            path_parameters=ID,
            answer=KeyList,
            problems=(400, 401, 403, 404, 503),
            headers=READING,
            need=ADMIN,
        ),
        Operation(
            _PATH,
            "createKey",
            "administration",
            "Make a key",
            keys.create,
            "It is shown in this answer alone. Every gateway takes it within a second.",
            path_parameters=ID,
            answer=CreatedKey,
            problems=_REFUSALS,
            method="POST",
            status=201,
            body=KeyBody,
            headers=IDEMPOTENCY,
            need=ADMIN,
        ),
        Operation(
            f"{_KEY}/rotate",
            "rotateKey",
            "administration",
            "Replace a key",
            keys.rotate,
            "A new one with the same name, scopes and length of life; the old one goes on working for the overlap.",
            path_parameters=_ID,
            answer=CreatedKey,
            problems=_REFUSALS,
            method="POST",
            status=201,
            body=RotationBody,
            body_required=False,
            headers=IDEMPOTENCY,
            need=ADMIN,
        ),
        Operation(
            _KEY,
            "revokeKey",
            "administration",
            "Revoke a key",
            keys.revoke,
            "Every gateway refuses it within a second.",
            path_parameters=_ID,
            problems=(400, 401, 403, 404, 503),
            method="DELETE",
            status=204,
            need=ADMIN,
        ),
    )


async def _locked_key(connection: Writer, account: str, id: str) -> KeyRow:
    row = await store.lock_key(connection, account, id)
    if row is None:
        raise _no_key(id)
    return row


def _key_id(path: Mapping[str, str]) -> str:
    try:
        return str(UUID(path["key"]))
    except ValueError as error:
        raise _no_key(path["key"]) from error


def _no_key(id: str) -> NotFoundError:
    return NotFoundError.of("key", id, "the account's keys are listed under its own address.")


def _members(row: KeyRow, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "scopes": row.scopes,
        "state": row.state(now),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "last_used_at": row.last_used_at,
    }
