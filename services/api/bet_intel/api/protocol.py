"""HTTP/1.1 on one connection: uvicorn's, with bounds on how long a request is and takes, and answers without a task."""

import asyncio
from typing import Any

import structlog
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bet_intel.api.hot_path import HotPath
from bet_intel.api.lengths import LONGEST_HEAD, LONGEST_REQUEST
from bet_intel.api.problems import MALFORMED, MEDIA_TYPE, TOO_LONG_A_HEAD, TOO_SLOW, Unread
from bet_intel.api.security import HEADERS

_log = structlog.get_logger(__name__)

_HEAD_SECONDS = 10.0
_LINGER_SECONDS = 2.0
"""How long what still comes is thrown away after a refusal: closed at once, what was written might not arrive."""


class Protocol(HttpToolsProtocol):
    """As uvicorn's, but that it answers what is ready without a task, and also what is no HTTP with a problem.

    A client has `head_seconds` for the head of a request, from when it connects or begins to send one; once a request
    is answered, as long for what it still sends of its body. What is too long or too slow ends its connection. Nothing
    of this costs anything where a request comes in one piece.
    """

    head_seconds = _HEAD_SECONDS
    # uvicorn declares them as if they were there before the first request.
    scope: HTTPScope | None  # type: ignore[assignment]
    cycle: RequestResponseCycle | None  # type: ignore[assignment]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._read_of: object = None
        self._read = 0
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
        if self.scope is not self._read_of:
            # It began somewhere in this piece: what is counted is what comes on top.
            self._read_of, self._read = self.scope, 0
        else:
            self._read += len(data)
            if self._read > LONGEST_HEAD:
                self._check_length()
        self._bound_time()

    def _bound_time(self) -> None:
        if self._is_refused:
            return
        if self._is_reading_head() or self.cycle is None or self._is_idle(self.cycle):
            self._await_head()
        elif self._deadline is not None:
            self._await_nothing()

    def _is_reading_head(self) -> bool:
        # It is written there when the head is complete.
        return self.scope is not None and "method" not in self.scope

    def _is_idle(self, cycle: RequestResponseCycle) -> bool:
        """Whether something came though nothing is asked: empty lines, or a body that nobody waits for any more."""
        return cycle.response_complete and self.timeout_keep_alive_task is None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _check_length(self) -> None:
        if self._is_reading_head():
            self._refuse(TOO_LONG_A_HEAD)
        elif self._read > LONGEST_REQUEST:
            self.transport.close()

    def _await_head(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.head_seconds, self._is_late)

    def _await_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_late(self) -> None:
        self._deadline = None
        if self.flow.read_paused:
            self._await_head()  # what is missing of it waits for us
        elif self._is_reading_head():
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, problem: Unread) -> None:
        """Answer what is not read to its end and close; only close while another answer is under way."""
        if self._is_answering() or not self.transport.can_write_eof():
            self.transport.close()
        elif not self.transport.is_closing():
            self._is_refused = True
            self.transport.write(_whole(problem))
            self.transport.write_eof()
            self._await_nothing()
            self._deadline = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # An answer without a task has begun to count how long the connection is idle, within what was read together.
        self._unset_keepalive_if_required()
        if not self._is_answered(cycle, app):
            super()._start_asgi_task(cycle, app)

    def _is_answered(self, cycle: RequestResponseCycle, app: Any) -> bool:
        hot = self.config.app
        # Where others wait behind it, each would be answered from within the answer to the one before.
        if not isinstance(hot, HotPath) or app is not self.app or self.pipeline:
            return False
        try:
            return hot.answer_now(cycle)
        except Exception:
            if cycle.response_started:
                raise
            # Within the parser it would pass for a request that is no HTTP; the long way tells whoever asks.
            _log.exception("answered the long way", path=cycle.scope["path"])
            return False

    def send_400_response(self, msg: str) -> None:
        del msg  # says less than the problem
        self._refuse(MALFORMED)


def _whole(problem: Unread) -> bytes:
    return b"\r\n".join(
        [
            f"HTTP/1.1 {problem.status:d} {problem.status.phrase}".encode(),
            b"content-type: " + MEDIA_TYPE.encode(),
            b"content-length: " + str(len(problem.body)).encode(),
            *(name + b": " + value for name, value in HEADERS.items()),
            b"connection: close",
            b"",
            problem.body,
        ]
    )
