"""The rows of a CSV file with the lines they stand at, in any of the dialects found in the wild."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

_BREAKS = ("\n", "\r")


class NoCsvError(Exception):
    """A file that is no CSV; the message says where and why."""


class Row(NamedTuple):
    """`line` is where it begins (from 1), `last` where it ends: later, where a quoted cell has line breaks in it.
    One without `ended`, a line break at its end, is the last of a file that may have been cut there."""

    line: int
    last: int
    cells: list[str]
    ended: bool

    @property
    def is_empty(self) -> bool:
        return not any(map(str.strip, self.cells))


def rows_of(data: bytes) -> Iterator[Row]:
    """
    Raises:
        NoCsvError: a quote is not closed, or something follows a closed one, or a cell is too large.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    lines = io.StringIO(text, newline="").readlines()
    first = next(filter(str.strip, lines), "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    # What is not strict takes all that follows an open quote for one cell, and the rest of the matches for none.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield Row(line, reader.line_num, cells, lines[reader.line_num - 1].endswith(_BREAKS))
            line = reader.line_num + 1
    except csv.Error as error:
        until = f" (read until line {reader.line_num}: is a quote left open?)" if reader.line_num > line else ""
        raise NoCsvError(f"line {line}: {error}{until}") from error
