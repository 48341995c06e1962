"""The provider that plays a recording of The Odds API responses, at its own pace or faster."""

import asyncio
import math
import threading
from bisect import bisect_left
from collections.abc import Collection, Generator
from datetime import datetime
from pathlib import Path

from bet_intel.odds_ingest.domain.answer_time import after_the_answer
from bet_intel.odds_ingest.domain.quotes import Answer, Rejection
from bet_intel.odds_ingest.providers.port import InvalidSourceError
from bet_intel.odds_ingest.providers.replay.recording import Snapshot, decode_line, read_lines, survey
from bet_intel.odds_ingest.providers.the_odds_api.parse import ParsedResponse, parse_response
from bet_intel.odds_ingest.providers.the_odds_api.payload import MalformedResponseError


class ReplayProvider:
    """Plays a `.json`, `.jsonl` or `.jsonl.gz` recording (see `recording`).

    A position is a line number counted from 0. The answer at a position is that of the first readable line at or after
    it, with the unreadable lines before that as rejections; it depends on the position alone, so that reading may start
    anywhere. An answer speaks for the leagues in it, and an empty one for all that the recording has shown so far, or
    for none where it has shown several and each alone.

    Building one reads the file from end to end (a fraction of a second per 100 MB of JSON): do it off the event loop.
    """

    def __init__(self, path: Path, speed: float | None = None, now: datetime | None = None) -> None:
        """Open the recording at `path`, played `speed` times as fast as it was taken, or without pause where None. It
        was taken by `now`, where that is told.

        Raises:
            InvalidSourceError: the file cannot be read as a recording.
            ValueError: the speed is not above 0.
        """
        if speed is not None and not (math.isfinite(speed) and speed > 0):
            raise ValueError(f"the speed of a replay must be above 0, or None for no pause, but is {speed}")
        self._path = path
        self._speed = speed
        self._contents = survey(path, now)
        self._starts = [snapshot.line for snapshot in self._contents.snapshots]
        # A fetch that was cancelled runs on in its thread until the line is read: the next one must wait for it.
        self._reading = threading.Lock()
        self._lines: Generator[bytes] | None = None
        self._next_line = 0

    @property
    def name(self) -> str:
        """The recorded provider: events keep the ids they have when polled live."""
        return "the_odds_api"

    @property
    def total(self) -> int:
        """Number of lines: `Answer.position` reaches it with the last answer."""
        return self._contents.lines

    @property
    def is_live(self) -> bool:
        """Source time is the recording's."""
        return False

    @property
    def polled_leagues(self) -> Collection[str]:
        """Those that the recording shows anywhere."""
        return self._contents.shown_from

    @property
    def source_id(self) -> str:
        """Stable identity of the recording: file name, size in bytes and digest."""
        return self._contents.identity

    async def fetch(self, position: int) -> Answer | None:
        """The answer at `position`, or None at the end of the recording.

        Raises:
            InvalidSourceError: the file changed or vanished since it was opened.
            ValueError: the position is below 0.
        """
        # Decompressing and parsing a snapshot takes some milliseconds, skipping to a position up to seconds.
        return await asyncio.to_thread(self._fetch, position)

    async def aclose(self) -> None:
        """Close the file, off the event loop: a fetch that was cancelled may still be reading it."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Close the file. A later `fetch` opens it again."""
        with self._reading:
            self._close()

    def _fetch(self, position: int) -> Answer | None:
        if position < 0:
            raise ValueError(f"the position of a replay must not be below 0, but is {position}")
        index = bisect_left(self._starts, position)
        if index == len(self._starts):
            self.close()
            return None
        snapshot = self._contents.snapshots[index]
        with self._reading:
            text = self._read(snapshot)
        parsed = self._parse(text, snapshot)
        leagues = parsed.leagues
        if not leagues and not parsed.rejections:
            # Empty: nothing is left of all that was shown. (A response of which nothing could be read speaks for none.)
            leagues = self._contents.shown_until(snapshot.line)
        is_last = index + 1 == len(self._starts)
        due_in = 0.0
        if self._speed is not None and not is_last:
            pause = self._contents.snapshots[index + 1].captured_at - snapshot.captured_at
            due_in = pause.total_seconds() / self._speed
        return Answer(
            provider=self.name,
            leagues=leagues,
            as_of=snapshot.captured_at,
            events=parsed.events,
            rejections=snapshot.skipped + parsed.rejections + after_the_answer(parsed.events, snapshot.captured_at),
            position=self._contents.lines if is_last else snapshot.line + 1,
            due_in=due_in,
        )

    def _read(self, snapshot: Snapshot) -> bytes:
        """The line of a snapshot: from the open file where it lies ahead, else from the file's beginning."""
        if self._lines is None or self._next_line > snapshot.line:
            self._close()
            self._lines = read_lines(self._path)
        try:
            for text in self._lines:
                self._next_line += 1
                if self._next_line > snapshot.line:
                    return text
        except InvalidSourceError:
            self._close()
            raise
        self._close()
        raise self._changed(snapshot)

    def _parse(self, text: bytes, snapshot: Snapshot) -> ParsedResponse:
        try:
            if self._contents.is_bare:
                return parse_response(text, provider=self.name)
            line = decode_line(text)
            if line.captured_at != snapshot.captured_at:
                raise self._changed(snapshot)
            return parse_response(line.response, provider=self.name)
        except MalformedResponseError as error:
            # The survey looks at a line's envelope; what is wrong within shows only now.
            return ParsedResponse((), (Rejection(f"line {snapshot.line + 1}", str(error)),), frozenset())

    def _close(self) -> None:
        if self._lines is not None:
            self._lines.close()
        self._lines = None
        self._next_line = 0

    def _changed(self, snapshot: Snapshot) -> InvalidSourceError:
        return InvalidSourceError(
            f"{self._path}, line {snapshot.line + 1}: the recording is no longer what it was when it was opened; start "
            "again with a file that is not being written to"
        )
