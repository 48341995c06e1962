"""Serving the gateway by uvicorn within an event loop that has other work too."""

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bet_intel.api.app import Api
from bet_intel.api.hot_path import HotPath
from bet_intel.api.problems import MEDIA_TYPE, malformed_request
from bet_intel.api.request_limits import carry_standing
from bet_intel.api.request_traces import traced
from bet_intel.api.security import HEADERS
from bet_intel.api.whole_writes import date_lines
from bet_intel.shared.rate_limits import Standing

_log = structlog.get_logger(__name__)

_BACKLOG = 2048
THIS_MACHINE = "127.0.0.1,::1"


class PortError(Exception):
    """The address cannot be listened on; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Take the gateway's address (port 0: a free one). Do this before anything else starts.

    Raises:
        PortError: the port is in use, or not ours to take.
    """
    if not host:
        raise PortError("--host is empty, which would listen on every address: name one, such as 127.0.0.1")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise PortError(_remedy(host, port, error)) from error
    listening.setblocking(False)
    return listening


def _remedy(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has: choose one above 1023 with --port"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"


async def serve(
    api: Api, listening: socket.socket, *, grace_seconds: int = 3, trusted_proxies: str = THIS_MACHINE
) -> None:
    """Serve on a socket of `listen` until cancelled. Who a client is, `trusted_proxies` say in X-Forwarded-For.

    Cancelled, it is not ready any more, takes no new connection, closes idle ones and lets requests under way end
    within `grace_seconds`. The socket is closed at the end.
    """
    server = _Server(
        uvicorn.Config(
            traced(api.asgi),
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=grace_seconds,
            forwarded_allow_ips=trusted_proxies,
            http=_Protocol,
        )
    )
    api.connections.set_function(lambda: len(server.server_state.connections))
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="uvicorn")
    try:
        # Shielded, so that a cancelled caller can still let the requests under way end.
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        api.drain()
        server.should_exit = True
        await serving
        raise
    finally:
        listening.close()


class _Protocol(HttpToolsProtocol):
    """As uvicorn's, but that it answers what is ready without a task, what was asked before without parsing it again,
    and also what is no HTTP with a problem."""

    _is_between = True
    """Whether what comes next is the beginning of a request."""
    _begun = 0
    """Requests that have begun in what was received last."""
    _answered: RequestResponseCycle | None = None
    """The last of them that was answered without a task."""
    _refused: Standing | None = None
    """How a request stands that was counted before it was parsed."""

    def data_received(self, data: bytes) -> None:
        hot = self.config.app
        is_whole = self._is_between
        if is_whole and isinstance(hot, HotPath) and self._is_answered_again(hot, data):
            return
        self._begun, self._answered = 0, None
        super().data_received(data)
        if is_whole and self._is_between and self._begun == 1:
            self._remember(data)

    def _remember(self, data: bytes) -> None:
        hot, answered = self.config.app, self._answered
        if answered is not None and isinstance(hot, HotPath):
            hot.remember(data, cast("Scope", answered.scope))

    def on_message_begin(self) -> None:
        self._is_between = False
        self._begun += 1
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_between = True
        super().on_message_complete()

    def _is_answered_again(self, hot: HotPath, data: bytes) -> bool:
        before = cast("RequestResponseCycle | None", self.cycle)  # as uvicorn sets it
        if self.flow.write_paused or self.transport.is_closing() or not (before is None or before.response_complete):
            return False
        again = hot.answer_again(data)
        if again is None:
            return False
        if not again.pieces:
            self._refused = again.standing
            return False
        head, body = again.pieces
        self.transport.writelines((head, date_lines(self.server_state.default_headers), body))
        self.on_response_complete()
        return True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._refused is not None:
            carry_standing(cast("Scope", cycle.scope), self._refused)
            self._refused = None
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
            is_answered = hot.answer_now(cycle)
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
        body = malformed_request()
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\n"
            b"content-type: " + MEDIA_TYPE.encode() + b"\r\n"
            b"content-length: "
            + str(len(body)).encode()
            + b"\r\n"
            + b"".join(name + b": " + value + b"\r\n" for name, value in HEADERS.items())
            + b"connection: close\r\n\r\n"
            + body
        )
        self.transport.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # Signals belong to the process that runs several services, not to one of them.
        yield
