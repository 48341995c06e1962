"""The hot path: requests whose answer is ready as bytes, answered in front of the application. Raw ASGI.

What it cannot answer at once takes the long way: it changes no answer, only its cost. It waits for nothing but the next
lease of a caller's quota.

Who asks again and again sends the same bytes each time, and the same bytes are the same request: what they ask is
remembered, so that they need not be parsed. Who asks, and whether he may, is looked up anew each time.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bet_intel.api.auth import Gatekeeper
from bet_intel.api.domain.accounts import Caller, Need
from bet_intel.api.lengths import headers_are_short
from bet_intel.api.middleware import REQUEST_ID, Observe, RequestMetrics, is_accepted_id
from bet_intel.api.problems import KeyInUrlError, UnauthorizedError
from bet_intel.api.ready_answers import AnswerKey, RawHeaders, ReadyAnswer, ReadyAnswers, Reply
from bet_intel.api.request_limits import RequestLimits, carry_standing, standing_of
from bet_intel.api.whole_writes import HeadEnds, cycle_of, takes_whole, write_whole
from bet_intel.shared.rate_limits import Standing
from bet_intel.shared.times import Monotonic

Headers = dict[bytes, bytes]
_REMEMBERED = 4096
_LONGEST = 4096
"""Bytes of a request that is remembered; of a browser's it is a third."""


class _Found(NamedTuple):
    answer: ReadyAnswer
    caller: Caller


class _Question(NamedTuple):
    """What a request asks: `key` is the digest of its caller's, `answer` what it asks for as that caller sees it."""

    key: bytes
    answer: AnswerKey
    accept_encoding: bytes | None
    if_none_match: bytes | None


