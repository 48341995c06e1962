"""`/v1/refresh`: asking for newer odds now, and `/v1/refreshes/{id}`: what came of it."""

from typing import Annotated
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import refresh_store
from bet_intel.api.answers import Refresh
from bet_intel.api.auth import caller_of
from bet_intel.api.bodies import decoded, received
from bet_intel.api.domain.accounts import REFRESH
from bet_intel.api.operation import NoParameters, Operation, Question, Reads
from bet_intel.api.problems import NotFoundError, TooManyRequestsError
from bet_intel.api.query import ReadQuery, TextList, parse
from bet_intel.api.read_model import Record
from bet_intel.api.wire import refresh_requested
from bet_intel.api.writes import IDEMPOTENCY, Writes, Written
from bet_intel.shared.outbox import UnitOfWork
from bet_intel.shared.postgres import Reader
from bet_intel.shared.rate_limits import RateLimit
from bet_intel.shared.times import Clock

_EXAMPLE = '{"leagues": ["baseball_mlb"]} with sports, leagues, both or neither'


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to ask the provider for again; everything where neither is given."""

    sports: Annotated[TextList, Meta(description="Sports.")] = ()
    leagues: Annotated[TextList, Meta(description="Leagues.")] = ()


def operations(reads: Reads, writes: Writes, limit: RateLimit, clock: Clock) -> tuple[Operation, ...]:
    async def ask(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        body = await received(request)
        asked = decoded(body, RefreshBody, _EXAMPLE) if body.strip() else RefreshBody()

        async def act(unit: UnitOfWork) -> Written:
            wait = await limit.take(caller_of(request).counted_as)
            if wait is not None:
                raise TooManyRequestsError(wait)
            id, now = str(uuid4()), clock()
            await refresh_store.put(unit.connection, id, asked.sports, asked.leagues, now)
            unit.append(refresh_requested(id, now, asked.sports, asked.leagues))
            answer = Refresh(id, "pending", asked.sports, asked.leagues, now)
            return Written(202, answer, f"/v1/refreshes/{id}")

        return await writes.create(request, body, act)

    return (
        Operation(
            "/v1/refresh",
            "requestRefresh",
            "operation",
            "Ask the provider for newer odds now",
            ask,
            "Accepted, and done soon: Location names where to look for what came of it. It spends the provider's "
            "credits, so that each caller may ask only now and then.",
            answer=Refresh,
            problems=(400, 409, 413, 422, 429, 503),
            method="POST",
            status=202,
            body=RefreshBody,
            body_required=False,
            headers=IDEMPOTENCY,
            need=REFRESH,
        ),
        Operation(
            "/v1/refreshes/{id}",
            "getRefresh",
            "operation",
            "What came of a refresh",
            reads.plain(ReadQuery, _get),
            "Kept for a day.",
            query=ReadQuery,
            path_parameters={"id": "Id of the refresh."},
            answer=Refresh,
            problems=(400, 404, 503),
            need=REFRESH,
        ),
    )


async def _get(connection: Reader, question: Question, _asked: ReadQuery) -> Refresh:
    unknown = NotFoundError.of("refresh", question.path["id"], "they are kept for a day.")
    try:
        id = str(UUID(question.path["id"]))
    except ValueError as error:
        raise unknown from error
    row = await refresh_store.get(connection, id)
    if row is None:
        raise unknown
    return _refresh(row)


def _refresh(row: Record) -> Refresh:
    state = "pending" if row["completed_at"] is None else "failed" if row["error_kind"] else "done"
    return Refresh(
        str(row["id"]),
        state,
        row["sports"],
        row["leagues"],
        row["requested_at"],
        row["completed_at"],
        row["provider"],
        row["as_of"],
        row["credits"],
        row["error_kind"] or None,
        row["message"] or None,
    )
