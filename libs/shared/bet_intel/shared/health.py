"""What a process answers for who watches it: `/metrics`, `/health`, `/ready`, from a thread beside its event loop.

The thread answers while the loop hangs, so it says what it last saw of the loop rather than that it runs itself.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, start_http_server

from bet_intel.shared.times import Monotonic

_BEAT_SECONDS = 1.0
_TEXT = ("Content-Type", "text/plain; charset=utf-8")

Missing = Callable[[], str | None]
"""What a process still lacks to do its part, in words; None where it lacks nothing. Called from another thread."""


class Pulse:
    """When the event loop was last seen to turn. Older than `longest` seconds it is taken to hang."""

    def __init__(self, monotonic: Monotonic, longest: float = 10.0) -> None:
        self._monotonic = monotonic
        self._longest = longest
        self._seen = monotonic()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Look at the running loop each second, within the block."""
        loop = asyncio.get_running_loop()
        following: asyncio.Handle

        def beat() -> None:
            nonlocal following
            self._seen = self._monotonic()
            # A callback of the loop itself: unlike a task, nobody can cancel it by mistake.
            following = loop.call_later(min(_BEAT_SECONDS, self._longest / 10), beat)

        following = loop.call_soon(beat)
        try:
            yield
        finally:
            following.cancel()

    def hangs(self) -> str | None:
        """How long ago the loop was seen, where that is too long."""
        age = self._monotonic() - self._seen
        return f"the event loop was last seen {age:.1f} s ago" if age > self._longest else None


@contextmanager
def answering(host: str, port: int, registry: CollectorRegistry, pulse: Pulse, missing: Missing) -> Iterator[int]:
    """Answer at `host`, within the block. Yields the port, which is a free one where `port` is 0.

    `/health` is 200 while the loop turns, `/ready` while nothing is `missing` beside; else they are 503 and say why.

    Raises:
        OSError: there is no such address on this machine, or it is in use.
    """
    server, thread = start_http_server(port, host, registry)
    server.set_app(_application(server.get_app(), {"/health": [pulse.hangs], "/ready": [pulse.hangs, missing]}))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(metrics: WSGIApplication | None, probes: dict[str, Sequence[Missing]]) -> WSGIApplication:
    assert metrics is not None  # noqa: S101 - the server has just been started with it

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Sequence[bytes]:
        asked = probes.get(environ["PATH_INFO"])
        if asked is None:
            return list(metrics(environ, start_response))
        reason = next(filter(None, (one() for one in asked)), None)
        start_response("200 OK" if reason is None else "503 Service Unavailable", [_TEXT])
        return [f"{reason or 'ok'}\n".encode()]

    return answer
