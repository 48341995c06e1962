"""Reading a recording of v4 responses from a file: what it holds, and its lines one after another."""

import gzip
import hashlib
import io
import json
import re
import stat
import zlib
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from bet_intel.odds_ingest.domain.answer_time import answer_time
from bet_intel.odds_ingest.domain.quotes import Rejection
from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import LARGEST_RESPONSE, MalformedResponseError

_BLOCK = 1 << 20
_SPORT_KEY = re.compile(rb'"sport_key"\s*:\s*"([^"\\]+)"')
_EXPECTED = 'expected lines such as {"captured_at": "2026-01-31T12:00:00Z", "response": [...]}'


class RecordedLine(NamedTuple):
    """One line of a recording: when the response was taken (UTC), and the response as JSON text or decoded."""

    captured_at: datetime
    response: bytes | list[Any]


class _Line(msgspec.Struct):
    captured_at: Annotated[datetime, msgspec.Meta(tz=True)]
    response: msgspec.Raw


class _LooseLine(msgspec.Struct):
    captured_at: Annotated[datetime, msgspec.Meta(tz=True)]
    response: list[Any]


class Snapshot(NamedTuple):
    """One readable response of a recording. `skipped` are the unreadable lines reported together with it."""

    line: int
    captured_at: datetime
    skipped: tuple[Rejection, ...]


class Contents(NamedTuple):
    """What a recording holds. `is_bare` tells that it is one response without an envelope (a `.json` file).

    `snapshots` are its readable responses in the order of the file, `lines` is the number of its lines, `shown_from`
    tells for each sport key the (0-based) line that showed it first, `together_from` the first line that showed several
    (None where none did). `identity` is the same wherever the file lies, and
    another one as soon as a byte differs.
    """

    snapshots: tuple[Snapshot, ...]
    lines: int
    shown_from: dict[str, int]
    identity: str
    together_from: int | None = None
    is_bare: bool = False

    def shown_until(self, line: int) -> frozenset[str]:
        """What an empty answer at that line speaks for: where leagues were only ever shown one by one, nobody can
        tell."""
        shown = frozenset(key for key, first in self.shown_from.items() if first <= line)
        one_by_one = len(shown) > 1 and (self.together_from is None or self.together_from > line)
        return frozenset() if one_by_one else shown


def survey(path: Path, now: datetime | None = None) -> Contents:
    """Read a recording once from end to end. A response that tells no time was taken by `now`, where that is told.

    Raises:
        InvalidSourceError: the file is absent or damaged, holds no response, or its times go backwards.
    """
    _refuse_what_is_no_file(path)
    identity = _identity(path)
    if _is_single(path):
        return _survey_single(path, identity, now)
    snapshots: list[Snapshot] = []
    shown_from: dict[str, int] = {}
    together_from: int | None = None
    skipped: list[Rejection] = []
    number = -1
    for number, text in enumerate(read_lines(path)):
        if not text.strip():
            continue
        try:
            line = decode_line(text)
        except MalformedResponseError as error:
            skipped.append(Rejection(f"line {number + 1}", str(error)))
            continue
        keys = {key.decode("utf-8", "replace") for key in _SPORT_KEY.findall(text)}
        for key in keys:
            shown_from.setdefault(key, number)
        if len(keys) > 1 and together_from is None:
            together_from = number
        if snapshots and line.captured_at < snapshots[-1].captured_at:
            raise InvalidSourceError(
                f"{path}, line {number + 1}: captured_at goes back from {snapshots[-1].captured_at.isoformat()} to "
                f"{line.captured_at.isoformat()}; sort the lines of the recording by captured_at"
            )
        snapshots.append(Snapshot(number, line.captured_at, tuple(skipped)))
        skipped = []
    if not snapshots:
        first = f" (line 1: {skipped[0].reason})" if skipped else ""
        raise InvalidSourceError(f"{path} holds no recorded response{first}; {_EXPECTED}")
    # Unreadable lines at the end have no response after them: the last one speaks for them.
    last = snapshots.pop()
    snapshots.append(last._replace(skipped=last.skipped + tuple(skipped)))
    return Contents(tuple(snapshots), number + 1, shown_from, identity, together_from)


