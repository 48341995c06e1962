"""One operation of the API: its place, its contract and what answers it.

Routes and the OpenAPI document are both made from these.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api.feed import FeedTail
from bet_intel.api.problems import HeaderError, NotFoundError
from bet_intel.api.query import Query, parse
from bet_intel.shared.cache import Cache
from bet_intel.shared.postgres import Database, Position, Reader

QueryT = TypeVar("QueryT", bound=Query)
Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)

JSON = "application/json"
READ_AFTER = "Read-After"
TEXT = "text/plain"


READING = {READ_AFTER: "As a write answered it: what is read is not older than that write."}


class NoParameters(Query, frozen=True):
    """A route without query parameters."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`answer` is the structure of its success (`status`), None where that is text; `problems` are the statuses it may
    fail with; `body` is what a caller may send, `headers` what each request header of its own means, `structures` what
    else the document describes."""

    path: str
    id: str
    tag: str
    summary: str
    respond: Callable[[Request], Awaitable[Response]]
    description: str = ""
    query: type[Query] = NoParameters
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    answer: type[msgspec.Struct] | None = None
    media_type: str = JSON
    conditional: bool = False
    also: Mapping[int, str] = field(default_factory=dict)
    problems: tuple[int, ...] = (400, 503)
    method: str = "GET"
    status: int = 200
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    structures: tuple[type[msgspec.Struct], ...] = ()


Handle = Callable[[Reader, Mapping[str, str], QueryT], Awaitable[msgspec.Struct]]
"""Answers a question from one snapshot of the read model; the mapping holds the path's parameters."""


class Reads:
    """Turns handlers that read the database into responders."""

    def __init__(self, database: Database, cache: Cache, tail: FeedTail, cache_seconds: float) -> None:
        self._database = database
        self._cache = cache
        self._tail = tail
        self._cache_seconds = cache_seconds

    def plain(self, query: type[QueryT], handle: Handle[QueryT]) -> Callable[[Request], Awaitable[Response]]:
        """Reads the database for every request."""

        async def respond(request: Request) -> Response:
            asked = parse(request.url.query, query)
            path = _path(request)
            answer = await self.once(request, lambda connection: handle(connection, path, asked))
            return Response(msgspec.json.encode(answer), media_type=JSON)

        return respond

    async def once(self, request: Request, read: Callable[[Reader], Awaitable[Answer]]) -> Answer:
        """What `read` finds, in a snapshot that has what the request's Read-After asks for."""
        async with self._database.snapshot(_read_after(request)) as connection:
            return await read(connection)

    def cached(self, query: type[QueryT], handle: Handle[QueryT]) -> Callable[[Request], Awaitable[Response]]:
        """Keeps the answer for as long as the read model does not change, and answers If-None-Match."""

        async def respond(request: Request) -> Response:
            asked = parse(request.url.query, query)
            after = _read_after(request)
            # What is kept may be from before the caller's own write.
            key = self._key(request.url.path, asked) if after is None else None
            body = await self._kept(key) if key else None
            if body is None:
                async with self._database.snapshot(after) as connection:
                    body = msgspec.json.encode(await handle(connection, _path(request), asked))
                if key:
                    await self._keep(key, body)
            return _conditional(request, body)

        return respond

    def _key(self, path: str, asked: Query) -> str | None:
        position = self._tail.position
        if position is None:
            return None
        # A digest, because a question may be long and a key is kept as long as its answer.
        question = hashlib.blake2b(f"{path}?{asked.canonical()}".encode(), digest_size=16).hexdigest()
        return f"api:{position.epoch}-{position.generation}:{question}"

    async def _kept(self, key: str) -> bytes | None:
        try:
            return await self._cache.get(key)
        except Exception as error:  # noqa: BLE001 - the cache is an accelerator: whatever it raises, the database answers
            _log.warning("cache not read", reason=str(error))
            return None

    async def _keep(self, key: str, body: bytes) -> None:
        try:
            await self._cache.set(key, body, self._cache_seconds)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("cache not written", reason=str(error))


def _read_after(request: Request) -> Position | None:
    token = request.headers.get(READ_AFTER)
    if token is None:
        return None
    try:
        return Position.parse(token)
    except ValueError as error:
        raise HeaderError(READ_AFTER, f"{READ_AFTER}: {error}.") from error


def _path(request: Request) -> Mapping[str, str]:
    """The path's parameters; the database knows no text with a NUL, so nothing can be named by one."""
    if any("\x00" in value for value in request.path_params.values()):
        raise NotFoundError("An id never holds a NUL character.")
    return request.path_params


def _conditional(request: Request, body: bytes) -> Response:
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    asked = request.headers.get("if-none-match", "")
    if etag in (tag.strip().removeprefix("W/") for tag in asked.split(",")) or asked.strip() == "*":
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type=JSON)
