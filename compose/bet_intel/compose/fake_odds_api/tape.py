"""The recordings that are served: what each league showed at which time."""

import json
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from bet_intel.odds_ingest.providers.port import SourceUsageError
from bet_intel.odds_ingest.providers.replay.recording import decode_line, read_lines, survey
from bet_intel.odds_ingest.providers.the_odds_api.odds_format import OddsFormat, PriceReader

Event = dict[str, Any]


class _Frame(NamedTuple):
    at: datetime
    recording: int
    packed: bytes


class Showing(NamedTuple):
    """What the tape shows: the events, and the format their prices were recorded in."""

    events: list[Event]
    odds_format: OddsFormat


class Tape:
    """Recordings of The Odds API v4 responses, on one line of time. Packed, in memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the recordings (.json, .jsonl, .jsonl.gz) from end to end.

        Raises:
            SourceUsageError: none is named.
        InvalidSourceError: one cannot be read as a recording.
        """
        frames: list[_Frame] = []
        begins: list[datetime] = []
        self._leagues: list[set[str]] = []
        for number, path in enumerate(paths):
            contents = survey(path)
            begins.append(contents.snapshots[0].captured_at)
            self._leagues.append(set(contents.shown_from))
            times = {snapshot.line: snapshot.captured_at for snapshot in contents.snapshots}
            for line, text in enumerate(read_lines(path)):
                if line in times:
                    response = text if contents.is_bare else decode_line(text).response
                    frames.append(_Frame(times[line], number, zlib.compress(_bytes(response), 1)))
        if not frames:
            raise SourceUsageError("name at least one recording to serve")
        frames.sort(key=lambda frame: frame.at)
        self._frames = frames
        self._times = [frame.at for frame in frames]
        self._newest: tuple[int, Showing] | None = None
        self.begin = max(begins)
        """When every recording has begun."""
        self.end = frames[-1].at
        self.leagues: frozenset[str] = frozenset().union(*self._leagues)

    @property
    def length(self) -> int:
        """Number of responses on the tape."""
        return len(self._frames)

    def position(self, at: datetime) -> int:
        """How many responses were taken until then."""
        return bisect_right(self._times, at)

    def time(self, position: int) -> datetime:
        """When the response at a position, counted from 0, was taken."""
        return self._times[min(max(position, 0), len(self._times) - 1)]

    def show(self, league: str, at: datetime) -> Showing:
        """The events of a league by the newest response that speaks for it: one of a recording in which it appears."""
        for index in range(self.position(at) - 1, -1, -1):
            if league in self._leagues[self._frames[index].recording]:
                showing = self._unpack(index)
                events = [event for event in showing.events if event.get("sport_key") == league]
                return Showing(events, showing.odds_format)
        return Showing([], OddsFormat.DECIMAL)

    def _unpack(self, index: int) -> Showing:
        if self._newest is None or self._newest[0] != index:
            events = json.loads(zlib.decompress(self._frames[index].packed))
            events = [event for event in events if isinstance(event, dict)]
            self._newest = index, Showing(events, PriceReader(_prices(events)).odds_format)
        return self._newest[1]


class Playhead:
    """Where the tape is. It goes with `monotonic`, `speed` times as fast as recorded, or one response with each
    `step` where that is None; at its end it stands still, and so does its time."""

    def __init__(self, tape: Tape, speed: float | None, monotonic: Callable[[], float]) -> None:
        self._tape = tape
        self._speed = speed
        self._monotonic = monotonic
        self._started = monotonic()
        self._position = tape.position(tape.begin) - 1

    def now(self) -> datetime:
        """The time on the tape."""
        if self._speed is None:
            return self._tape.time(self._position)
        played = timedelta(seconds=(self._monotonic() - self._started) * self._speed)
        return min(self._tape.begin + played, self._tape.end)

    def step(self) -> None:
        """An answer with prices was given."""
        self._position = min(self._position + 1, self._tape.length - 1)


def _bytes(response: bytes | list[Any]) -> bytes:
    return response if isinstance(response, bytes) else json.dumps(response).encode()


def _prices(events: Sequence[Event]) -> list[float]:
    return [
        float(outcome["price"])
        for event in events
        for bookmaker in event.get("bookmakers", ())
        for market in bookmaker.get("markets", ())
        for outcome in market.get("outcomes", ())
        if isinstance(outcome.get("price"), int | float)
    ]


def utc_text(time: datetime) -> str:
    """A time as the service writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
