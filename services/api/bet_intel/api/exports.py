"""Exports: rows from a cursor on the server to the client, a few at a time, in one read-only snapshot."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bet_intel.api import export_reads
from bet_intel.api.export_formats import Writer
from bet_intel.api.export_reads import Statement
from bet_intel.api.operation import Reads
from bet_intel.api.problems import NoPlaceError, TooLargeError
from bet_intel.api.read_model import Record
from bet_intel.shared.postgres import DatabaseUnavailableError, Reader

_log = structlog.get_logger(__name__)

_ROWS_AT_ONCE = 200
"""Few enough that other requests do not notice how long they take to write."""
_WAIT_SECONDS = 5.0


class Bounds(NamedTuple):
    """Of a gateway: how many exports at once, and of one its rows and how long it may take (seconds)."""

    at_once: int
    rows: int
    seconds: float


class Export(NamedTuple):
    """What is exported: a statement, and how a row of it is shown and written."""

    name: str
    statement: Statement
    shown: Callable[[Record], msgspec.Struct]
    writer: Writer


class Exports:
    """Writes exports, so many at once as there are places."""

    def __init__(self, reads: Reads, bounds: Bounds) -> None:
        self._reads = reads
        self._bounds = bounds
        self._at_work = 0

    def response(self, request: Request, export: Export) -> StreamingResponse:
        """The answer. What can be refused is refused when it is sent, before its first byte.

        Raises, when sent:
            NoPlaceError: as many are written as there may be.
            TooLargeError: there are more rows than one export may have.
            DatabaseUnavailableError: the database does not answer.
        """
        return _Exported(self, request, export)

    async def send(self, response: "_Exported", send_all: Callable[[], Awaitable[None]]) -> None:
        export, began = response.export, False
        with self._place():
            try:
                async with self._reads.snapshot(response.request) as connection:
                    await self._refuse_too_many(connection, export.statement)
                    rows = export_reads.batches(connection, export.statement, _ROWS_AT_ONCE)
                    response.body_iterator = _written(export, rows)
                    began = True
                    await self._in_time(export.name, send_all)
            except DatabaseUnavailableError as error:
                if not began:
                    raise
                _cut_off(export.name, str(error))

    async def _refuse_too_many(self, connection: Reader, statement: Statement) -> None:
        if await export_reads.exceeds(connection, statement, self._bounds.rows):
            raise TooLargeError(
                f"These are more than {self._bounds.rows} rows: narrow it with filters, or take it in parts."
            )

    async def _in_time(self, name: str, send_all: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._bounds.seconds):
                await send_all()
        except TimeoutError:
            _cut_off(name, f"it took longer than {self._bounds.seconds:g} s")

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._at_work >= self._bounds.at_once:
            raise NoPlaceError("This gateway writes as many exports as it may; try again shortly.", _WAIT_SECONDS)
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1


def _cut_off(name: str, reason: str) -> None:
    """Said of an answer that ends unfinished, so that the server cuts the connection: what was sent must not pass for
    the whole."""
    _log.warning("export cut off", export=name, reason=reason)


class _Exported(StreamingResponse):
    def __init__(self, exports: Exports, request: Request, export: Export) -> None:
        self.exports, self.request, self.export = exports, request, export
        headers = {
            "Content-Disposition": f'attachment; filename="{export.name}.{export.writer.name}"',
            "Cache-Control": "no-store",
        }
        super().__init__(_nothing(), headers=headers, media_type=export.writer.media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = super().__call__
        if scope["method"] == "HEAD":
            await sent(scope, receive, send)
        else:
            await self.exports.send(self, lambda: sent(scope, receive, send))


async def _written(export: Export, batches: AsyncIterator[list[Record]]) -> AsyncIterator[bytes]:
    if head := export.writer.head():
        yield head
    async for batch in batches:
        yield export.writer.rows([export.shown(row) for row in batch])


async def _nothing() -> AsyncIterator[bytes]:
    for part in tuple[bytes, ...]():
        yield part
