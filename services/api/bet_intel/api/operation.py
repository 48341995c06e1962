"""One operation of the API: its place, its contract and what answers it.

Routes and the OpenAPI document are both made from these.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api import date_format
from bet_intel.api.auth import caller_of
from bet_intel.api.domain.accounts import Caller, Need
from bet_intel.api.feed import FeedTail
from bet_intel.api.paging import is_paged, link_to_next, next_of
from bet_intel.api.problems import HeaderError, NotFoundError
from bet_intel.api.query import Query, parse
from bet_intel.api.ready_answers import AnswerKey, ReadyAnswer, ReadyAnswers
from bet_intel.shared.filled_cache import FilledCache
from bet_intel.shared.flights import Flights
from bet_intel.shared.postgres import Committed, Database, Position, Reader

QueryT = TypeVar("QueryT", bound=Query)
Answer = TypeVar("Answer")

READ_AFTER = "Read-After"
"""Header of answers and requests: up to where the database was written to or seen, for reads that must not miss it."""
JSON = "application/json"
TEXT = "text/plain"


READING = {READ_AFTER: "As a write answered it: what is read is not older than that write."}


class NoParameters(Query, frozen=True):
    """A route without query parameters."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`answer` is the structure of its success (`status`), None where that is text; `problems` are the statuses it may
    fail with; `need` is what a caller must have; `body` is what a caller may send, `headers` what each request header
    of its own means, `structures` what else the document describes, `example` whose example it has where that is
    another's."""

    path: str
    id: str
    tag: str
    summary: str
    respond: Callable[[Request], Awaitable[Response]]
    description: str = ""
    need: Need = field(kw_only=True)
    query: type[Query] = NoParameters
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    answer: type[msgspec.Struct] | None = None
    media_type: str = JSON
    media_types: tuple[str, ...] = ()
    conditional: bool = False
    also: Mapping[int, str] = field(default_factory=dict)
    problems: tuple[int, ...] = (400, 503)
    method: str = "GET"
    status: int = 200
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    structures: tuple[type[msgspec.Struct], ...] = ()
    deprecated: bool = False
    example: str = ""


class Question(NamedTuple):
    """The parameters of a request's path, and who asks."""

    path: Mapping[str, str]
    caller: Caller


class Encoded(NamedTuple):
    """An answer as JSON, and where its list goes on."""

    body: bytes
    next_cursor: str | None


Handle = Callable[[Reader, Question, QueryT], Awaitable[msgspec.Struct]]
"""Answers a question from one snapshot of the read model."""
HandlePrepared = Callable[[Reader, Question, QueryT], Awaitable[Encoded]]
Encode = Callable[[QueryT, Question, str, Position | None, bool], Awaitable[Encoded]]
"""Answers a question to a path with what is not older than a position; whether it is asked again, and so at other
gateways too."""


