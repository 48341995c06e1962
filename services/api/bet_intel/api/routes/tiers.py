"""`/v1/admin/tiers/{tier}`: what an account gets for being of a tier. `/v1/admin/audit`: what administrators did."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import account_store, audit_store, cursor, subscription_telling
from bet_intel.api.administration import Administration, Done
from bet_intel.api.answers.accounts import AuditEntry, AuditLog, TierBody
from bet_intel.api.bodies import check_json, decoded, received
from bet_intel.api.domain.accounts import ADMIN, Tier
from bet_intel.api.operation import READING, NoParameters, Operation, Question, Reads
from bet_intel.api.problems import BodyError, NotFoundError
from bet_intel.api.query import Cursor, Limit, ReadQuery, Text, parse
from bet_intel.api.read_model import Record
from bet_intel.api.writes import Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader
from bet_intel.shared.times import Clock

_TIER = "/v1/admin/tiers/{tier}"
_EXAMPLE = (
    '{"requests_per_minute": 120, "categories": ["main"], "delay_seconds": 0, "features": [], "streams": 0, '
    '"subscriptions": 10}'
)


class AuditQuery(ReadQuery, frozen=True):
    subject: Annotated[Text, Meta(description="Id of the account, name of the tier or profile.")] | None = None
    actor: Annotated[Text, Meta(description="Id of the account that did it; operator; local.")] | None = None
    act: Annotated[Text, Meta(description="What was done: account.created, key.revoked, …")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class _Tiers:
    administration: Administration
    clock: Clock

    async def put(self, request: Request) -> Response:
        parse(request.url.query, NoParameters)
        name = request.path_params["tier"]
        check_json(request)
        body = decoded(await received(request), TierBody, _EXAMPLE)
        wanted = Tier(name, **{field: getattr(body, field) for field in TierBody.__struct_fields__})
        if contradiction := wanted.contradiction():
            raise BodyError(f"The body cannot be used: {contradiction}.")

        async def act(unit: UnitOfWork) -> Done:
            # Accounts change their tiers one after the other with this.
            await account_store.lock_tiers(unit.connection)
            tiers = {tier.name: tier for tier in await account_store.tiers(unit.connection)}
            stored = tiers.get(name)
            if stored is None:
                raise NotFoundError.of("tier", name, f"there are {', '.join(tiers)}.")
            if wanted == stored:
                return Done(Written(200, stored), "", name, {})
            await account_store.put_tier(unit.connection, wanted)
            if wanted.view != stored.view:
                accounts = await account_store.ids_of_tier(unit.connection, name)
                await subscription_telling.tell_again(unit, accounts, self.clock())
            detail = {"before": msgspec.to_builtins(stored), "after": msgspec.to_builtins(wanted)}
            return Done(Written(200, wanted), "tier.changed", name, detail)

        return await self.administration.run(request, act)


async def _audit(connection: Reader, _question: Question, asked: AuditQuery) -> AuditLog:
    after = cursor.decode(asked.cursor, asked, tuple[_Seq]) if asked.cursor else None
    before = None if after is None else after[0]
    rows = await audit_store.listed(connection, asked.subject, asked.actor, asked.act, before, asked.limit + 1)
    page, more = rows[: asked.limit], len(rows) > asked.limit
    return AuditLog([_entry(row) for row in page], cursor.encode((page[-1]["seq"],), asked) if more else None)


_Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(
        row["seq"],
        row["at"],
        row["actor"],
        None if row["actor_key"] is None else str(row["actor_key"]),
        row["request_id"],
        row["act"],
        row["subject"],
        msgspec.json.decode(row["detail"]),
    )


def operations(reads: Reads, administration: Administration, clock: Clock) -> tuple[Operation, ...]:
    tiers = _Tiers(administration, clock)
    return (
        Operation(
            _TIER,
            "putTier",
            "administration",
            "Change what a tier gives",
            tiers.put,
            "The whole tier; /v1/tiers shows them. It holds at every gateway within a second, and for the "
            "subscriptions of its accounts too.",
            path_parameters={"tier": "Name of the tier."},
            answer=Tier,
            problems=(400, 401, 403, 404, 413, 415, 503),
            method="PUT",
            body=TierBody,
            need=ADMIN,
        ),
        Operation(
            "/v1/admin/audit",
            "listAudit",
            "administration",
            "What administrators did, the newest first",
            reads.plain(AuditQuery, _audit),
            query=AuditQuery,
            answer=AuditLog,
            problems=(400, 401, 403, 503),
            headers=READING,
            need=ADMIN,
        ),
    )
