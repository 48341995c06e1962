"""Serving the gateway by uvicorn within an event loop that has other work too."""

import asyncio
import errno
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn

from bet_intel.api.app import Api
from bet_intel.api.protocol import Protocol
from bet_intel.api.request_traces import traced

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


def take_what_has_gathered() -> None:
    """Have this process not interrupt others as soon as a request is there (Linux' SCHED_BATCH).

    With a free processor nothing changes. Where there is none, requests gather until it is this process's turn, and are
    answered together: one wake-up for several of them.
    """
    if not hasattr(os, "SCHED_BATCH"):
        return  # not Linux
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError as error:  # a container may forbid it
        _log.info("scheduled as any other process", reason=error.strerror)


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
            timeout_graceful_shutdown=grace_seconds,
            forwarded_allow_ips=trusted_proxies,
            http=Protocol,
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


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # Signals belong to the process that runs several services, not to one of them.
        yield
