"""Schemas of answers whose times are shown as ISO-8601 or as seconds since 1970. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from bet_intel.api.query import Query

_EITHER = ({"type": "string", "format": "date-time"}, {"type": "number"})
_TEXT = {"type": "string"}
"""What msgspec says of a time whose zone is not checked."""
Times = dict[str, list[str]]
"""The members of structures that are times, by the structure's name."""


def has_date_format(query: type[Query]) -> bool:
    """Whether who asks with these parameters chooses how times are shown."""
    return "date_format" in query.__struct_fields__


def times_of(answer: type[msgspec.Struct]) -> Times:
    """The times that an answer holds, itself or in its parts; empty where there are none."""
    found: Times = {}
    _look_into(inspect.type_info(answer), found)
    return {name: members for name, members in found.items() if members}


def in_either_format(
    answers: Iterable[type[msgspec.Struct]], schemas: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The schemas of these answers and their parts that hold times, each of which may be a number too."""
    found = {name: members for answer in answers for name, members in times_of(answer).items()}
    return {name: _with_times(schemas[name], members) for name, members in found.items()}


def _look_into(hint: inspect.Type, found: Times) -> None:
    if isinstance(hint, inspect.StructType) and hint.cls.__name__ not in found:
        found[hint.cls.__name__] = [each.encode_name for each in hint.fields if _is_time(each.type)]
        for each in hint.fields:
            _look_into(each.type, found)
    for part in _parts(hint):
        _look_into(part, found)


def _parts(hint: inspect.Type) -> tuple[inspect.Type, ...]:
    match hint:
        case inspect.Metadata():
            return (hint.type,)
        case inspect.UnionType():
            return hint.types
        case inspect.DictType():
            return (hint.value_type,)
        case inspect.TupleType():
            return hint.item_types
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return (hint.item_type,)
        case _:
            return ()


def _is_time(hint: inspect.Type) -> bool:
    wrapped = isinstance(hint, inspect.Metadata | inspect.UnionType)
    return isinstance(hint, inspect.DateTimeType) or (wrapped and any(_is_time(part) for part in _parts(hint)))


def _with_times(schema: Mapping[str, Any], members: Iterable[str]) -> Mapping[str, Any]:
    either = {name: _either(schema["properties"][name]) for name in members}
    return {**schema, "properties": {**schema["properties"], **either}}


def _either(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    options = schema.get("anyOf", [_TEXT])
    rest = {name: value for name, value in schema.items() if name not in ("type", "anyOf")}
    return {"anyOf": [*_EITHER, *(option for option in options if option != _TEXT)], **rest}
