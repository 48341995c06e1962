"""What tracing does in a process of its own: OpenTelemetry is turned on once in a process."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from fixtures.traces import CONSUMER, SERVER, Collector, collecting

TRACE, OTHER = (
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-",
    "00-1bf7651916cd43dd8448eb211c80319c-c8ad6b7169203332-",
)
RECORDED, LEFT_OUT = "01", "00"

ON = """
import asyncio, sys
from opentelemetry.trace import SpanKind
from bet_intel.shared.otlp import exporting
from bet_intel.shared.telemetry import configure_logging
from bet_intel.shared.tracing import current_traceparent, processing, publishing
configure_logging("warning", json=True)
"""
SERVED = (
    ON
    + """
import httpx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def answer(request):
    return PlainTextResponse(f"{request.url.query} {current_traceparent()}")

async def main(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bet-intel") as client:
        told = await client.get("/v1/things/7?key=%ff", headers={"traceparent": sys.argv[2]})
        print(told.text)

with exporting(sys.argv[1], 1.0, "api", "serve"):
    from bet_intel.api.request_traces import traced
    asyncio.run(main(traced(Starlette(routes=[Route("/v1/things/{id}", answer)]))))
"""
)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as one:
        yield one


def ran(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_off_nothing_of_it_is_loaded_and_nothing_stands_before_a_gateway() -> None:
    said = ran(
        """
import sys
import bet_intel.shared.entry
from bet_intel.api.request_traces import traced
from bet_intel.shared.tracing import current_traceparent, processing

app = object()
with processing("queue", [sys.argv[1]]):
    print(traced(app) is app, repr(current_traceparent()))
parts = ("sdk.trace", "exporter", "instrumentation")
print([name for name in sys.modules if name.startswith(tuple(f"opentelemetry.{part}" for part in parts))])
""",
        TRACE + RECORDED,
    )
    assert said == "True ''\n[]\n"


def test_a_micro_batch_goes_on_with_a_trace_that_is_recorded_and_is_linked_with_the_others(
    collector: Collector,
) -> None:
    ran(
        ON
        + """
with exporting(sys.argv[1], 0.0, "ev-engine", "consume"):
    with processing("ev-engine.odds-changed", sys.argv[2:]):
        pass
""",
        collector.url,
        OTHER + LEFT_OUT,
        TRACE + RECORDED,
        "",
        TRACE + RECORDED,
    )
    [span] = collector.spans.values()
    assert (span.kind, span.trace, span.links) == (CONSUMER, TRACE.split("-")[1], 1)
    assert span.causes == (TRACE.split("-")[2], OTHER.split("-")[2])
    assert span.attributes["messaging.batch.message_count"] == 4


def test_of_the_traces_that_nobody_began_a_part_is_recorded_and_none_of_what_a_process_asks_by_itself(
    collector: Collector,
) -> None:
    said = ran(
        ON
        + """
from opentelemetry import trace
with exporting(sys.argv[1], 0.25, "notifier", "consume"):
    for number in range(400):
        with publishing("service.heartbeat.v1", "", "announce"):
            with trace.get_tracer("driver").start_as_current_span("SELECT", kind=SpanKind.CLIENT):
                pass
        with trace.get_tracer("driver").start_as_current_span("probe", kind=SpanKind.CLIENT):
            assert int(current_traceparent()[-2:], 16) % 2 == 0
""",
        collector.url,
    )
    assert said == ""
    names = [span.name for span in collector.spans.values()]
    assert 40 < names.count("announce service.heartbeat.v1") == names.count("SELECT") < 180
    assert set(names) == {"announce service.heartbeat.v1", "SELECT"}


def test_a_request_is_a_span_by_its_route_without_what_was_asked_for_nor_the_callers_trace(
    collector: Collector,
) -> None:
    said = ran(SERVED, collector.url, TRACE + RECORDED)

    [span] = [one for one in collector.spans.values() if one.kind == SERVER]
    query, traceparent = said.split()
    assert query == "key=%ff"
    assert traceparent.startswith(f"00-{span.trace}-{span.id}-")
    assert (span.name, span.causes) == ("GET /v1/things/{id}", ())
    assert span.trace != TRACE.split("-")[1]
    assert "key" not in str(span.attributes)


def test_log_lines_of_ours_and_of_libraries_are_json_and_name_the_span(collector: Collector) -> None:
    said = ran(
        ON
        + """
import logging, structlog
sys.stderr = sys.stdout
with exporting(sys.argv[1], 0.0, "api", "serve"):
    with processing("api.odds-changed", [sys.argv[2]]):
        structlog.get_logger().warning("ours")
        logging.getLogger("library").warning("theirs: %s", 7)
        try:
            raise ValueError("a reason")
        except ValueError:
            logging.getLogger("library").exception("failed")
    structlog.get_logger().warning("outside")
""",
        collector.url,
        TRACE + RECORDED,
    )
    ours, theirs, failed, outside = (json.loads(line) for line in said.splitlines())
    assert (ours["event"], theirs["event"], theirs["level"], theirs["logger"]) == (
        "ours",
        "theirs: 7",
        "warning",
        "library",
    )
    assert "ValueError: a reason" in failed["exception"]
    [span] = collector.spans.values()
    assert {(one["trace_id"], one["span_id"]) for one in (ours, theirs, failed)} == {(span.trace, span.id)}
    assert "trace_id" not in outside


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    began = time.monotonic()
    ran(
        ON
        + """
with exporting("http://127.0.0.1:9", 1.0, "api", "serve"):
    with publishing("a.v1", ""):
        pass
"""
    )
    assert time.monotonic() - began < 20
