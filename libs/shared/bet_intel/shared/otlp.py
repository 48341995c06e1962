"""Turns tracing on: spans of ours and of the drivers, a part of them, go out over OTLP/HTTP.

Imported only where it is turned on: off, nothing of it costs memory or time.
"""

import importlib.util
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import structlog
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, TraceState
from opentelemetry.util.types import Attributes

_log = structlog.get_logger(__name__)

_EXPORT_SECONDS = 5


class Roots(Sampler):
    """Which traces are begun: `ratio` of those that something begins which happened. What a process asks by itself,
    again and again, outside of any (probes, the feed's position, sweeps), begins none."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return f"Roots{{{self._ratio.get_description()}}}"


class _Nothing(TextMapPropagator):
    """Neither reads nor writes a trace in HTTP headers."""

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        return Context() if context is None else context

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        pass

    @property
    def fields(self) -> set[str]:
        return set()


@contextmanager
def exporting(endpoint: str, ratio: float, service: str, process: str) -> Iterator[None]:
    """Trace within the block, once in a process, and send `ratio` of the traces to the collector at `endpoint`.

    Headers, certificates and time limits are those of OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_…`). A
    collector that is away costs the spans, nothing else.
    """
    # The attributes that are stable, instead of their older names.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    resource = Resource.create(
        {
            "service.namespace": "bet-intel",
            "service.name": service,
            "service.version": version("bet-intel"),
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            "bet_intel.process": process,
        }
    )
    provider = TracerProvider(sampler=ParentBased(Roots(ratio)), resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    # Traces begin and end with the system: no caller can have all he asks for recorded, and whoever is called from here
    # is not told. Between our processes the envelope carries them.
    propagate.set_global_textmap(_Nothing())
    _instrument()
    _log.info("traces are sent", endpoint=endpoint, ratio=ratio)
    try:
        yield
    finally:
        provider.shutdown()


def _instrument() -> None:
    """The drivers that are installed: an image has those of its service alone."""
    AsyncPGInstrumentor().instrument()  # type: ignore[no-untyped-call]  # its constructor has no types
    RedisInstrumentor().instrument(request_hook=_named)
    if importlib.util.find_spec("httpx") is not None:
        HTTPXClientInstrumentor().instrument(async_request_hook=_without_secrets)


def _named(span: Span, *_: object) -> None:
    """The instrumentation does not say it of a cluster, whose nodes have pools of their own."""
    span.set_attribute("db.system.name", "redis")


async def _without_secrets(span: Span, request: Any) -> None:
    """Of an address the host alone: a provider's holds its key, a webhook's may be a secret as a whole."""
    url = request.url
    span.set_attribute("url.full", f"{url.scheme}://{url.netloc.decode('ascii').rpartition('@')[2]}/")
