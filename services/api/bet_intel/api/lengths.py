"""How long the parts of a request may be that are not its body."""

from typing import Any

from bet_intel.api.problems import TooLongError

_LONGEST_QUERY = 8192
_LONGEST_PATH = 2048
_LONGEST_HEADERS = 16_384
LONGEST_HEAD = 32_768
"""Bytes until the empty line, as they come: more than all parts together may have."""
LONGEST_REQUEST = 1_048_576
"""Bytes of a whole request as they come: more than any body, chunked or not."""
_SEPARATORS = len(b": \r\n")

Scope = Any


def headers_are_short(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request's headers are read."""
    return sum([len(name) + len(value) for name, value in headers]) <= _LONGEST_HEADERS - _SEPARATORS * len(headers)


def check_lengths(scope: Scope) -> None:
    """
    Raises:
        TooLongError: of a part of the request.
    """
    if len(scope["query_string"]) > _LONGEST_QUERY:
        raise TooLongError(f"The query is longer than {_LONGEST_QUERY} bytes.", 414)
    if len(scope["raw_path"]) > _LONGEST_PATH:
        raise TooLongError(f"The path is longer than {_LONGEST_PATH} bytes.", 414)
    if not headers_are_short(scope["headers"]):
        raise TooLongError(f"The headers are longer than {_LONGEST_HEADERS} bytes together.", 431)
