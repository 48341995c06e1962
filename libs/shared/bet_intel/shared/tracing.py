"""Traces across processes: the W3C `traceparent` that messages and tasks carry, and spans around what handles them.

While nobody has turned tracing on (`otlp.exporting`) there are no spans and no `traceparent` of ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_NOTHING = nullcontext()


def is_tracing() -> bool:
    """Whether this process makes spans."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def current_traceparent() -> str:
    """That of the span we are in; empty outside of any."""
    if not current_context().is_valid:
        return ""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier["traceparent"]


def current_context() -> SpanContext:
    """Ids of the span we are in; not valid outside of any."""
    return trace.get_current_span().get_span_context()


@contextmanager
def span(
    name: str,
    kind: SpanKind,
    traceparents: Sequence[str] = (),
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[None]:
    """A span below the first of `traceparents` that is recorded, linked with the others; below the span we are in
    where there is none. What is raised in it is recorded."""
    if not is_tracing():
        yield
        return
    contexts = [_PROPAGATOR.extract({"traceparent": one}) for one in dict.fromkeys(traceparents) if one]
    causes = [(context, trace.get_current_span(context).get_span_context()) for context in contexts]
    # A batch of several traces goes on with one that is recorded, if any is: the sampler follows the parent.
    causes.sort(key=lambda cause: not cause[1].trace_flags.sampled)
    with trace.get_tracer("bet_intel").start_as_current_span(
        name,
        context=causes[0][0] if causes else None,
        kind=kind,
        links=[Link(cause) for _, cause in causes[1:] if cause.is_valid],
        attributes=dict(attributes or {}),
    ):
        yield


def publishing(
    destination: str, traceparent: str, how: str = "publish", actor: str = ""
) -> AbstractContextManager[None]:
    """Around the sending of a message of that type, or of a task for that `actor` to that queue."""
    if not is_tracing():
        return _NOTHING
    attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "send",
        "messaging.operation.name": how,
        "messaging.destination.name": destination,
        **({"bet_intel.actor": actor} if actor else {}),
    }
    return span(f"{how} {destination}", SpanKind.PRODUCER, [traceparent], attributes)


def processing(queue: str, traceparents: Sequence[str], actor: str = "") -> AbstractContextManager[None]:
    """Around the handling of a micro-batch of that queue, or of a task by that `actor`."""
    if not is_tracing():
        return _NOTHING
    attributes: dict[str, str | int] = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": queue,
        "messaging.batch.message_count": len(traceparents),
        **({"bet_intel.actor": actor} if actor else {}),
    }
    return span(f"process {queue}", SpanKind.CONSUMER, traceparents, attributes)
