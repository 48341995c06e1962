"""Times of answers in the format that is asked for: ISO-8601 in UTC, or seconds since 1970. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from bet_intel.api.query import DateFormat

_builtins: Mapping[DateFormat, Callable[[Any], Any]] = {
    "iso": msgspec.to_builtins,
    "unix": lambda answer: _in_seconds(msgspec.to_builtins(answer, builtin_types=(datetime,))),
}


def encoded(answer: msgspec.Struct, date_format: DateFormat) -> bytes:
    """The JSON of an answer."""
    return msgspec.json.encode(answer if date_format == "iso" else _builtins[date_format](answer))


def members(row: msgspec.Struct, date_format: DateFormat) -> Mapping[str, Any]:
    """The members of a row as they are encoded."""
    shown: Mapping[str, Any] = _builtins[date_format](row)
    return shown


def seconds(time: datetime) -> float:
    """Seconds since 1970: a whole number where there is no fraction."""
    exact = time.timestamp()
    return exact if time.microsecond else int(exact)


def _in_seconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return seconds(value)
    if isinstance(value, dict):
        return {name: _in_seconds(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_in_seconds(part) for part in value]
    return value
