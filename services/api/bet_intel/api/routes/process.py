"""What speaks of this process: `/livez`, `/readyz`, `/metrics`, the OpenAPI document, and the way in at `/`."""

from collections.abc import Awaitable, Callable

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api.answers import Index, Probe
from bet_intel.api.domain.accounts import METRICS, NOTHING
from bet_intel.api.feed import FeedTail
from bet_intel.api.operation import JSON, NoParameters, Operation
from bet_intel.api.query import parse
from bet_intel.shared.flights import Flights
from bet_intel.shared.postgres import Database, PoolBusyError

_log = structlog.get_logger(__name__)

Respond = Callable[[Request], Awaitable[Response]]


def operations(
    database: Database,
    tail: FeedTail,
    registry: CollectorRegistry,
    draining: Callable[[], bool],
    document: Callable[[], bytes],
) -> tuple[Operation, ...]:
    looks: Flights[str, str | None] = Flights()

    async def ready(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        # Whoever asks meanwhile waits for the same look: anybody may ask, as often as they like.
        reason = await looks.get("", lambda: _not_ready(database, tail, draining))
        probe = Probe("ready" if reason is None else reason)
        return Response(msgspec.json.encode(probe), 200 if reason is None else 503, media_type=JSON)

    async def metrics(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        return Response(document(), media_type=JSON)

    readiness = "Whether this process can serve: its database answers, it follows the feed, it is not draining."
    not_ready = {503: "Not ready; `status` says why."}
    return (
        _probe("/livez", "getLiveness", "Whether this process runs", _always(Probe("alive"))),
        _probe("/readyz", "getReadiness", "Whether this process can serve", ready, readiness, not_ready),
        Operation(
            "/metrics",
            "getMetrics",
            "operation",
            "Metrics in Prometheus' text format",
            metrics,
            media_type="text/plain",
            problems=(400, 401, 403),
            need=METRICS,
        ),
        _json("/openapi.json", "getOpenapi", "This document", openapi, OpenApiDocument),
        _json("/", "getIndex", "Where to go from here", _always(_INDEX), Index),
    )


class OpenApiDocument(msgspec.Struct, frozen=True):
    """An OpenAPI 3.1 document."""

    openapi: str


_INDEX = Index("bet-intel", "/docs", "/openapi.json", "/v1/opportunities", "/v1/stream", "/v1/status")


def _json(path: str, id: str, summary: str, respond: Respond, answer: type[msgspec.Struct]) -> Operation:
    return Operation(path, id, "operation", summary, respond, answer=answer, problems=(400,), need=NOTHING)


def _probe(
    path: str, id: str, summary: str, respond: Respond, description: str = "", also: dict[int, str] | None = None
) -> Operation:
    return Operation(
        path,
        id,
        "operation",
        summary,
        respond,
        description,
        answer=Probe,
        also=also or {},
        problems=(400,),
        need=NOTHING,
    )


def _always(answer: msgspec.Struct) -> Respond:
    async def respond(request: Request) -> Response:
        parse(request.url.query, NoParameters)
        return Response(msgspec.json.encode(answer), media_type=JSON)

    return respond


async def _not_ready(database: Database, tail: FeedTail, draining: Callable[[], bool]) -> str | None:
    if draining():
        return "draining"
    try:
        await database.health()
    except PoolBusyError:
        # It has as much to do as it takes, and refuses more by itself: without it the others would have even more.
        pass
    except Exception as error:  # noqa: BLE001 - the edge of a request: whatever the driver raises, it is not ready
        _log.warning("not ready: the database does not answer", reason=str(error) or type(error).__name__)
        return "database does not answer"
    return None if tail.alive() else "feed is not followed"
