"""Logs: structured, one event a line, to standard error; what belongs to a trace says to which."""

import io
import logging
import sys
from typing import Any

import structlog

from bet_intel.shared.tracing import current_context


class _StandardError(io.TextIOBase):
    """Standard error as it is when a record is written: what draws on the terminal puts itself in its place."""

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logging(level: str, *, json: bool) -> None:
    """Send structlog's and the standard library's records to standard error, as JSON lines or for a person."""
    stream: Any = _StandardError()  # io's classes are no typing.TextIO
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            *shared,
            *([structlog.processors.format_exc_info] if json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # It logs a traceback for every connection a stopped server takes with it; what that means is said by whoever asked.
    # So do the drivers of RabbitMQ, and dramatiq of every task that failed.
    for name in ("asyncpg.pool", "aio_pika", "aiormq", "pika"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([structlog.processors.format_exc_info] if json else []),
                renderer,
            ],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])


def _add_trace(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    context = current_context()
    if context.is_valid:
        event["trace_id"], event["span_id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return event
