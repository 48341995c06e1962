"""An event as a document that a person can read: fields by name, columns as rows, row numbers as what they point to."""

import importlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError, Message

from bet_intel.events.v1 import columns_pb2
from bet_intel.shared import columns
from bet_intel.shared.messaging import TerminalError
from bet_intel.shared.times import from_us

_TYPE = re.compile(r"(?P<name>[a-z][a-z_.]*)\.(?P<version>v[0-9]+)")
_STRINGS = "strings"
_TIME = "_us"


def describe(name: str, data: bytes) -> dict[str, Any]:
    """The body of an event of the type `name`. Times are ISO 8601, what is absent (NaN, an unknown time) is None.

    Raises:
        TerminalError: there is no such type, or the body does not keep its contract.
    """
    message = _class(name)()
    try:
        message.ParseFromString(data)
        tables = columns.read(message)
    except (DecodeError, columns.ColumnError) as error:
        raise TerminalError(f"{name} cannot be decoded: {error}") from error
    told: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.name in tables:
            told[field.name] = _rows(message, field.name, tables)
        elif field.name != _STRINGS or not tables:
            told[field.name] = _value(field, getattr(message, field.name))
    return told


def _class(name: str) -> type[Message]:
    match = _TYPE.fullmatch(name)
    if match is None:
        raise TerminalError(f"{name!r} is no type of an event")
    snake = match["name"].replace(".", "_")
    try:
        module = importlib.import_module(f"bet_intel.events.{match['version']}.{snake}_pb2")
    except ModuleNotFoundError:
        raise TerminalError(f"this version of the program does not know {name}") from None
    found: type[Message] = getattr(module, "".join(word.capitalize() for word in snake.split("_")))
    return found


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, Message):
        return {part.name: _value(part, getattr(value, part.name)) for part in value.DESCRIPTOR.fields}
    if not isinstance(value, str | bytes) and isinstance(value, Sequence):
        return [_value(field, one) for one in value]
    if isinstance(value, bytes):
        return value.hex()
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name if value in field.enum_type.values_by_number else value
    return _cell(field.name, value)


def _cell(name: str, value: Any) -> Any:
    if name.endswith(_TIME):
        return from_us(value).isoformat() if value else None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(message: Message, table: str, tables: Mapping[str, columns.Columns]) -> list[dict[str, Any]]:
    by_column = {name.removesuffix("_s"): _cells(message, table, name, tables) for name in tables[table]}
    return [dict(zip(by_column, row, strict=True)) for row in zip(*by_column.values(), strict=True)]


def _cells(message: Message, table: str, column: str, tables: Mapping[str, columns.Columns]) -> list[Any]:
    numbers = tables[table][column].tolist()
    field = getattr(message, table).DESCRIPTOR.fields_by_name[column]
    rows_of = field.GetOptions().Extensions[columns_pb2.column].partition(" of ")[2]
    if not rows_of:
        return [_cell(column, number) for number in numbers]
    names = list(getattr(message, _STRINGS)) if rows_of == _STRINGS else _names(message, rows_of, tables)
    return [names[number] for number in numbers]


def _names(message: Message, table: str, tables: Mapping[str, columns.Columns]) -> list[str]:
    """What the rows of a table are called: by their texts, a line among them, and by the rows that they point to."""
    named = []
    for row in _rows(message, table, tables):
        words = [value if isinstance(value, str) else f"{value:g}" for name, value in row.items()
                 if (isinstance(value, str) or name == "line") and value not in ("", None)]  # fmt: skip
        named.append(" ".join(words))
    return named
