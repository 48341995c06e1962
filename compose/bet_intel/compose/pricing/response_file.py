"""Reading a response of The Odds API v4 from a file or standard input, in each form that it is kept in.

| form | what is taken |
|---|---|
| an array of events (`GET …/odds`) | all of it |
| one event (`GET …/events/{id}/odds`) | that event |
| `{"timestamp": …, "data": …}` (`GET /v4/historical/…`) | its data, as of its timestamp |
| lines `{"captured_at": …, "response": […]}`, a recording | the last line, or the one asked for |

Each may be compressed by gzip, whatever the file is called.
"""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from bet_intel.compose.commands import STANDARD_INPUT
from bet_intel.compose.commands.errors import CommandError, UsageError
from bet_intel.odds_ingest.providers.replay.recording import decode_line
from bet_intel.odds_ingest.providers.the_odds_api.payload import LARGEST_RESPONSE, MalformedResponseError

LARGEST = LARGEST_RESPONSE
"""As a provider's answer: what `bet-intel up` would not take is not priced here."""
# Characters of what a provider said that are repeated.
_QUOTED = 300
_GZIP = b"\x1f\x8b"
TAKEN = (
    "give a response of The Odds API v4 (an array of events, one event, or a historical answer), or a recording with "
    'lines {"captured_at": …, "response": […]}'
)


class RecordedResponse(NamedTuple):
    """A response and where it was found: `form` is `response`, `event`, `historical` or `recording`; `line` (from 1)
    and `lines` belong to a recording, where `lines` is None if reading stopped at the line asked for; `taken_at` is
    when the answer was taken, where the form tells."""

    name: str
    form: str
    payload: bytes | list[Any]
    taken_at: datetime | None = None
    line: int | None = None
    lines: int | None = None


def read_response(file: str, line: int | None = None) -> RecordedResponse:
    """Read `file`, a path, or standard input.

    Raises:
        UsageError: `line` was given and the input has no lines, or fewer.
        CommandError: the input is absent, damaged, too large, or none of the forms.
    """
    name = "standard input" if file == STANDARD_INPUT else file
    try:
        with _opened(file) as stream:
            return _read(stream, name, line)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CommandError(
            f"{name}: the gzip stream breaks off or is damaged ({error}); fetch the file again"
            " (of a recording, --line N takes a line before the damage)"
        ) from error
    except OSError as error:
        raise CommandError(f"{name} cannot be read ({error.strerror or error}); {TAKEN}") from error
    except MalformedResponseError as error:
        raise CommandError(f"{name}: {error}; {TAKEN}") from error


@contextmanager
def _opened(file: str) -> Iterator[io.BufferedIOBase]:
    raw = sys.stdin.buffer if file == STANDARD_INPUT else Path(file).expanduser().open("rb")
    try:
        # Of a pipe, `peek` gives what has arrived: at least one byte, and in practice a whole block.
        if cast("io.BufferedReader", raw).peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=raw) as plain:
                yield plain
        else:
            yield cast("io.BufferedIOBase", raw)
    finally:
        if file != STANDARD_INPUT:
            raw.close()


def _read(stream: io.BufferedIOBase, name: str, line: int | None) -> RecordedResponse:
    number, first = _first_line(stream, name)
    if name.removesuffix(".gz").endswith(".jsonl"):
        return _recording(stream, name, number, first, line)
    if first.startswith(b"{") and _is_whole(first):
        if b'"captured_at"' in first:
            return _recording(stream, name, number, first, line)
        rest = _take(stream, name, len(first))
        if rest.strip():
            raise CommandError(f"{name}: line {number} is JSON and more follows, but it has no captured_at; {TAKEN}")
        text = first
    else:
        text = first + _take(stream, name, len(first))
    if line is not None:
        raise UsageError(f"--line is for a recording, and {name} is one response: leave it out")
    if text.lstrip().startswith(b"{"):
        return _object(text, name)
    if not text.lstrip().startswith(b"["):
        begins = text.strip()[:40].decode("utf-8", "replace")
        what = "neither an array nor an object" if _is_whole(text) else "not JSON"
        raise CommandError(f"{name} is {what} (it begins with {begins!r}); {TAKEN}")
    return RecordedResponse(name, "response", text)


def _first_line(stream: io.BufferedIOBase, name: str) -> tuple[int, bytes]:
    number = 0
    while text := stream.readline(LARGEST + 1):
        number += 1
        _bound(len(text), name)
        text = text.removeprefix(b"\xef\xbb\xbf") if number == 1 else text
        if text.strip():
            return number, text
    raise CommandError(f"{name} is empty; {TAKEN}")


def _take(stream: io.BufferedIOBase, name: str, already: int) -> bytes:
    rest = stream.read(LARGEST + 1 - already)
    _bound(already + len(rest), name)
    return rest


def _bound(size: int, name: str) -> None:
    if size > LARGEST:
        raise CommandError(
            f"{name} holds a response larger than {LARGEST >> 20} MiB: ask the provider for fewer events,"
            " markets or bookmakers at a time"
        )


def _is_whole(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _recording(stream: io.BufferedIOBase, name: str, number: int, first: bytes, wanted: int | None) -> RecordedResponse:
    """The line asked for, or the last: the newest answer."""
    chosen, text = number, first
    while chosen != wanted and (following := stream.readline(LARGEST + 1)):
        _bound(len(following), name)
        number += 1
        if following.strip():
            chosen, text = number, following
    if wanted is not None and chosen != wanted:
        raise UsageError(f"{name} has no response on line {wanted} (its last is on line {chosen})")
    try:
        decoded = decode_line(text)
    except MalformedResponseError as error:
        remedy = "" if wanted is not None or chosen == 1 else "; --line N takes an earlier one"
        raise CommandError(f"{name}, line {chosen}: {error}{remedy}") from error
    lines = number if wanted is None else None
    return RecordedResponse(name, "recording", decoded.response, decoded.captured_at, chosen, lines)


def _object(text: bytes, name: str) -> RecordedResponse:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} is not JSON ({error}); {TAKEN}") from error
    if "captured_at" in found:
        decoded = decode_line(text)
        return RecordedResponse(name, "recording", decoded.response, decoded.captured_at, 1, 1)
    if "timestamp" in found and "data" in found:
        data = found["data"]
        events = data if isinstance(data, list) else [data]
        return RecordedResponse(name, "historical", events, parse_time(found["timestamp"], f"{name}: timestamp"))
    if "bookmakers" in found:
        return RecordedResponse(name, "event", [found])
    if "message" in found or "error_code" in found:
        said = ": ".join(str(found[key]) for key in ("error_code", "message") if found.get(key))
        said = said if len(said) <= _QUOTED else f"{said[:_QUOTED]}…"
        raise CommandError(f"{name} is an error answer of the provider, not odds ({said})")
    raise CommandError(f"{name} is an object of unknown kind; {TAKEN}")


def parse_time(text: object, what: str) -> datetime:
    """An ISO 8601 time with its zone, as UTC.

    Raises:
        UsageError: it is not one.
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
        if time is not None and time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"{what} is {text!r}: give a time with its zone, such as 2026-01-31T12:00:00Z")
