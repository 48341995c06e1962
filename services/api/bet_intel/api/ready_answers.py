"""Answers that are asked for again and again, ready as bytes in this process.

One is the answer to a question as it was written. It is made when it is asked for the first time and made anew, off
every request's way, when the read model has changed, for as long as somebody asks for it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import NamedTuple, Self

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.datastructures import Headers
from starlette.responses import Response

from bet_intel.api.codings import CODINGS, IDENTITY, WORTH_IT, accepted, compressed
from bet_intel.api.feed import FeedTail, Generation
from bet_intel.api.problems import KNOWN
from bet_intel.api.security import HEADERS
from bet_intel.shared.postgres import DatabaseUnavailableError
from bet_intel.shared.runtime import TaskGroup
from bet_intel.shared.times import Monotonic

_log = structlog.get_logger(__name__)

RawHeaders = list[tuple[bytes, bytes]]
_WAIT = 1.0
_REST = 3.0
"""Seconds of rest for each that making answers anew took: a quarter of this process's time is all they get."""
_LEAST_REST = 0.05


class AnswerKey(NamedTuple):
    """A question: path, query string as it was written, and the name of the view of who asks."""

    path: str
    query: bytes
    view: str


class Reply(NamedTuple):
    """What is sent: `head` is status and headers as they go over the wire."""

    status: int
    headers: RawHeaders
    head: bytes
    body: bytes

    @classmethod
    def of(cls, status: HTTPStatus, headers: RawHeaders, body: bytes) -> Self:
        lines = (b"%b: %b\r\n" % header for header in headers)
        return cls(status, headers, b"HTTP/1.1 %d %b\r\n%b" % (status, status.phrase.encode(), b"".join(lines)), body)


class Variant(NamedTuple):
    """An answer in one content coding, and the 304 that stands for it."""

    etag: bytes
    whole: Reply
    unchanged: Reply


class ReadyAnswer:
    """One answer, JSON of `body`. `generation` is where the read model was that it shows, `headers` are its own.

    Bodies in other codings are made once, when they are asked for first.
    """

    def __init__(self, route: str, body: bytes, generation: Generation, headers: Mapping[str, str]) -> None:
        self.route = route
        self.body = body
        self.generation = generation
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        own = {name for name, _ in self._headers}
        self._headers += [pair for pair in HEADERS.items() if pair[0] not in own]
        self.asked = 0
        self.stale_from: float | None = None
        """When (monotonic) it is not to be given out any more, once it shows what is not so any more."""
        self._variants: dict[str, Variant] = {}

    @cached_property
    def _digest(self) -> str:
        # Of the digests that are long enough the fastest one where the processor has it built in.
        return hashlib.sha256(self.body).hexdigest()[:24]

    @property
    def codings(self) -> tuple[str, ...]:
        """Those that it has been asked for in."""
        return tuple(self._variants)

    def _variant(self, accept_encoding: bytes | None) -> Variant:
        """The answer for a request with this Accept-Encoding."""
        coding = IDENTITY if accept_encoding is None or len(self.body) < WORTH_IT else accepted(accept_encoding)
        return self._variants.get(coding) or self.made(coding)

    def made(self, coding: str) -> Variant:
        """The answer in a coding."""
        body = self.body if coding == IDENTITY else compressed(self.body, coding)
        # A strong tag names bytes, so that each coding has its own.
        etag = f'"{self._digest}{coding and "-"}{coding}"'.encode()
        unchanged = [
            (b"etag", etag),
            (b"cache-control", b"private, no-cache"),
            (b"vary", b"accept-encoding, authorization, x-api-key"),
            *self._headers,
        ]
        found = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *unchanged]
        if coding != IDENTITY:
            found.append((b"content-encoding", coding.encode()))
        variant = self._variants[coding] = Variant(
            etag, Reply.of(HTTPStatus.OK, found, body), Reply.of(HTTPStatus.NOT_MODIFIED, unchanged, b"")
        )
        return variant

    def reply(self, accept_encoding: bytes | None, if_none_match: bytes | None) -> Reply:
        """What to send for a request with these headers."""
        variant = self._variant(accept_encoding)
        if if_none_match is not None and (if_none_match == variant.etag or self._is_named_by(if_none_match)):
            return variant.unchanged
        return variant.whole

    def _is_named_by(self, if_none_match: bytes) -> bool:
        """Whether a request's If-None-Match names this answer, in whatever coding."""
        if if_none_match.strip() == b"*":
            return True
        tags = (tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.decode("latin-1").split(","))
        return any(tag == self._digest or _without_coding(tag) == self._digest for tag in tags)

    def response(self, headers: Headers) -> Response:
        """What Starlette answers to a request with these headers."""
        encoding, known = headers.get("accept-encoding"), headers.get("if-none-match")
        reply = self.reply(
            None if encoding is None else encoding.encode("latin-1"), None if known is None else known.encode("latin-1")
        )
        response = Response(reply.body, reply.status)
        response.raw_headers = list(reply.headers)
        return response


def _without_coding(tag: str) -> str:
    digest, _, coding = tag.rpartition("-")
    return digest if coding in CODINGS else tag


