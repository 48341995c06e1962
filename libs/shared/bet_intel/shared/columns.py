"""Reading and writing the columnar messages of `proto/` (layout: `columns.proto`)."""

import functools
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from bet_intel.events.v1 import columns_pb2

Column = npt.NDArray[Any]
Columns = Mapping[str, Column]

_DTYPES: dict[str, np.dtype[Any]] = {
    "u8": np.dtype("<u1"),
    "u32": np.dtype("<u4"),
    "i64": np.dtype("<i8"),
    "f64": np.dtype("<f8"),
}
_TYPECODES = {"u8": "B", "u32": "I", "i64": "q", "f64": "d"}
"""What `array` calls them, on every machine that CPython is built for."""
_STRINGS = "strings"


class ColumnError(ValueError):
    """A columnar message does not keep its layout: it can never be decoded."""


class _Layout(NamedTuple):
    name: str
    dtype: np.dtype[Any]
    typecode: str
    rows_of: str | None


class Strings:
    """A table of strings under construction: each string is stored once and named by its row number."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def row(self, text: str) -> int:
        return self._rows.setdefault(text, len(self._rows))

    def rows(self, texts: Iterable[str]) -> list[int]:
        return [self.row(text) for text in texts]

    def table(self) -> list[str]:
        return list(self._rows)


@functools.cache
def _layouts(descriptor: Descriptor) -> tuple[_Layout, ...]:
    layouts = []
    for field in descriptor.fields:
        kind, _, rows_of = field.GetOptions().Extensions[columns_pb2.column].partition(" of ")
        layouts.append(_Layout(field.name, _DTYPES[kind], _TYPECODES[kind], rows_of or None))
    return tuple(layouts)


@functools.cache
def _tables(descriptor: Descriptor) -> tuple[str, ...]:
    """Names of the columnar fields of a message: sub-messages whose fields carry the option `column`."""
    return tuple(
        field.name
        for field in descriptor.fields
        if field.message_type is not None
        and any(part.GetOptions().HasExtension(columns_pb2.column) for part in field.message_type.fields)
    )


def fill(table: Message, **columns: Sequence[int] | Sequence[float] | Column) -> None:
    """Pack `columns` (each of the same number of rows) into the fields of a columnar message.

    Raises:
        ColumnError: a column is missing, unknown or of another length, or holds a number its layout cannot hold.
    """
    layouts = _layouts(table.DESCRIPTOR)
    if columns.keys() != {layout.name for layout in layouts}:
        raise ColumnError(f"{table.DESCRIPTOR.name} needs the columns {[layout.name for layout in layouts]}")
    rows = set(map(len, columns.values()))
    if len(rows) > 1:
        raise ColumnError(f"columns of {table.DESCRIPTOR.name} differ in length: {sorted(rows)}")
    for layout in layouts:
        try:
            packed = _pack(layout, columns[layout.name])
        except ColumnError as error:
            raise ColumnError(f"{table.DESCRIPTOR.name}.{layout.name} {error}") from error.__cause__
        setattr(table, layout.name, packed)


def _pack(layout: _Layout, column: Sequence[int] | Sequence[float] | Column) -> bytes:
    if not isinstance(column, np.ndarray):
        try:
            # A message has dozens of columns of a few rows each, for which making an array of NumPy's costs the most.
            packed = array(layout.typecode, column)
        except (OverflowError, TypeError) as error:
            raise ColumnError(f"cannot be packed as {layout.dtype.name}: {error}") from error
        if sys.byteorder == "big":
            packed.byteswap()
        return packed.tobytes()
    given = column
    if given.ndim != 1:
        raise ColumnError(f"has {given.ndim} dimensions: a column has one")
    if given.dtype == layout.dtype:
        return given.tobytes()
    try:
        with np.errstate(invalid="ignore"):
            fitted = given.astype(layout.dtype)
    except (OverflowError, TypeError, ValueError) as error:
        raise ColumnError(f"cannot be packed as {layout.dtype.name}: {error}") from error
    # NumPy wraps and truncates in silence: −1 would become row 4294967295.
    if layout.dtype.kind in "ui" and (fitted != given).any():
        raise ColumnError(f"holds numbers that do not fit {layout.dtype.name}")
    return fitted.tobytes()


def read(message: Message) -> dict[str, Columns]:
    """Every columnar field of `message` as read-only arrays, checked against the layout.

    Raises:
        ColumnError: a column's length, row count or row number is wrong.
    """
    tables: dict[str, Columns] = {}
    for name in _tables(message.DESCRIPTOR):
        tables[name] = _read_table(getattr(message, name))
    strings: Sequence[str] = getattr(message, _STRINGS, ())
    sizes = {name: _row_count(table) for name, table in tables.items()} | {_STRINGS: len(strings)}
    for name, table in tables.items():
        for layout in _layouts(getattr(message, name).DESCRIPTOR):
            column = table[layout.name]
            if layout.rows_of and column.size and int(column.max()) >= sizes[layout.rows_of]:
                raise ColumnError(f"{name}.{layout.name} points outside {layout.rows_of}")
    return tables


def _row_count(table: Columns) -> int:
    return next((len(column) for column in table.values()), 0)


def _read_table(table: Message) -> Columns:
    columns: dict[str, Column] = {}
    rows: int | None = None
    for layout in _layouts(table.DESCRIPTOR):
        packed: bytes = getattr(table, layout.name)
        if len(packed) % layout.dtype.itemsize:
            raise ColumnError(f"{table.DESCRIPTOR.name}.{layout.name}: {len(packed)} bytes are no whole rows")
        column = np.frombuffer(packed, dtype=layout.dtype)
        if rows is not None and len(column) != rows:
            raise ColumnError(f"{table.DESCRIPTOR.name}.{layout.name} has {len(column)} rows, its neighbours {rows}")
        rows = len(column)
        columns[layout.name] = column
    return columns
