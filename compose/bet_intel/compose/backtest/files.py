"""The files of a backtest: results and odds as CSV, or recordings."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import UTC
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from bet_intel.compose.commands.errors import CommandError
from bet_intel.odds_ingest.domain.quotes import Answer, Rejection
from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.replay.recording import Contents, decode_line, read_lines, survey
from bet_intel.odds_ingest.providers.the_odds_api.parse import ParsedResponse, parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import MalformedResponseError

_PROVIDER = "the_odds_api"
_LARGEST = 64 << 20


class Recording(NamedTuple):
    """A recording that was looked through."""

    path: Path
    contents: Contents


def is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def csv_bytes(path: Path) -> bytes:
    """
    Raises:
        CommandError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror or error})") from error
    if len(data) > _LARGEST:
        raise CommandError(f"{path} is larger than {_LARGEST >> 20} MiB: give a file for each season")
    return data


def looked_through(path: Path) -> Recording:
    """
    Raises:
        CommandError: it is no recording.
    """
    try:
        return Recording(path, survey(path))
    except InvalidSourceError as error:
        raise CommandError(f"{error}; a backtest takes .csv files, and recordings") from error


def answers(recordings: Sequence[Recording]) -> Iterator[Answer]:
    """Every answer of all recordings in the order of their times, those of one time in the order of paths: the order of
    `recordings` makes no difference. One answer is in memory; of files, those are open whose times overlap.

    Raises:
        CommandError: a recording is not what it was when it was looked through.
    """
    by_path = sorted(recordings, key=lambda one: str(one.path))
    order = [
        (snapshot.captured_at, place, snapshot is recording.contents.snapshots[-1])
        for place, recording in enumerate(by_path)
        for snapshot in recording.contents.snapshots
    ]
    reading = [_answers(recording) for recording in by_path]
    for _, place, is_last in sorted(order, key=itemgetter(0)):
        try:
            answer = next(reading[place], None)
        except InvalidSourceError as error:
            raise CommandError(str(error)) from error
        if answer is None:
            raise CommandError(f"{by_path[place].path} became shorter while it was read: start again when it is whole")
        yield answer
        if is_last:
            reading[place].close()


def _answers(recording: Recording) -> Generator[Answer]:
    path, contents = recording
    snapshots = {snapshot.line: snapshot for snapshot in contents.snapshots}
    with closing(read_lines(path)) as lines:
        for number, text in enumerate(lines):
            snapshot = snapshots.get(number)
            if snapshot is None:
                continue
            parsed = _parsed(text, is_bare=contents.is_bare)
            leagues = parsed.leagues
            if not leagues and not parsed.rejections:
                leagues = contents.shown_until(number)
            at = f"{path}, line {number + 1}"
            rejections = (
                *(Rejection(f"{path}, {one.where}", one.reason) for one in snapshot.skipped),
                *(Rejection(f"{at}: {one.where}" if one.where else at, one.reason) for one in parsed.rejections),
            )
            yield Answer(_PROVIDER, leagues, snapshot.captured_at.astimezone(UTC), tuple(parsed.events), rejections)


def _parsed(text: bytes, *, is_bare: bool) -> ParsedResponse:
    try:
        return parse_response(text if is_bare else decode_line(text).response, provider=_PROVIDER)
    except MalformedResponseError as error:
        return ParsedResponse((), (Rejection("", str(error)),), frozenset())
