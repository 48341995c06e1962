"""Serving the gateway by uvicorn within an event loop that has other work too."""

import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

_BACKLOG = 2048


class PortError(Exception):
    """The address cannot be listened on; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Bind the gateway's address (port 0 takes a free one). Do this before anything else starts.

    Raises:
        PortError: the port is in use, or not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
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


class GatewayServer:
    """Serves `app` on a socket of `listen`. `serve` returns after `stop`, or raises what the server died of."""

    def __init__(self, app: ASGIApp, listening: socket.socket, *, grace_seconds: int = 3) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=True,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=grace_seconds,
        )
        self._server = _Server(config)
        self._listening = listening

    @property
    def started(self) -> bool:
        return self._server.started

    async def serve(self) -> None:
        await self._server.serve(sockets=[self._listening])

    def stop(self) -> None:
        """Take no new requests, finish those under way within the grace time, close idle connections."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # Signals belong to the process that runs several services, not to one of them.
        yield
