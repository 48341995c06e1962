"""`/v1/subscriptions`: who wants to be told of which opportunities by a signed webhook."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import cursor, date_format
from bet_intel.api import subscription_store as store
from bet_intel.api.answers import CreatedSubscription, Subscription, SubscriptionList
from bet_intel.api.auth import caller_of
from bet_intel.api.bodies import check_json, decoded, received
from bet_intel.api.domain.accounts import SUBSCRIPTIONS
from bet_intel.api.domain.pricing import Profile
from bet_intel.api.domain.subscriptions import Rule, SubscriptionRow, WebhookAddress
from bet_intel.api.operation import READING, NoParameters, Operation, Question, Reads
from bet_intel.api.problems import (
    BodyError,
    ForbiddenError,
    NotFoundError,
    PreconditionError,
    UnconfiguredError,
)
from bet_intel.api.query import Cursor, Limit, ReadQuery, Time, parse
from bet_intel.api.subscription_telling import held_view
from bet_intel.api.telling import subscription_changed, subscription_deleted
from bet_intel.api.writes import IDEMPOTENCY, Writes, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader
from bet_intel.shared.secret_box import SecretBox
from bet_intel.shared.times import Clock, to_us

_PATH = "/v1/subscriptions"
_ONE = "/v1/subscriptions/{id}"
_ID = {"id": "Id of the subscription."}
_EXAMPLE = '{"webhook": {"url": "https://example.com/hook"}, "sports": ["baseball"], "min_ev": 0.05}'
_SECRET_BYTES = 32


class SubscriptionBody(Rule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A subscription: its rule, where its messages go, and whether it is paused."""

    webhook: WebhookAddress
    # Of a profile that there is not nobody would ever be told; what is stored is read as it is.
    profile: Annotated[Profile, Meta(description="Pricing profile.")] = "consensus"
    status: Annotated[Literal["active", "paused"], Meta(description="active also ends that it was disabled.")] = (
        "active"
    )

    def rule(self) -> Rule:
        return Rule(**{name: getattr(self, name) for name in Rule.__struct_fields__})


