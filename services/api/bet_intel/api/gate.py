"""What every request passes before it is answered: who asks, how often, and whether there is room. Pure ASGI."""

import asyncio
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bet_intel.api.auth import Gatekeeper, carry
from bet_intel.api.lengths import check_lengths
from bet_intel.api.problems import (
    KNOWN,
    LateBodyError,
    OverloadedError,
    TooManyRequestsError,
    problem_response,
)
from bet_intel.api.request_limits import POLICY, Headers, RequestLimits, standing_of
from bet_intel.api.security import check_origin


class Gate:
    """Lets requests through that may come in, with their caller; what they may do there, each operation says.

    `open_paths` are for everybody and not counted; without a key no page of another site than `own_pages` writes;
    `lasting_paths` are bounded in another way. Of the others so many are answered `at_once`, each within `seconds`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keeper: Gatekeeper,
        limits: RequestLimits,
        open_paths: Collection[str],
        own_pages: Collection[str],
        lasting_paths: Collection[str],
        at_once: int,
        seconds: float,
        registry: CollectorRegistry,
    ) -> None:
        self._app = app
        self._keeper = keeper
        self._limits = limits
        self._open = frozenset(open_paths)
        self._own_pages = frozenset(own_pages)
        self._lasting = frozenset(lasting_paths)
        self._at_once = at_once
        self._seconds = seconds
        self._under_way = 0
        self._shed = Counter(
            "bet_intel_api_shed_requests", "Requests refused because there were too many at once.", registry=registry
        )
        under_way = Gauge("bet_intel_api_requests_under_way", "Requests that are being answered.", registry=registry)
        under_way.set_function(lambda: self._under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        headers: Headers = []
        try:
            check_lengths(scope)
            caller = self._keeper.caller(scope)
            if caller.is_shown_by_nothing:
                check_origin(scope, self._own_pages)
            carry(scope, caller)
            if self._under_way >= self._at_once:
                self._shed.inc()
                raise OverloadedError
            standing = standing_of(scope) or self._limits.use(caller) or await self._limits.lease(caller)
            headers = self._limits.headers(caller, standing)
            if standing.wait is not None:
                raise TooManyRequestsError(standing.wait, [POLICY])
        except KNOWN as error:
            await problem_response(error, scope["path"])(scope, receive, _sending(send, headers))
            return
        if scope["path"] in self._lasting:
            await self._app(scope, receive, _sending(send, headers))
            return
        self._under_way += 1
        try:
            await self._in_time(scope, receive, _sending(send, headers))
        finally:
            self._under_way -= 1

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False
        body = _Body(receive)

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, body.receive, send_noting)
        except TimeoutError as error:
            if has_begun:
                raise  # only cutting the connection tells the client
            await problem_response(self._late(body, error), scope["path"])(scope, receive, send)

    def _late(self, body: "_Body", error: TimeoutError) -> Exception:
        """What a request has waited for to the end of its time."""
        if body.is_awaited:
            return LateBodyError(self._seconds)
        if self._under_way < self._at_once:
            return error
        # For others, where it is full: that is no failure, and another gateway may have room.
        self._shed.inc()
        return OverloadedError()


class _Body:
    """A request's body as it is received; `is_awaited` while more of it is to come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False
        self.is_awaited = False

    async def receive(self) -> Message:
        # Behind the body comes nothing but the end of the connection.
        self.is_awaited = not self._is_whole
        message = await self._receive()
        self.is_awaited = False
        self._is_whole = not message.get("more_body", False)
        return message


def _sending(send: Send, headers: Headers) -> Send:
    """`send` with more headers."""
    if not headers:
        return send

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *headers]}
        await send(message)

    return send_more
