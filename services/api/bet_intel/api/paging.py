"""Pages of lists: where the next one is, and pages of lists that are short enough to be put together whole."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Meta
from starlette.requests import Request

from bet_intel.api import cursor
from bet_intel.api.query import Cursor, Limit, Query, ReadQuery

LINK = "Link"
Item = TypeVar("Item")
_MOST = 200


class ShortListQuery(ReadQuery, frozen=True):
    """Parameters of a list that mostly fits on one page."""

    limit: Limit = _MOST
    cursor: Cursor | None = None


class _Page(msgspec.Struct):
    next_cursor: str | None = None


def is_paged(query: type[Query]) -> bool:
    """Whether a route of these parameters answers pages."""
    return "cursor" in query.__struct_fields__


def next_of(body: bytes) -> str | None:
    """The `next_cursor` of an answer that is encoded already."""
    return msgspec.json.decode(body, type=_Page).next_cursor


def link_to_next(request: Request, next_cursor: str | None) -> dict[str, str]:
    """The header that names the next page (RFC 8288), relative to this one, so that no Host header is trusted."""
    if next_cursor is None:
        return {}
    asked = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != "cursor"]
    path = quote(request.url.path, safe="/:@")
    return {LINK: f'<{path}?{urlencode([*asked, ("cursor", next_cursor)])}>; rel="next"'}


def page_of(
    items: Sequence[Item], key: Callable[[Item], str], asked: Query, limit: int, after: str | None
) -> tuple[list[Item], str | None]:
    """The items behind the cursor `after`, at most `limit`, and the cursor of the next page. `items` are ordered by
    their `key`.

    Raises:
        CursorError: it is not one of this list.
    """
    if after is not None:
        (last,) = cursor.decode(after, asked, tuple[Annotated[str, Meta(max_length=500)]])
        items = [item for item in items if key(item) > last]
    page = list(items[:limit])
    return page, cursor.encode((key(page[-1]),), asked) if len(items) > limit else None
