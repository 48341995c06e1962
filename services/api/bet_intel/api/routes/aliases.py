"""The addresses of the system that this one follows: the same answers, and word of where they are now.

`docs/api/from-the-plan.md` has the whole of what became of it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from bet_intel.api.operation import Operation
from bet_intel.api.paging import LINK

DEPRECATION = "Deprecation"
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
        respond=_deprecated(successor.respond, successor.path),
        deprecated=True,
        example=successor.id,
    )


def _deprecated(
    respond: Callable[[Request], Awaitable[Response]], successor: str
) -> Callable[[Request], Awaitable[Response]]:
    async def respond_and_tell(request: Request) -> Response:
        response = await respond(request)
        # RFC 9745: since when, as a structured field's date.
        response.headers[DEPRECATION] = f"@{int(_SINCE.timestamp())}"
        names = {name: quote(value, safe="") for name, value in request.path_params.items()}
        # A page's own link to the next one stays.
        response.headers.append(LINK, f'<{successor.format(**names)}>; rel="successor-version"')
        return response

    return respond_and_tell
