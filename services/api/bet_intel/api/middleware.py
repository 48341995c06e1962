"""The edge of a request: its id, its metrics, and a problem for whatever nobody expected. Pure ASGI."""

import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bet_intel.api.problems import problem_response
from bet_intel.shared.times import Monotonic

REQUEST_ID = b"x-request-id"
Observe = Callable[[float], None]
"""Takes note of an answer, and of how many seconds it took."""
_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_UNMATCHED = "(none)"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class _Times:
    """How many answers of a route took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.sum = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """Each upper bound, and how many took no longer."""
        return list(zip([*map(str, _BUCKETS), "+Inf"], itertools.accumulate(self.counts), strict=True))


class RequestMetrics(Collector):
    """Requests by route, method and status, and how long they took in seconds.

    Counted in plain numbers, of which metrics are made when they are asked for: the library's counters, with a lock for
    each number, cost a twentieth of what a ready answer does.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests: dict[tuple[str, str, str], list[int]] = {}
        self._times: dict[str, _Times] = {}
        registry.register(self)

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        # Only known values become labels: a client must not be able to make new series.
        route = getattr(scope.get("route"), "path", _UNMATCHED)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.observer(route, method, status)(seconds)

    def observer(self, route: str, method: str, status: int) -> Observe:
        """Takes note of answers of one kind."""
        number = self._requests.setdefault((route, method, str(status)), [0])
        times = self._times.setdefault(route, _Times())
        counts = times.counts

        def observe(seconds: float) -> None:
            number[0] += 1
            counts[bisect_left(_BUCKETS, seconds)] += 1
            times.sum += seconds

        return observe

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "bet_intel_http_requests", "Requests answered.", labels=("route", "method", "status")
        )
        for labels, (number,) in list(self._requests.items()):
            requests.add_metric(labels, number)
        yield requests
        seconds = HistogramMetricFamily(
            "bet_intel_http_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            labels=("route",),
        )
        for route, times in list(self._times.items()):
            seconds.add_metric((route,), times.buckets(), times.sum)
        yield seconds


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
