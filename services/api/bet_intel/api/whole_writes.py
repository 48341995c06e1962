"""An answer that is ready as bytes, written past the checks that uvicorn makes of every header of every answer."""

import weakref
from collections.abc import Sequence
from typing import TypeAlias, cast

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

DefaultHeaders: TypeAlias = Sequence[tuple[bytes, bytes]]
_CYCLE = "bet_intel.cycle"
_COPIED = 4096
"""Bytes of a body that are quicker copied than handed over as another piece."""


class HeadEnds:
    """How a head ends that is ready but for what uvicorn adds, which is another list each second: kept for as long."""

    def __init__(self) -> None:
        self._of: DefaultHeaders | None = None
        self._end = b""

    def pieces(self, head: bytes, body: bytes, default_headers: DefaultHeaders) -> tuple[bytes, ...]:
        """What goes over the wire: a large body is not copied to stand behind its head."""
        if self._of is not default_headers:
            self._of = default_headers
            self._end = b"".join([*[b"%b: %b\r\n" % header for header in default_headers], b"\r\n"])
        start = head + self._end
        return (start, body) if len(body) > _COPIED else (start + body,)


def cycle_of(send: Send) -> RequestResponseCycle | None:
    """The request that `send` answers, where an answer to it can be written whole now."""
    cycle = getattr(send, "__self__", None)
    return cycle if isinstance(cycle, RequestResponseCycle) and takes_whole(cycle) else None


def takes_whole(cycle: RequestResponseCycle) -> bool:
    """Whether an answer can be written whole now; else it has to be sent by `send`."""
    return not (cycle.response_started or cycle.disconnected or cycle.flow.write_paused) and cycle.keep_alive


def write_whole(cycle: RequestResponseCycle, head: bytes, body: bytes, ends: HeadEnds) -> None:
    """Write an answer whose head is ready as it goes over the wire, but for its last empty line, to a request that
    takes it whole.

    uvicorn checks and joins the headers of every answer anew, which is a third of what a ready one costs.
    """
    cycle.transport.writelines(ends.pieces(head, body, cycle.default_headers))
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    cycle.on_response()


def carry_cycle(cycle: RequestResponseCycle) -> None:
    """Put a request where :func:`cycle_in` finds it in its scope, whatever is wrapped around its `send`."""
    # It has the scope: they are not to keep each other.
    cast("Scope", cycle.scope)[_CYCLE] = weakref.ref(cycle)


def cycle_in(scope: Scope) -> RequestResponseCycle | None:
    """The request of this scope, where it is known."""
    found = scope.get(_CYCLE)
    return None if found is None else found()