class Reads:
    """Turns handlers that read the database into responders."""

    def __init__(
        self, database: Database, cache: FilledCache, ready: ReadyAnswers, tail: FeedTail, cache_seconds: float
    ) -> None:
        self._database = database
        self._cache = cache
        self._ready = ready
        self._tail = tail
        self._cache_seconds = cache_seconds
        self._flights: Flights[str, Encoded] = Flights()

    def plain(self, query: type[QueryT], handle: Handle[QueryT]) -> Callable[[Request], Awaitable[Response]]:
        """Reads the database for every request."""

        async def respond(request: Request) -> Response:
            asked = parse(request.url.query, query)
            question = _question(request)
            answer = await self.once(request, lambda connection: handle(connection, question, asked))
            link = link_to_next(request, getattr(answer, "next_cursor", None))
            body = date_format.encoded(answer, asked.times)
            return Response(body, headers=self._headers() | link, media_type=JSON)

        return respond

    async def once(self, request: Request, read: Callable[[Reader], Awaitable[Answer]]) -> Answer:
        """What `read` finds, in a snapshot that has what the request's Read-After asks for."""
        return await self._database.read(read, self._after(request))

    def snapshot(self, request: Request) -> AbstractAsyncContextManager[Reader]:
        """A snapshot that has what the request's Read-After asks for, for as long as it is needed."""
        return self._database.snapshot(self._after(request))

    def cached(self, query: type[QueryT], handle: Handle[QueryT]) -> Callable[[Request], Awaitable[Response]]:
        """Keeps the answer for as long as the read model does not change, also ready as bytes in this process, and
        answers If-None-Match and Accept-Encoding.

        What it answers may depend on the caller's view, and on nothing else of the caller.
        """
        paged = is_paged(query)

        async def encoded(asked: QueryT, question: Question, path: str, after: Position | None, again: bool) -> Encoded:
            del again  # kept from the first time on

            async def answered() -> bytes:
                answer = await self._database.read(lambda connection: handle(connection, question, asked), after)
                return date_format.encoded(answer, asked.times)

            key = self._key(path, asked, question.caller)
            if key and self._is_shown(after):
                body = await self._cache.get(key, self._cache_seconds, answered)
            else:
                body = await answered()
            return Encoded(body, next_of(body) if paged else None)

        return self._kept(query, encoded)

    def prepared(self, query: type[QueryT], handle: HandlePrepared[QueryT]) -> Callable[[Request], Awaitable[Response]]:
        """As `cached`, of what costs less to read than to look up in a cache that is shared: that is asked only when
        the answer is made anew, as other gateways make it too, or where nothing is kept ready, so that everybody asks
        again and again. Those who ask one gateway for something new at the same time are answered by one read.

        Every statement of `handle` is a picture of its own.
        """

        async def encoded(asked: QueryT, question: Question, path: str, after: Position | None, again: bool) -> Encoded:
            async def answered() -> Encoded:
                self._cache.was_made()
                return await read()

            async def read() -> Encoded:
                return await self._database.read(
                    lambda connection: handle(connection, question, asked), after, at_once=True
                )

            async def body() -> bytes:
                return (await read()).body

            key = self._key(path, asked, question.caller)
            if key is None or not self._is_shown(after):
                return await answered()
            if again or not self._ready.keeps_any:
                kept = await self._cache.get(key, self._cache_seconds, body)
                return Encoded(kept, next_of(kept))
            return await self._flights.get(key, answered)

        return self._kept(query, encoded)

    def _kept(self, query: type[QueryT], encoded: Encode[QueryT]) -> Callable[[Request], Awaitable[Response]]:
        """Keeps answers ready as bytes."""

        async def respond(request: Request) -> Response:
            asked = parse(request.url.query, query)
            question, after, route = _question(request), self._after(request), request.scope["route"].path

            async def made(after: Position | None, *, again: bool = False) -> ReadyAnswer:
                generation, seen = self._tail.generation, self._tail.seen
                body, next_cursor = await encoded(asked, question, request.url.path, after, again)
                more = link_to_next(request, next_cursor)
                return ReadyAnswer(route, body, generation, more if seen is None else {READ_AFTER: str(seen), **more})

            answer = await made(after)
            if READ_AFTER not in request.headers:
                asked_as = AnswerKey(request.scope["path"], request.scope["query_string"], question.caller.view_name)
                self._ready.keep(asked_as, answer, lambda: made(self._tail.seen, again=True))
            return answer.response(request.headers)

        return respond

    def _after(self, request: Request) -> Position | None:
        """What the answer must show: what this gateway has shown, and what the caller has written or seen."""
        token = request.headers.get(READ_AFTER)
        if token is None:
            return self._tail.seen
        try:
            return Position.parse(token).and_also(self._tail.seen)
        except ValueError as error:
            raise HeaderError(READ_AFTER, f"The header {READ_AFTER} is not as it was given out: {error}.") from error

    def _is_shown(self, after: Position | None) -> bool:
        """Whether what is kept under the feed's position shows what was written at `after`."""
        return after is None or (self._tail.seen is not None and not after.exceeds(self._tail.seen))

    def _headers(self) -> dict[str, str]:
        return {} if self._tail.seen is None else {READ_AFTER: str(self._tail.seen)}

    def _key(self, path: str, asked: Query, caller: Caller) -> str | None:
        position = self._tail.position
        if position is None:
            return None
        # A digest, because a question may be long and a key is kept as long as its answer.
        question = hashlib.blake2b(
            f"{caller.view_name} {path}?{asked.canonical()}".encode(), digest_size=16
        ).hexdigest()
        return f"api:{position.epoch}-{position.generation}:{question}"


def read_after(committed: Committed) -> dict[str, str]:
    """The header of a write's answer that lets the next read see it, on any gateway."""
    return {} if committed.position is None else {READ_AFTER: str(committed.position)}


def _question(request: Request) -> Question:
    """The database knows no text with a NUL, so nothing can be named by one."""
    if any("\x00" in value for value in request.path_params.values()):
        raise NotFoundError("An id never holds a NUL character.")
    return Question(request.path_params, caller_of(request))