class HotPath:
    """Wraps the application; `needs` says what the addresses ask of a caller whose answers may be ready, `was_ready` is
    called for each that was."""

    def __init__(
        self,
        app: ASGIApp,
        answers: ReadyAnswers,
        keeper: Gatekeeper,
        limits: RequestLimits,
        needs: Mapping[str, Need],
        metrics: RequestMetrics,
        was_ready: Callable[[], None],
        monotonic: Monotonic,
        new_id: Callable[[], str],
    ) -> None:
        self._app = app
        self._answers = answers
        self._keeper = keeper
        self._limits = limits
        self._needs = needs
        self._metrics = metrics
        self._was_ready = was_ready
        self._monotonic = monotonic
        self._new_id = new_id
        self.ends = HeadEnds()
        self._observers: dict[tuple[str, int], Observe] = {}
        # By their digest: they hold keys, which are kept nowhere as they are.
        self._questions: dict[bytes, _Question] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        started = self._monotonic()
        headers = _firsts(scope)
        found = self._found(scope, headers, started)
        more = None if found is None else await self._counted(scope, found.caller)
        if found is None or more is None:
            await self._app(scope, receive, send)
            return
        answer = found.answer
        reply = answer.reply(headers.get(b"accept-encoding"), headers.get(b"if-none-match"))
        await self._send(send, reply, headers, more)
        self._observe(answer.route, reply.status, self._monotonic() - started)

    def answer_now(self, cycle: RequestResponseCycle) -> bool:
        """Answer a request that has just arrived, before a task is made for it; False where that takes the other way.

        Only of who shows a key: whose address counts, proxies tell, which are heard further on.
        """
        scope = cast("Scope", cycle.scope)
        if scope["method"] != "GET" or not takes_whole(cycle):
            return False
        started = self._monotonic()
        headers = _firsts(scope)
        found = self._found(scope, headers, started)
        if found is None or self._keeper.digest(scope) is None:
            return False
        standing = standing_of(scope) or self._limits.use(found.caller)
        if standing is None:
            return False
        if standing.wait is not None:
            carry_standing(scope, standing)
            return False
        answer = found.answer
        reply = answer.reply(headers.get(b"accept-encoding"), headers.get(b"if-none-match"))
        own = self._own(headers, self._limits.headers(found.caller, standing))
        write_whole(cycle, reply.head + _lines(own), reply.body, self.ends)
        self._observe(answer.route, reply.status, self._monotonic() - started)
        return True

    def remember(self, data: bytes, scope: Scope) -> None:
        """Take note of what `data` asks: all of a request that :meth:`answer_now` has answered, and nothing else."""
        headers = _firsts(scope)
        # Who names his requests sends other bytes each time.
        if len(data) > _LONGEST or REQUEST_ID in headers:
            return
        key = self._keeper.digest(scope)
        caller = None if key is None else self._keeper.known(key)
        if key is None or caller is None:
            return
        if len(self._questions) >= _REMEMBERED:
            del self._questions[next(iter(self._questions))]
        self._questions[hashlib.sha256(data).digest()] = _Question(
            key,
            AnswerKey(scope["path"], scope["query_string"], caller.view_name),
            headers.get(b"accept-encoding"),
            headers.get(b"if-none-match"),
        )

    def answer_again(self, data: bytes) -> tuple[bytes, bytes] | Standing | None:
        """Head (but for what uvicorn adds) and body of the answer to a request that was remembered; how it stands,
        where it was counted and refused; None where it is to be parsed."""
        if len(data) > _LONGEST:
            return None
        question = self._questions.get(hashlib.sha256(data).digest())
        if question is None:
            return None
        started = self._monotonic()
        caller = self._keeper.known(question.key)
        if caller is None or caller.view_name != question.answer.view:
            return None
        answer = self._ready(question.answer, caller, started)
        standing = None if answer is None else self._limits.use(caller)
        if answer is None or standing is None:
            return None
        if standing.wait is not None:
            return standing
        reply = answer.reply(question.accept_encoding, question.if_none_match)
        lines = self._limits.lines(caller, standing)
        self._observe(answer.route, reply.status, self._monotonic() - started)
        return b"%bx-request-id: %b\r\n%b" % (reply.head, self._new_id().encode(), lines), reply.body

    def _found(self, scope: Scope, headers: Headers, now: float) -> _Found | None:
        # What was written elsewhere may not be in it yet; who reads across origins is answered by who knows them.
        if b"read-after" in headers or b"origin" in headers:
            return None
        # Path and query were those of a request that was answered.
        if not headers_are_short(scope["headers"]):
            return None
        try:
            caller = self._keeper.caller(scope)
        except (KeyInUrlError, UnauthorizedError):
            return None
        answer = self._ready(AnswerKey(scope["path"], scope["query_string"], caller.view_name), caller, now)
        return None if answer is None else _Found(answer, caller)

    def _ready(self, key: AnswerKey, caller: Caller, now: float) -> ReadyAnswer | None:
        answer = self._answers.find(key, now)
        if answer is None:
            return None
        need = self._needs.get(answer.route)
        return None if need is None or need.lacking(caller) is not None else answer

    async def _counted(self, scope: Scope, caller: Caller) -> RawHeaders | None:
        """What the answer tells of the quota; None where there is none for it."""
        standing = standing_of(scope) or self._limits.use(caller) or await self._limits.lease(caller)
        if standing.wait is not None:
            # Counted as refused already: whoever answers is not to count it again.
            carry_standing(scope, standing)
            return None
        return self._limits.headers(caller, standing)

    async def _send(self, send: Send, reply: Reply, headers: Headers, more: RawHeaders) -> None:
        own = self._own(headers, more)
        cycle = cycle_of(send)
        if cycle is not None:
            write_whole(cycle, reply.head + _lines(own), reply.body, self.ends)
            return
        await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, *own]})
        await send({"type": "http.response.body", "body": reply.body})

    def _own(self, headers: Headers, more: RawHeaders) -> RawHeaders:
        """The headers that are of this answer alone."""
        id = headers.get(REQUEST_ID)
        if id is None or not is_accepted_id(id):
            id = self._new_id().encode()
        return [(REQUEST_ID, id), *more]

    def _observe(self, route: str, status: int, seconds: float) -> None:
        observe = self._observers.get((route, status))
        if observe is None:
            observe = self._observers[route, status] = self._metrics.observer(route, "GET", status)
        observe(seconds)
        self._was_ready()


def _firsts(scope: Scope) -> Headers:
    """The headers by name; of several of one name the first, as whoever answers the long way takes it."""
    return dict(reversed(scope["headers"]))


def _lines(headers: RawHeaders) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
