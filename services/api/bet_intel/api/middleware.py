"""The edge of a request: its id, its metrics, and a problem for whatever nobody expected. Pure ASGI."""

import re
from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bet_intel.api.problems import problem_response
from bet_intel.shared.times import Monotonic

REQUEST_ID = b"x-request-id"
Observe = Callable[[float], None]
"""Takes note of an answer, and of how many seconds it took."""
_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_UNMATCHED = "(none)"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class RequestMetrics:
    """Requests by route, method and status, and how long they took in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "bet_intel_http_requests_total", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "bet_intel_http_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        # Only known values become labels: a client must not be able to make new series.
        route = getattr(scope.get("route"), "path", _UNMATCHED)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.observer(route, method, status)(seconds)

    def observer(self, route: str, method: str, status: int) -> Observe:
        """Takes note of answers of one kind."""
        requests, times = self._requests.labels(route, method, str(status)), self._seconds.labels(route)

        def observe(seconds: float) -> None:
            requests.inc()
            times.observe(seconds)

        return observe


class RequestEdge:
    """Wraps the application: every answer carries `X-Request-Id`, every request is counted, no traceback gets out."""

    def __init__(
        self, app: ASGIApp, *, metrics: RequestMetrics, monotonic: Monotonic, new_id: Callable[[], str]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._monotonic = monotonic
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        started = self._monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = _with_header(message, request_id)
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
                try:
                    await self._app(scope, receive, send_with_id)
                except Exception as error:  # the edge of a request: whatever was not expected is a problem, and logged
                    response = problem_response(error, scope["path"])
                    if status:
                        raise  # the answer has begun: only cutting the connection tells the client
                    await response(scope, receive, send_with_id)
        finally:
            self._metrics.observe(scope, status, self._monotonic() - started)

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == REQUEST_ID and is_accepted_id(value):
                accepted: bytes = value
                return accepted
        return self._new_id().encode()


def is_accepted_id(id: bytes) -> bool:
    """Whether a caller's X-Request-Id is taken over."""
    return _ACCEPTED_ID.fullmatch(id) is not None


def _with_header(message: Message, request_id: bytes) -> dict[str, Any]:
    return {**message, "headers": [*message.get("headers", []), (REQUEST_ID, request_id)]}