class SubscriptionQuery(ReadQuery, frozen=True):
    limit: Limit = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class _Subscriptions:
    reads: Reads
    writes: Writes
    box: SecretBox | None
    most: int
    clock: Clock

    async def create(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        check_json(request)
        body = await received(request)
        asked = _checked(body)
        if self.box is None:
            raise UnconfiguredError(
                "Webhooks need a key that encrypts their secrets: set BET_INTEL_API_SECRETS_KEY_FILE and "
                "BET_INTEL_NOTIFIER_SECRETS_KEY_FILE to the same one."
            )
        box, caller = self.box, caller_of(request)
        account, most = caller.account, min(self.most, caller.tier.subscriptions)

        async def act(unit: UnitOfWork) -> Written:
            view = await held_view(unit.connection, account)
            if await store.lock_account(unit.connection, account) >= most:
                raise ForbiddenError(f"There are {most} subscriptions, which is the most: delete one first.")
            now = self.clock()
            secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
            closed = box.close(secret.encode())
            row = SubscriptionRow(
                str(uuid4()), account, to_us(now), asked.status, None, asked.rule(), asked.webhook.url, closed, now, now
            )
            await store.put(unit.connection, row)
            unit.append(subscription_changed(row, now, view))
            answer = CreatedSubscription(**_members(row), secret=secret)
            return Written(201, answer, f"{_PATH}/{row.id}", is_secret=True, headers={"ETag": _etag(row)})

        return await self.writes.create(request, body, act)

    async def listed(self, connection: Reader, question: Question, asked: SubscriptionQuery) -> SubscriptionList:
        after = cursor.decode(asked.cursor, asked, tuple[Time, UUID]) if asked.cursor else None
        last = None if after is None else (after[0], str(after[1]))
        rows = await store.listed(connection, question.caller.account, last, asked.limit + 1)
        page = rows[: asked.limit]
        more = len(rows) > asked.limit
        return SubscriptionList(
            [Subscription(**_members(row)) for row in page],
            cursor.encode((page[-1].created_at, UUID(page[-1].id)), asked) if more else None,
        )

    async def get(self, request: Request) -> Response:
        asked = parse(request.url.query, ReadQuery)
        id, account = known_id(request.path_params), caller_of(request).account
        row = await self.reads.once(request, lambda connection: store.get(connection, account, id))
        if row is None:
            raise unknown(id)
        body = date_format.encoded(Subscription(**_members(row)), asked.times)
        return Response(body, 200, {"ETag": _etag(row)}, "application/json")

    async def replace(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        check_json(request)
        asked = _checked(await received(request))

        async def act(unit: UnitOfWork) -> Written:
            view = await held_view(unit.connection, caller_of(request).account)
            row = await self._locked(unit, request)
            now = self.clock()
            changed = row._replace(
                revision=max(row.revision + 1, to_us(now)),
                status=asked.status,
                disabled_reason=None,
                rule=asked.rule(),
                url=asked.webhook.url,
                updated_at=now,
            )
            await store.put(unit.connection, changed)
            unit.append(subscription_changed(changed, now, view))
            return Written(200, Subscription(**_members(changed)), headers={"ETag": _etag(changed)})

        return await self.writes.run(act)

    async def delete(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)

        async def act(unit: UnitOfWork) -> Written:
            row = await self._locked(unit, request)
            now = self.clock()
            await store.delete(unit.connection, row.id)
            unit.append(subscription_deleted(row._replace(revision=max(row.revision + 1, to_us(now))), now))
            return Written(204)

        return await self.writes.run(act)

    async def _locked(self, unit: UnitOfWork, request: Request) -> SubscriptionRow:
        id = known_id(request.path_params)
        row = await store.lock(unit.connection, caller_of(request).account, id)
        if row is None:
            raise unknown(id)
        if request.headers.get("if-match", "*").strip() not in ("*", _etag(row)):
            raise PreconditionError("The subscription is another by now: read it again.")
        return row


def operations(reads: Reads, writes: Writes, box: SecretBox | None, most: int, clock: Clock) -> tuple[Operation, ...]:
    subscriptions = _Subscriptions(reads, writes, box, most, clock)
    if_match = {"If-Match": "ETag of the subscription that was read: 412 if it is another by now."}
    return (
        Operation(
            _PATH,
            "listSubscriptions",
            "subscriptions",
            "Subscriptions, the oldest first",
            reads.plain(SubscriptionQuery, subscriptions.listed),
            query=SubscriptionQuery,
            answer=SubscriptionList,
            headers=READING,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            _PATH,
            "createSubscription",
            "subscriptions",
            "Be told of opportunities",
            subscriptions.create,
            "Messages are POSTed to the webhook, signed as Standard Webhooks describe. The secret that signs them is "
            "made here and shown in this answer alone.",
            answer=CreatedSubscription,
            problems=(400, 403, 409, 413, 415, 422, 503),
            method="POST",
            status=201,
            body=SubscriptionBody,
            headers=IDEMPOTENCY,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            _ONE,
            "getSubscription",
            "subscriptions",
            "One subscription",
            subscriptions.get,
            query=ReadQuery,
            path_parameters=_ID,
            answer=Subscription,
            problems=(400, 404, 503),
            headers=READING,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            _ONE,
            "replaceSubscription",
            "subscriptions",
            "Change a subscription",
            subscriptions.replace,
            "The whole subscription: what is not named has its default. Its secret stays.",
            path_parameters=_ID,
            answer=Subscription,
            problems=(400, 404, 412, 413, 415, 503),
            method="PUT",
            body=SubscriptionBody,
            headers=if_match,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            _ONE,
            "deleteSubscription",
            "subscriptions",
            "End a subscription",
            subscriptions.delete,
            "With the log of its deliveries.",
            path_parameters=_ID,
            problems=(400, 404, 412, 503),
            method="DELETE",
            status=204,
            headers=if_match,
            need=SUBSCRIPTIONS,
        ),
    )


def _checked(body: bytes) -> SubscriptionBody:
    asked = decoded(body, SubscriptionBody, _EXAMPLE)
    if fault := asked.webhook.fault():
        raise BodyError(f"The body cannot be used: webhook.url: {fault}.")
    return asked


def known_id(path: Mapping[str, str]) -> str:
    """The id in the path, as the database writes it."""
    try:
        return str(UUID(path["id"]))
    except ValueError as error:
        raise unknown(path["id"]) from error


def unknown(id: str) -> NotFoundError:
    return NotFoundError(f"There is no subscription {id!r}; {_PATH} lists those that there are.")


def _members(row: SubscriptionRow) -> dict[str, Any]:
    rule = {name: getattr(row.rule, name) for name in Rule.__struct_fields__}
    return rule | {
        "id": row.id,
        "status": row.status,
        "disabled_reason": row.disabled_reason,
        "webhook": WebhookAddress(row.url),
        "revision": row.revision,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _etag(row: SubscriptionRow) -> str:
    return f'"{row.revision}"'
