"""`/v1/subscriptions/{id}/deliveries`: what has become of each message, test messages, and sending again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import cursor
from bet_intel.api import subscription_store as store
from bet_intel.api.answers import Delivery, DeliveryAccepted, DeliveryList
from bet_intel.api.auth import caller_of
from bet_intel.api.bodies import received
from bet_intel.api.domain.accounts import SUBSCRIPTIONS
from bet_intel.api.operation import READING, NoParameters, Operation, Question, Reads
from bet_intel.api.problems import BodyError, NotFoundError, TooManyRequestsError
from bet_intel.api.query import Cursor, Limit, ReadQuery, Time, parse
from bet_intel.api.read_model import Record
from bet_intel.api.routes.subscriptions import known_id, unknown
from bet_intel.api.telling import delivery_requested
from bet_intel.api.writes import IDEMPOTENCY, Writes, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader
from bet_intel.shared.rate_limits import RateLimit
from bet_intel.shared.times import Clock

_PATH = "/v1/subscriptions/{id}/deliveries"
_ID = {"id": "Id of the subscription."}
_DELIVERY = _ID | {"delivery": "Id of the delivery."}


class DeliveryQuery(ReadQuery, frozen=True):
    limit: Limit = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class _Deliveries:
    writes: Writes
    limit: RateLimit
    clock: Clock

    async def listed(self, connection: Reader, question: Question, asked: DeliveryQuery) -> DeliveryList:
        id = known_id(question.path)
        if await store.get(connection, question.caller.account, id) is None:
            raise unknown(id)
        after = cursor.decode(asked.cursor, asked, tuple[Time, cursor.Id], of=id) if asked.cursor else None
        rows = await store.deliveries(connection, id, after, asked.limit + 1)
        page = rows[: asked.limit]
        more = len(rows) > asked.limit
        last: tuple[datetime, str] | None = (page[-1]["created_at"], page[-1]["id"]) if more else None
        next_cursor = cursor.encode(last, asked, of=id) if last is not None else None
        return DeliveryList([_delivery(row) for row in page], next_cursor)

    async def get(self, connection: Reader, question: Question, _asked: ReadQuery) -> Delivery:
        id = known_id(question.path)
        if await store.get(connection, question.caller.account, id) is None:
            raise unknown(id)
        row = await store.delivery(connection, id, question.path["delivery"])
        if row is None:
            raise _no_delivery(question.path["delivery"])
        return _delivery(row)

    async def test(self, request: Request) -> Response:
        return await self._request(request, "")

    async def again(self, request: Request) -> Response:
        return await self._request(request, request.path_params["delivery"])

    async def _request(self, request: Request, delivery_id: str) -> Response:
        """Have a test message sent, or a delivery once more."""
        parse(request.url.query, NoParameters)
        body = await received(request)
        if body.strip() not in (b"", b"{}"):
            raise BodyError("This takes no body.")
        id = known_id(request.path_params)

        async def act(unit: UnitOfWork) -> Written:
            if await store.lock(unit.connection, caller_of(request).account, id) is None:
                raise unknown(id)
            if delivery_id and ("\0" in delivery_id or await store.delivery(unit.connection, id, delivery_id) is None):
                raise _no_delivery(delivery_id)
            wait = await self.limit.take(id)
            if wait is not None:
                raise TooManyRequestsError(wait)
            request_id = str(uuid4())
            unit.append(delivery_requested(request_id, id, delivery_id, self.clock()))
            told = delivery_id or request_id
            return Written(202, DeliveryAccepted(told), f"/v1/subscriptions/{id}/deliveries/{told}")

        return await self.writes.create(request, body, act)


def operations(reads: Reads, writes: Writes, limit: RateLimit, clock: Clock) -> tuple[Operation, ...]:
    deliveries = _Deliveries(writes, limit, clock)
    refusals = (400, 404, 409, 413, 422, 429, 503)
    return (
        Operation(
            _PATH,
            "listDeliveries",
            "subscriptions",
            "What has become of its messages, the newest first",
            reads.plain(DeliveryQuery, deliveries.listed),
            "Kept for some weeks.",
            query=DeliveryQuery,
            path_parameters=_ID,
            answer=DeliveryList,
            problems=(400, 404, 503),
            headers=READING,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            f"{_PATH}/{{delivery}}",
            "getDelivery",
            "subscriptions",
            "What has become of one message",
            reads.plain(ReadQuery, deliveries.get),
            "It appears as soon as the notifier has heard of it.",
            query=ReadQuery,
            path_parameters=_DELIVERY,
            answer=Delivery,
            problems=(400, 404, 503),
            headers=READING,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            "/v1/subscriptions/{id}/test",
            "sendTest",
            "subscriptions",
            "Send a test message",
            deliveries.test,
            "Accepted, and sent soon, whatever the subscription is about; also while it is paused.",
            path_parameters=_ID,
            answer=DeliveryAccepted,
            problems=refusals,
            method="POST",
            status=202,
            headers=IDEMPOTENCY,
            need=SUBSCRIPTIONS,
        ),
        Operation(
            f"{_PATH}/{{delivery}}/redeliver",
            "redeliver",
            "subscriptions",
            "Send a message again",
            deliveries.again,
            "Under its own id: a receiver that has it already knows it by that.",
            path_parameters=_DELIVERY,
            answer=DeliveryAccepted,
            problems=refusals,
            method="POST",
            status=202,
            headers=IDEMPOTENCY,
            need=SUBSCRIPTIONS,
        ),
    )


def _no_delivery(id: str) -> NotFoundError:
    return NotFoundError(f"There is no delivery {id!r} of this subscription.")


def _delivery(row: Record) -> Delivery:
    return Delivery(
        row["id"],
        row["kind"],
        row["opportunity_id"],
        row["event_id"],
        row["opening"],
        row["level"],
        row["state"],
        row["attempts"],
        row["reason"],
        row["response_status"],
        row["created_at"],
        row["next_attempt_at"],
        row["ended_at"],
    )
