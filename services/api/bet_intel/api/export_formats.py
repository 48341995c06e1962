"""How rows of exports are written: CSV and newline-delimited JSON. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from bet_intel.api import date_format
from bet_intel.api.query import DateFormat

Format = Literal["csv", "ndjson"]
CSV = "text/csv; charset=utf-8; header=present"
NDJSON = "application/x-ndjson"

_STARTS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Writer(Protocol):
    """Writes rows as bytes."""

    @property
    def name(self) -> Format: ...

    @property
    def media_type(self) -> str: ...

    def head(self) -> bytes:
        """What stands before the first row."""
        ...

    def rows(self, rows: Sequence[msgspec.Struct]) -> bytes:
        """These rows."""
        ...


class Csv(NamedTuple):
    """RFC 4180, with the names of the columns first. Missing values are empty cells."""

    structure: type[msgspec.Struct]
    times: DateFormat
    name: Format = "csv"
    media_type: str = CSV

    def head(self) -> bytes:
        return _lines([self.structure.__struct_encode_fields__])

    def rows(self, rows: Sequence[msgspec.Struct]) -> bytes:
        return _lines([_cell(value) for value in date_format.members(row, self.times).values()] for row in rows)


class Ndjson(NamedTuple):
    """One JSON object a line."""

    times: DateFormat
    name: Format = "ndjson"
    media_type: str = NDJSON

    def head(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[msgspec.Struct]) -> bytes:
        whole = rows if self.times == "iso" else [date_format.members(row, self.times) for row in rows]
        return msgspec.json.Encoder().encode_lines(whole)


def writer(name: Format, structure: type[msgspec.Struct], times: DateFormat) -> Writer:
    return Csv(structure, times) if name == "csv" else Ndjson(times)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS_FORMULA):
        # A spreadsheet would take it for a formula, and names come from outside; with this before it, it is text.
        return f"'{value}"
    return value
