"""Traces across processes: the W3C `traceparent` that messages and tasks carry, and spans around what handles them.

Without the SDK of OpenTelemetry configured there are no spans of our own; a `traceparent` that comes in still goes on.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def current_traceparent() -> str:
    """That of the span we are in; empty outside of any."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(name: str, kind: SpanKind, traceparents: Sequence[str]) -> Iterator[None]:
    """A span below the first of `traceparents`, linked with the others; what is raised in it is recorded."""
    known = list(dict.fromkeys(one for one in traceparents if one))
    contexts = [_PROPAGATOR.extract({"traceparent": one}) for one in known]
    with trace.get_tracer("bet_intel").start_as_current_span(
        name,
        context=contexts[0] if contexts else None,
        kind=kind,
        links=[Link(trace.get_current_span(context).get_span_context()) for context in contexts[1:]],
    ):
        yield


def configure_tracing(service: str) -> None:
    """Let the spans of this process have ids that go out with what it tells. Once, where a process begins."""
    trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": service})))
