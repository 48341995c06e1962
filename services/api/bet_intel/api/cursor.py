"""Cursors: where a list goes on. Opaque to clients, and bound to the list and the filters they were given out for.

A list is known by the structure of its parameters; where several lists take the same, `of` says which one it is.
"""

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from bet_intel.api.problems import CursorError
from bet_intel.api.query import Query

PositionT = TypeVar("PositionT")

Id = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
"""The part of a position that is a row's id: never what the database would refuse as text."""

_DIGEST_BYTES = 8


def encode(position: tuple[Any, ...], query: Query, *, of: str = "") -> str:
    packed = msgspec.msgpack.encode(position)
    return base64.urlsafe_b64encode(_digest(query, of) + packed).rstrip(b"=").decode()


def decode(cursor: str, query: Query, position: type[PositionT], *, of: str = "") -> PositionT:
    """The position (a tuple type) that `cursor` holds.

    Raises:
        CursorError: it is not one of ours, or belongs to another list or other filters.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise CursorError("This is not a cursor: use next_cursor as it was given.") from error
    if raw[:_DIGEST_BYTES] != _digest(query, of):
        raise CursorError(
            "This cursor belongs to another list, or to one with other filters: repeat the filters it was given for, "
            "or leave it out."
        )
    try:
        decoded: Any = msgspec.msgpack.decode(raw[_DIGEST_BYTES:], type=position)
        for part in decoded:
            if isinstance(part, datetime):
                part.astimezone(UTC)
        return cast("PositionT", decoded)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise CursorError("This is not a cursor: use next_cursor as it was given.") from error


def _digest(query: Query, of: str) -> bytes:
    named = msgspec.json.encode([type(query).__name__, query.filters(), *([of] if of else [])])
    return hashlib.blake2b(named, digest_size=_DIGEST_BYTES).digest()