Make = Callable[[], Awaitable[ReadyAnswer]]


@dataclass(slots=True)
class _Kept:
    answer: ReadyAnswer
    make: Make


class ReadyAnswers:
    """What this process keeps. `run` makes them anew until cancelled.

    `most` are kept, none where it is 0; those that were asked for again before those that were not. One that shows what
    is not so any more is given out for `stale_seconds` at most, in which it is usually made anew; one that nobody asked
    for meanwhile, or that cannot be made, is dropped.
    """

    def __init__(
        self, tail: FeedTail, most: int, stale_seconds: float, monotonic: Monotonic, registry: CollectorRegistry
    ) -> None:
        self._tail = tail
        self._most = most
        self._stale_seconds = stale_seconds
        self._monotonic = monotonic
        self._kept: dict[AnswerKey, _Kept] = {}
        # Those that nobody has asked for again, the oldest first: they make room, so that who asks for something new
        # each time takes nobody's place.
        self._once: dict[AnswerKey, None] = {}
        count = Gauge("bet_intel_api_ready_answers", "Answers that are ready as bytes.", registry=registry)
        count.set_function(lambda: len(self._kept))
        self._made = Counter(
            "bet_intel_api_ready_answers_made", "Answers that were made anew, ahead of who asks.", registry=registry
        )
        self._dropped = Counter(
            "bet_intel_api_ready_answers_dropped", "Answers that could not be made anew.", registry=registry
        )

    @property
    def keeps_any(self) -> bool:
        return self._most > 0

    def find(self, key: AnswerKey, now: float) -> ReadyAnswer | None:
        """The answer to a question, if there is one that may be given out."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        answer = kept.answer
        if not answer.asked:
            self._once.pop(key, None)
        answer.asked += 1
        return None if answer.generation != self._tail.generation and self._is_stale(answer, now) else answer

    def keep(self, key: AnswerKey, answer: ReadyAnswer, make: Make) -> None:
        """Keep an answer that was just made for somebody, and how to make it anew."""
        if key not in self._kept and len(self._kept) >= self._most:
            oldest = next(iter(self._once), None)
            if oldest is None:
                return
            self._drop(oldest)
        self._put(key, _Kept(answer, make))

    def _put(self, key: AnswerKey, kept: _Kept) -> None:
        self._kept[key] = kept
        self._once[key] = None

    def _drop(self, key: AnswerKey) -> None:
        del self._kept[key]
        self._once.pop(key, None)

    async def run(self) -> None:
        async with TaskGroup() as group:
            group.create_task(self._age())
            group.create_task(self._make_anew())

    def _is_stale(self, answer: ReadyAnswer, now: float) -> bool:
        if answer.stale_from is None:
            answer.stale_from = now + self._stale_seconds
        return now >= answer.stale_from

    async def _age(self) -> None:
        """Time begins to run for what is not so any more at once, whenever it is asked for."""
        async for now in self._moves():
            for kept in self._kept.values():
                if kept.answer.generation != self._tail.generation:
                    self._is_stale(kept.answer, now)

    async def _make_anew(self) -> None:
        async for begin in self._moves():
            # What was asked for most comes first.
            order = sorted(self._kept, key=lambda key: self._kept[key].answer.asked, reverse=True)
            try:
                for key in order:
                    await self._renew(key)
            except (DatabaseUnavailableError, TimeoutError) as error:
                _log.warning("answers not made anew", reason=str(error) or type(error).__name__)
            await asyncio.sleep(max(_LEAST_REST, _REST * (self._monotonic() - begin)))

    async def _moves(self) -> AsyncIterator[float]:
        """The time whenever the read model has moved on."""
        generation = self._tail.generation
        while not self._tail.closed:
            await self._tail.changed(generation, _WAIT)
            if self._tail.generation != generation:
                generation = self._tail.generation
                yield self._monotonic()

    async def _renew(self, key: AnswerKey) -> None:
        kept = self._kept.get(key)
        if kept is None:
            return  # dropped while others were made
        if kept.answer.generation == self._tail.generation:
            return  # made for somebody since the move, so that nobody has had time to ask again
        if not kept.answer.asked:
            self._drop(key)
        else:
            answer = await self._made_anew(key, kept)
            if key not in self._kept:
                return  # dropped while it was made
            if answer is None:
                self._drop(key)
            else:
                self._put(key, _Kept(answer, kept.make))

    async def _made_anew(self, key: AnswerKey, kept: _Kept) -> ReadyAnswer | None:
        """None where the question has no answer any more, or none that can be made: whoever asks next is told why.

        Raises:
            DatabaseUnavailableError, TimeoutError: no answer can be made now.
        """
        try:
            answer = await kept.make()
            for coding in kept.answer.codings:
                answer.made(coding)
        except (DatabaseUnavailableError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - the edge of this work: logged, counted
            self._dropped.inc()
            if isinstance(error, KNOWN):
                _log.info("ready answer dropped", path=key.path, reason=str(error))
            else:
                _log.exception("ready answer dropped", path=key.path)
            return None
        self._made.inc()
        return answer
