"""HTTP/1.1 on one connection: uvicorn's, with bounds on how long a request is and takes, and answers without a task."""

import asyncio
from typing import Any, cast

import structlog
from starlette.types import Scope
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bet_intel.api.hot_path import HotPath
from bet_intel.api.lengths import LONGEST_HEAD, LONGEST_REQUEST
from bet_intel.api.problems import MALFORMED, MEDIA_TYPE, TOO_LONG_A_HEAD, TOO_SLOW, Unread
from bet_intel.api.request_limits import carry_standing
from bet_intel.api.security import HEADERS
from bet_intel.api.whole_writes import carry_cycle
from bet_intel.shared.rate_limits import Standing

_log = structlog.get_logger(__name__)

_HEAD_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 30.0
_UNREAD_SECONDS = 30.0
_LINGER_SECONDS = 2.0
"""How long what still comes is thrown away after a refusal: closed at once, what was written might not arrive."""


class Protocol(HttpToolsProtocol):
    """As uvicorn's, but that it answers what is ready without a task, what was asked before without parsing it again,
    and also what is no HTTP with a problem.

    A client has `head_seconds` for the head of a request, from when it connects or begins to send one; once a request
    is answered, as long for what it still sends of its body; and `unread_seconds` to read some of what it is sent. What
    is too long or too slow ends its connection. Where a request comes in one piece, this costs a few comparisons.
    """

    head_seconds = _HEAD_SECONDS
    keep_alive_seconds = _KEEP_ALIVE_SECONDS
    unread_seconds = _UNREAD_SECONDS
    # uvicorn declares them as if they were there before the first request.
    scope: HTTPScope | None  # type: ignore[assignment]
    cycle: RequestResponseCycle | None  # type: ignore[assignment]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.timeout_keep_alive = self.keep_alive_seconds  # type: ignore[assignment]  # uvicorn has whole seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._read_of: object = None
        self._read = 0
        self._is_refused = False
        hot = self.config.app
        self._hot = hot if isinstance(hot, HotPath) else None
        # Whether what comes next is the beginning of a request; of those in what came last: how many have begun, and
        # the last that was answered without a task.
        self._is_between = True
        self._begun = 0
        self._answered: RequestResponseCycle | None = None
        # How a request stands that was counted before it is parsed.
        self._counted: Standing | None = None
        self._heard_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_nothing()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        # Nothing else ends it: who is answered waits until he reads, and so does a connection that is closed.
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        is_whole = self._is_between
        if is_whole and self._hot is not None and self._is_answered_again(self._hot, data):
            return
        self._begun, self._answered = 0, None
        super().data_received(data)
        if is_whole and self._is_between and self._begun == 1:
            self._remember(data)
        if self.scope is not self._read_of:
            # It began somewhere in this piece: what is counted is what comes on top.
            self._read_of, self._read = self.scope, 0
        else:
            self._read += len(data)
            if self._read > LONGEST_HEAD:
                self._check_length()
        self._bound_time()

    def on_message_begin(self) -> None:
        self._is_between = False
        self._begun += 1
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_between = True
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        # Who asks in the same bytes has it set once, not for each request.
        left = self._heard_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        elif not self.transport.is_closing():
            self._close()

    def _remember(self, data: bytes) -> None:
        if self._answered is not None and self._hot is not None:
            self._hot.remember(data, cast("Scope", self._answered.scope))

    def _is_answered_again(self, hot: HotPath, data: bytes) -> bool:
        before = self.cycle
        if self.flow.write_paused or self.transport.is_closing() or not (before is None or before.response_complete):
            return False
        answer = hot.answer_again(data)
        if answer is None:
            return False
        if isinstance(answer, Standing):
            self._counted = answer
            return False
        self.transport.writelines(hot.ends.pieces(*answer, self.server_state.default_headers))
        if self._deadline is not None:
            self._await_nothing()
        if self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self._heard_at = self.loop.time()
            self.server_state.total_requests += 1
        return True

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
        elif self._read > LONGEST_REQUEST and self._is_answering():
            self._close()
        elif self._read > LONGEST_REQUEST:
            self._linger()  # the answer, that it is too long, is on its way

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
            self._close()

    def _close(self) -> None:
        """At once, but for what is written and not yet read: that has a moment."""
        self.transport.close()
        if self._unread is None:
            self._unread = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _linger(self) -> None:
        """Throw away for a moment what still comes: what was written would not arrive otherwise."""
        self._is_refused = True
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self._await_nothing()
        self._deadline = self.loop.call_later(_LINGER_SECONDS, self._close)

    def _refuse(self, problem: Unread) -> None:
        """Answer what is not read to its end and close; only close while another answer is under way."""
        if self._is_answering() or not self.transport.can_write_eof():
            self._close()
        elif not self.transport.is_closing():
            self.transport.write(_whole(problem))
            self._linger()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._counted is not None:
            carry_standing(cast("Scope", cycle.scope), self._counted)
            self._counted = None
        # An answer without a task has begun to count how long the connection is idle, within what was read together.
        self._unset_keepalive_if_required()
        if not self._is_answered(cycle, app):
            carry_cycle(cycle)
            super()._start_asgi_task(cycle, app)

    def _is_answered(self, cycle: RequestResponseCycle, app: Any) -> bool:
        # Where others wait behind it, each would be answered from within the answer to the one before.
        if self._hot is None or app is not self.app or self.pipeline:
            return False
        try:
            is_answered = self._hot.answer_now(cycle)
        except Exception:
            if cycle.response_started:
                raise
            # Within the parser it would pass for a request that is no HTTP; the long way tells whoever asks.
            _log.exception("answered the long way", path=cycle.scope["path"])
            return False
        if is_answered:
            self._answered = cycle
        return is_answered

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
