"""The addresses of the system that this one follows: the same answers, and word of where they are now.

`docs/api/from-the-plan.md` has the whole of what became of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bet_intel.api.operation import Operation
from bet_intel.api.paging import LINK

DEPRECATION = b"deprecation"
_LINK = LINK.lower().encode()
_SINCE = datetime(2026, 11, 29, tzinfo=UTC)


class Alias(NamedTuple):
    """An old address, and the operation that answers it by now."""

    path: str
    method: str
    successor: str


ALIASES = (
    Alias("/api/opportunities", "GET", "listOpportunities"),
    Alias("/api/opportunities/refresh", "POST", "requestRefresh"),
    Alias("/health", "GET", "getReadiness"),
)


def operations(known: Sequence[Operation]) -> tuple[Operation, ...]:
    """An operation for each alias, which answers as its successor among `known`."""
    by_id = {operation.id: operation for operation in known}
    return tuple(_alias(alias, by_id[alias.successor]) for alias in ALIASES)


def _alias(alias: Alias, successor: Operation) -> Operation:
    return replace(
        successor,
        path=alias.path,
        id=f"{successor.id}Deprecated",
        tag="deprecated",
        summary=f"As {successor.path}",
        description=f"Use {successor.path}.",
        deprecated=True,
        example=successor.id,
    )


class SuccessorHeaders:
    """Pure ASGI: every answer at the address of a deprecated operation, a problem too, says what to use instead."""

    def __init__(self, app: ASGIApp, operations: Sequence[Operation]) -> None:
        self._app = app
        successors = {alias.path: alias.successor for alias in ALIASES}
        paths = {operation.id: operation.path for operation in operations}
        # RFC 9745: since when, as a structured field's date.
        since = (DEPRECATION, f"@{int(_SINCE.timestamp())}".encode())
        self._headers = {
            path: (since, (_LINK, f'<{paths[id]}>; rel="successor-version"'.encode()))
            for path, id in successors.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = self._headers.get(scope["path"]) if scope["type"] == "http" else None
        if more is None:
            await self._app(scope, receive, send)
            return

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A page's own link to the next one stays.
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self._app(scope, receive, send_more)
