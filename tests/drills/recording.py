"""What the drills play: one simulated hour, again and again, each time a day later and with events of its own.

So one cluster serves many drills: to it the plays are days that follow each other, and with day and marks taken off
they are the same.
"""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from bet_intel.odds_ingest.providers.simulator.fixtures import Fixture
from bet_intel.odds_ingest.providers.simulator.model import Simulation

SNAPSHOTS = 60
STEP = timedelta(seconds=60)
_SEED = 11
_START = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
_LEAGUES = frozenset({"soccer_simulated_premier", "tennis_simulated_open"})
_EVERY = 6
"""Of their events every sixth one: what is left keeps two cores busy at the speed of the drills, and no busier."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def mark_of(play: int) -> str:
    """What the ids of a play's events begin with."""
    return f"play{play:03d}x"


def shift_of(play: int) -> timedelta:
    """How much later a play is than the first."""
    return timedelta(days=play)


def start_of(play: int) -> datetime:
    return _START + shift_of(play)


def write_prelude(path: Path) -> None:
    """An answer without events, for a cluster that is started while the hour is being simulated."""
    with gzip.open(path, "wb") as lines:
        lines.write(msgspec.json.encode({"captured_at": (_START - STEP).isoformat(), "response": []}) + b"\n")


class Recording:
    """The hour, simulated once."""

    def __init__(self, snapshots: int = SNAPSHOTS) -> None:
        simulation = Simulation(_SEED, _is_played)
        self.snapshots = snapshots
        self._taken = [(at, simulation.snapshot(at)) for at in (_START + number * STEP for number in range(snapshots))]

    def write(self, path: Path, play: int) -> None:
        """Write a play as `.jsonl.gz`, in one step."""
        new = path.with_name(f"new.{path.name}")
        with gzip.open(new, "wb", compresslevel=1) as lines:
            for at, events in self._taken:
                response = [_told(event, play) for event in events]
                line = {"captured_at": (at + shift_of(play)).isoformat(), "response": response}
                lines.write(msgspec.json.encode(line) + b"\n")
        new.rename(path)

    @property
    def prices(self) -> int:
        """Of the first snapshot."""
        markets = (market for event in self._taken[0][1] for book in event["bookmakers"] for market in book["markets"])
        return sum(len(market["outcomes"]) for market in markets)

    @property
    def events(self) -> int:
        """Of the first snapshot."""
        return len(self._taken[0][1])


def _is_played(fixture: Fixture) -> bool:
    return fixture.league.key in _LEAGUES and crc32(fixture.id.encode()) % _EVERY == 0


def _told(event: dict[str, Any], play: int) -> dict[str, Any]:
    bookmakers = [
        {
            **book,
            "last_update": _later(book["last_update"], play),
            "markets": [{**market, "last_update": _later(market["last_update"], play)} for market in book["markets"]],
        }
        for book in event["bookmakers"]
    ]
    moved = {"id": mark_of(play) + event["id"], "commence_time": _later(event["commence_time"], play)}
    return {**event, **moved, "bookmakers": bookmakers}


def _later(text: str, play: int) -> str:
    return (datetime.strptime(text, _TIME).replace(tzinfo=UTC) + shift_of(play)).strftime(_TIME)
