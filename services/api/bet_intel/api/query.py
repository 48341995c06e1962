"""Query parameters: read strictly into a typed structure. Nothing is accepted and ignored.

The structure is a msgspec Struct whose fields are the parameters. A field of a tuple type takes a comma-separated list;
a field without a default is needed. `Meta` says its bounds and its description, for the check and for the OpenAPI
document.
"""

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from bet_intel.api.problems import ParameterError, shortened

QueryT = TypeVar("QueryT", bound="Query")

Text = Annotated[str, Meta(min_length=1, max_length=200)]
TextList = Annotated[tuple[Text, ...], Meta(max_length=50)]
OddsFormat = Literal["decimal", "american"]
DateFormat = Literal["iso", "unix"]
Time = Annotated[datetime, Meta(tz=True)]
"""ISO-8601 with a zone, or seconds since 1970."""
Ev = Annotated[float, Meta(ge=-1, le=1000)]
Odds = Annotated[float, Meta(gt=1, le=1_000_000)]
Line = Annotated[float, Meta(ge=-100_000, le=100_000)]
Limit = Annotated[int, Meta(ge=1, le=200, description="Most items in one answer.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=500, description="`next_cursor` of the answer before.")]
DateFormatChoice = Annotated[
    DateFormat, Meta(description="Format of every time in the answer: ISO-8601 in UTC, or seconds since 1970.")
]

_PER_PAGE = frozenset({"limit", "cursor", "odds_format", "date_format"})


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every route's parameters."""

    def check(self) -> None:
        """Raises `ParameterError` where parameters contradict each other."""

    def filters(self) -> dict[str, Any]:
        """The parameters that choose what is in a list: those a cursor is bound to."""
        return {name: value for name, value in self._items() if name not in _PER_PAGE}

    @property
    def times(self) -> DateFormat:
        """The format of times in the answer: ISO-8601 where there is no parameter for it."""
        return getattr(self, "date_format", "iso")

    def canonical(self) -> str:
        """The same text for every spelling of the same question."""
        return msgspec.json.encode(dict(self._items())).decode()

    def _items(self) -> list[tuple[str, Any]]:
        return [(name, _canonical(getattr(self, name))) for name in sorted(self.__struct_fields__)]


class ReadQuery(Query, frozen=True):
    """Parameters of what answers times."""

    date_format: DateFormatChoice = "iso"


class _Parameter(msgspec.Struct, frozen=True):
    name: str
    field: str
    type: Any
    is_list: bool
    is_needed: bool
    expected: str


def parse(query_string: str, model: type[QueryT]) -> QueryT:
    """Read a query string.

    Raises:
        ParameterError: an unknown or repeated parameter, or one whose value is not what is expected.
    """
    parameters = _parameters(model)
    values: dict[str, Any] = {}
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise ParameterError("", f"The query string cannot be read: {error}") from error
    for name, text in pairs:
        parameter = parameters.get(name)
        if parameter is None:
            known = sorted(parameters)
            listed = f"Known parameters: {', '.join(known)}." if known else "This address takes no parameters."
            raise ParameterError(shortened(name), f"Unknown parameter {shortened(name)!r}. {listed}", known=known)
        if parameter.field in values:
            hint = "give its values separated by commas" if parameter.is_list else "give it once"
            raise ParameterError(name, f"Parameter {name!r} is repeated: {hint}.")
        values[parameter.field] = _value(parameter, text)
    for parameter in parameters.values():
        if parameter.is_needed and parameter.field not in values:
            raise ParameterError(
                parameter.name, f"Which {parameter.name}? {parameter.name}=… is needed: {parameter.expected}."
            )
    query = model(**values)
    query.check()
    return query


def _value(parameter: _Parameter, text: str) -> Any:
    if "\x00" in text:
        raise ParameterError(parameter.name, f"Parameter {parameter.name!r} holds a NUL character.")
    raw = [part.strip() for part in text.split(",")] if parameter.is_list else text
    try:
        value = msgspec.convert(raw, parameter.type, strict=False)
        if parameter.is_list:
            # As many as there may be were given; each is meant once, in whichever order.
            return tuple(sorted(set(value)))
        # Near the years 1 and 9999 a time may have no UTC.
        return value.astimezone(UTC) if isinstance(value, datetime) else value
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise ParameterError(
            parameter.name, f"Parameter {parameter.name!r} is {shortened(text)!r}; expected {parameter.expected}."
        ) from error


@functools.cache
def _parameters(model: type[Query]) -> Mapping[str, _Parameter]:
    parameters = {}
    for each in msgspec.structs.fields(model):
        bare = _without_none(each.type)
        parameters[each.encode_name] = _Parameter(
            each.encode_name, each.name, bare, _is_list(bare), each.required, _expected(bare)
        )
    return parameters


def _without_none(hint: Any) -> Any:
    """`X | None` → `X`: a parameter is left out, never given as null."""
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        return Annotated[(_without_none(inner), *extras)]
    options = [option for option in get_args(hint) if option is not type(None)]
    return options[0] if type(None) in get_args(hint) else hint


def _bare(hint: Any) -> Any:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _is_list(hint: Any) -> bool:
    return get_origin(_bare(hint)) is tuple


def _expected(hint: Any) -> str:
    bare = _bare(hint)
    if get_origin(bare) is tuple:
        return f"a comma-separated list, each {_expected(get_args(bare)[0])}"
    if get_origin(bare) is Literal:
        return f"one of {', '.join(map(str, get_args(bare)))}"
    if bare is datetime:
        return "a time such as 2026-04-16T18:30:00Z or 1776364200 (seconds since 1970)"
    bounds = _bounds(hint)
    if bare is int:
        return f"a whole number{bounds}"
    if bare is float:
        return f"a number{bounds}"
    return f"a text{bounds}"


_BOUNDS = {
    "ge": "at least {}",
    "gt": "above {}",
    "le": "at most {}",
    "min_length": "of at least {} character",
    "max_length": "of at most {} characters",
}


def _bounds(hint: Any) -> str:
    metas = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    said = [
        text.format(bound)
        for meta in metas
        for name, text in _BOUNDS.items()
        if (bound := getattr(meta, name)) is not None
    ]
    return " " + " and ".join(said) if said else ""


def _canonical(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