def decode_line(text: bytes) -> RecordedLine:
    """Decode one line of a recording.

    Raises:
        MalformedResponseError: it is not JSON, or lacks `captured_at` or `response`.
    """
    if len(text) > LARGEST_RESPONSE:
        raise MalformedResponseError(
            f"the response is larger than {LARGEST_RESPONSE >> 20} MiB: record fewer events, markets or bookmakers at "
            "a time"
        )
    try:
        text.decode("utf-8")
        try:
            line = msgspec.json.decode(text, type=_Line)
            if not bytes(line.response).startswith(b"["):
                raise MalformedResponseError(f"`response` must be an array of events; {_EXPECTED}")
            return RecordedLine(line.captured_at.astimezone(UTC), bytes(line.response))
        except msgspec.DecodeError:
            # The standard library reads NaN: one such price must not cost the whole line.
            loose = msgspec.convert(json.loads(text), type=_LooseLine)
            return RecordedLine(loose.captured_at.astimezone(UTC), loose.response)
    except MalformedResponseError:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        raise MalformedResponseError(f"not a recorded response ({error}); {_EXPECTED}") from error


def read_lines(path: Path) -> Generator[bytes]:
    """The lines of a recording; a `.json` file is one line. Of one that is too large to be taken there is only the
    beginning, one byte more than is taken.

    Closing the generator closes the file.

    Raises:
        InvalidSourceError: the file cannot be read, or its compression is damaged.
    """
    read = 0
    try:
        with _open(path) as file:
            if _is_single(path):
                lines: Iterator[bytes] = iter([file.read(LARGEST_RESPONSE + 1)])
            else:
                lines = _bounded_lines(file)
            for text in lines:
                yield text
                read += 1
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidSourceError(
            f"{path}: the gzip stream breaks off or is damaged after line {read} ({error}); fetch the file again, or "
            "keep the lines before it as an uncompressed .jsonl file"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _bounded_lines(file: io.BufferedIOBase) -> Iterator[bytes]:
    while text := file.readline(LARGEST_RESPONSE + 1):
        is_cut = len(text) > LARGEST_RESPONSE and not text.endswith(b"\n")
        yield text
        del text
        while is_cut:
            rest = file.readline(_BLOCK)
            is_cut = len(rest) == _BLOCK and not rest.endswith(b"\n")


def _refuse_what_is_no_file(path: Path) -> None:
    """A pipe would be waited for without a word, and can be read only once."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
        raise InvalidSourceError(
            f"{path} is {kind}, not a file: save the recording as a .json, .jsonl or .jsonl.gz file and name that"
        )


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _unreadable(path: Path, error: OSError) -> InvalidSourceError:
    return InvalidSourceError(
        f"{path} cannot be read ({error.strerror or error}); name an existing .json, .jsonl or .jsonl.gz file"
    )


def _is_single(path: Path) -> bool:
    name = path.name.removesuffix(".gz")
    if name.endswith(".json"):
        return True
    if name.endswith(".jsonl"):
        return False
    raise InvalidSourceError(
        f"{path}: the kind of a recording is told from its name: end it in .json, .jsonl or .jsonl.gz"
    )


def _survey_single(path: Path, identity: str, now: datetime | None) -> Contents:
    """A bare response tells no capture time: it was taken when its newest price was confirmed, or just after."""
    (text,) = read_lines(path)
    if len(text) > LARGEST_RESPONSE:
        raise InvalidSourceError(
            f"{path} holds a response larger than {LARGEST_RESPONSE >> 20} MiB: record fewer events, markets or "
            "bookmakers at a time"
        )
    try:
        parsed = parse_response(text, provider="")
    except MalformedResponseError as error:
        raise InvalidSourceError(f"{path}: {error}; a .json file must be one The Odds API v4 response") from error
    taken_at = answer_time(parsed.events, now)
    if taken_at is None:
        reason = f" ({parsed.rejections[0].where}: {parsed.rejections[0].reason})" if parsed.rejections else ""
        raise InvalidSourceError(
            f"{path} holds no price{reason}, so that its time is unknown; record it as a .jsonl line with captured_at"
        )
    return Contents((Snapshot(0, taken_at, ()),), 1, dict.fromkeys(parsed.leagues, 0), identity, is_bare=True)


def _identity(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = 0
            while block := file.read(_BLOCK):
                size += len(block)
                digest.update(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return f"{path.name}:{size}:{digest.hexdigest()[:32]}"
