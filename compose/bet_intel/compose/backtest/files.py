"""The files of a backtest: results and odds as CSV, or recordings."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bet_intel.compose.backtest.football_csv import Rejected
from bet_intel.compose.commands.errors import CommandError
from bet_intel.odds_ingest.domain.quotes import EventOdds
from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.replay.recording import decode_line, read_lines, survey
from bet_intel.odds_ingest.providers.the_odds_api.parse import parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import MalformedResponseError

_PROVIDER = "the_odds_api"
_LARGEST = 64 << 20


class Recording(NamedTuple):
    """A recording that was looked through: the numbers of its readable lines (from 0) with their times."""

    path: Path
    lines: dict[int, datetime]
    is_bare: bool
    skipped: list[Rejected]


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
        contents = survey(path)
    except InvalidSourceError as error:
        raise CommandError(f"{error}; a backtest takes .csv files, and recordings") from error
    skipped = [
        Rejected(f"{path}, {one.where}", one.reason) for snapshot in contents.snapshots for one in snapshot.skipped
    ]
    lines = {snapshot.line: snapshot.captured_at for snapshot in contents.snapshots}
    return Recording(path, lines, contents.is_bare, skipped)


def answers(recording: Recording, reject: Callable[[Rejected], None]) -> Iterator[tuple[Sequence[EventOdds], datetime]]:
    """Every answer of a recording with its time; what cannot be read of it is handed to `reject`."""
    for number, text in enumerate(read_lines(recording.path)):
        if number not in recording.lines:
            continue
        try:
            payload = text if recording.is_bare else decode_line(text).response
            parsed = parse_response(payload, provider=_PROVIDER)
        except MalformedResponseError as error:
            reject(Rejected(f"{recording.path}, line {number + 1}", str(error)))
            continue
        for one in parsed.rejections:
            reject(Rejected(f"{recording.path}, line {number + 1}: {one.where}", one.reason))
        yield parsed.events, recording.lines[number].astimezone(UTC)
